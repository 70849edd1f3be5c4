//! Small files that ask for much: time and memory stay those of the file and of the largest photo.

use crate::memory::bounded;
use dermx_data::{
    Dataset, Fill, Mask, Orientation, darwin, decode_photo, metadata, photo_size, read_photo,
};
use dermx_formats::coco::{self, CocoOptions};
use dermx_formats::{chexlocalize, cvat, darwin2, label_studio, labelme, open};
use dermx_run::config::Config;
use dermx_score::{read_map, read_predictions};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A part of a PNG, with its checksum.
fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(content);
    let length = (content.len() as u32).to_be_bytes();
    [&length, &kind[..], content, &crc.sum().to_be_bytes()].concat()
}

/// `piece` packed `num` times.
fn packed(piece: &[u8], num: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..num {
        encoder.write_all(piece).unwrap();
    }
    encoder.finish().unwrap()
}

/// The head of a PNG of `width` x `height` pixels of a color type and a depth.
fn head([height, width]: [u32; 2], depth: u8, color: u8, is_interlaced: bool) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let rest = [depth, color, 0, 0, u8::from(is_interlaced)];
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &[&size[..], &rest].concat())].concat()
}

/// A PNG of these parts between head and end.
fn png(head: Vec<u8>, parts: &[Vec<u8>]) -> Vec<u8> {
    [head, parts.concat(), chunk(b"IEND", &[])].concat()
}

/// A gray PNG whose rows are all `row`.
fn gray(size: [u32; 2], depth: u8, row: &[u8]) -> Vec<u8> {
    let row = [&[0], row].concat();
    let pixels = packed(&row, size[0] as usize);
    png(head(size, depth, 0, false), &[chunk(b"IDAT", &pixels)])
}

fn file(name: &str, bytes: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// What reading the file `name` of these bytes is refused with.
fn refused<T, E: ToString>(
    name: &str,
    bytes: impl AsRef<[u8]>,
    read: impl Fn(&Path) -> Result<T, E>,
) -> String {
    let (_folder, path) = file(name, bytes);
    let error = bounded(name, || read(&path).err().map(|error| error.to_string()));
    let error = error.unwrap_or_else(|| panic!("{name} is read"));
    assert!(error.contains(name), "{error}");
    assert!(error.len() < 2500, "{name}: a message of {} bytes", error.len());
    error
}

#[test]
fn photos_that_are_too_large_are_refused_by_their_head() {
    for size in [[60_000, 60_000], [10_001, 10_000], [1, 65_501], [u32::MAX, 1], [22_000, 22_000]] {
        // Nothing behind the head: who took memory first would say that the file is cut off.
        let error = refused("huge.png", head(size, 8, 2, false), read_photo);
        assert!(error.contains("at most 65500 per side") || error.contains("damaged"), "{error}");
        let _ = refused("huge.png", head(size, 8, 2, false), photo_size);
    }
    let frame = |marker: u8| {
        let rest = [8, 0xff, 0xff, 0xff, 0xff, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
        [&[0xff, 0xd8, 0xff, marker, 0, 17], &rest[..], &[0xff, 0xda, 0, 2, 0xff, 0xd9]].concat()
    };
    for marker in [0xc0, 0xc1, 0xc2] {
        let _ = refused("huge.jpg", frame(marker), read_photo);
    }
}

#[test]
fn a_jpeg_that_says_it_has_more_pixels_than_its_bytes_can_hold_is_refused() {
    for marker in [0xc0_u8, 0xc2] {
        let photo = image::RgbImage::new(64, 64);
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
        encoder.set_progressive(marker == 0xc2);
        encoder.encode(photo.as_raw(), 64, 64, jpeg_encoder::ColorType::Rgb).unwrap();
        let frame = bytes.windows(2).position(|two| two == [0xff, marker]).unwrap();
        // 9,999 x 9,999 pixels.
        bytes[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x0f, 0x27, 0x0f]);
        let error = refused("cut.jpg", &bytes, read_photo);
        assert!(error.contains("truncated"), "{error}");
        // With as many bytes as that many blocks need, behind the end of the photo.
        bytes.splice(bytes.len() - 2.., vec![0x55; 200_000]);
        bytes.extend([0xff, 0xd9]);
        let path = Path::new("long.jpg");
        let _ = bounded("long.jpg", || decode_photo(&bytes, path, Orientation::Apply).is_ok());
    }
}

#[test]
fn profiles_and_texts_of_a_gigabyte_are_passed_over() {
    let zeros = packed(&[0; 1 << 16], 1 << 14);
    let pixel = chunk(b"IDAT", &packed(&[0, 7], 1));
    for (kind, start) in [
        (b"iCCP", &b"profile\0\0"[..]),
        (b"zTXt", b"Comment\0\0"),
        (b"iTXt", b"Comment\0\x01\0\0\0"),
        (b"zTXt", b"Raw profile type exif\0\0"),
        (b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"),
    ] {
        let part = chunk(kind, &[start, &zeros].concat());
        let bytes = png(head([1, 1], 8, 0, false), &[part, pixel.clone()]);
        let (_folder, path) = file("text.png", &bytes);
        let photo = bounded("text.png", || read_photo(&path).unwrap());
        assert_eq!(photo.as_raw(), &[7, 7, 7]);
        assert!(bounded("text.png", || photo_size(&path).is_ok()));
        assert_eq!(bounded("text.png", || Mask::read_positive_png(&path).unwrap().area()), 1);
        assert!(bounded("text.png", || read_map(&path).is_ok()));
    }
}

#[test]
fn maps_and_masks_have_the_limit_of_photos() {
    let vast = gray([22_000, 22_000], 8, &[0; 22_000]);
    assert!(vast.len() < 5_000_000);
    let error = refused("vast.png", &vast, read_map);
    assert!(error.contains("is a map of 22000x22000 values; expected 1 to 100000000"), "{error}");
    let error = refused("vast.png", &vast, Mask::read_png);
    assert!(error.contains("22000x22000 pixels (height x width); expected at most 100"), "{error}");
    // The largest there may be.
    let (_folder, path) = file("large.png", gray([10_000, 10_000], 1, &[0xff; 1250]));
    assert!(bounded("large.png", || read_map(&path).is_ok()));
    assert_eq!(bounded("large.png", || Mask::read_png(&path).unwrap().area()), 100_000_000);
    // 50 million runs in some kilobytes.
    let error = refused("dots.png", gray([10_000, 10_000], 1, &[0x55; 1250]), Mask::read_png);
    assert!(error.contains("runs of pixels, far more than drawn masks have"), "{error}");
    // Four channels of 16 bits.
    let row = [&[0][..], &[0xff; 40_000]].concat();
    let pixels = chunk(b"IDAT", &packed(&row, 5000));
    let (_folder, path) = file("deep.png", png(head([5000, 5000], 16, 6, false), &[pixels]));
    assert_eq!(bounded("deep.png", || Mask::read_png(&path).unwrap().area()), 25_000_000);
}

#[test]
fn headers_of_npy_files_are_read_in_no_time() {
    for deep in ["[", "(", "{", "'", "{'descr': [", "{'shape': ((", "{'descr':[('a',["] {
        for num in [30, 60_000] {
            let header = format!("{{'descr': {}", deep.repeat(num / deep.len()));
            for version in [1, 2, 3] {
                let length = match version {
                    1 => (header.len() as u16).to_le_bytes().to_vec(),
                    _ => (header.len() as u32).to_le_bytes().to_vec(),
                };
                let start = [b"\x93NUMPY", &[version, 0][..], &length].concat();
                let _ = refused("deep.npy", [&start, header.as_bytes()].concat(), read_map);
            }
        }
    }
    for shape in ["(4000000000, 4000000000)", "(99999999999999999999, 2)", "(10001, 10000)"] {
        let header = format!("{{'descr': '|u1', 'fortran_order': True, 'shape': {shape}, }}");
        let start = b"\x93NUMPY\x01\x00\x76\x00".as_slice();
        let bytes = [start, format!("{header:<117}\n").as_bytes()].concat();
        let error = refused("large.npy", bytes, read_map);
        assert!(error.contains("is a map of"), "{error}");
    }
}

/// Up and down over all rows `num` times.
fn zigzag(num: usize, height: u32) -> Vec<[u32; 2]> {
    (0..num as u32).map(|idx| [idx % 1000, (idx % 2) * (height - 1)]).collect()
}

#[test]
fn outlines_cost_no_more_than_drawn_ones() {
    // 1500 x 65,535 is below 100 megapixels; 5,000 edges cross 328 million rows.
    for (size, is_large) in [([65_535, 65_535], true), ([65_535, 1500], false)] {
        let [height, width] = size;
        let expected = if is_large { "100 megapixels" } else { "cross " };
        let points = zigzag(5000, height);
        let path: Vec<String> =
            points.iter().map(|[x, y]| format!("{{\"x\":{x},\"y\":{y}}}")).collect();
        let path = path.join(",");
        let flat: Vec<String> = points.iter().map(|[x, y]| format!("{x},{y}")).collect();
        let darwin_1 = format!(
            "{{\"image\":{{\"width\":{width},\"height\":{height}}},\"annotations\":[{{\"name\":\"Scar\",\
             \"polygon\":{{\"path\":[{path}]}}}}]}}"
        );
        let error = refused("derm1_a.json", darwin_1, darwin::read_evaluation);
        assert!(error.contains(expected) && error.contains("json: "), "{error}");
        let coco = format!(
            "{{\"images\":[{{\"id\":1,\"file_name\":\"a\",\"height\":{height},\"width\":{width}}}],\
             \"categories\":[{{\"id\":1,\"name\":\"a\"}}],\"annotations\":[{{\"image_id\":1,\
             \"category_id\":1,\"segmentation\":[[{}]]}}]}}",
            flat.join(",")
        );
        let error = refused("coco.json", coco, |path| {
            let rater = coco::Rater::Named("r".to_owned());
            coco::read(path, &CocoOptions { rater, fill: Fill::Coco })
        });
        assert!(error.contains(expected), "{error}");
        let ring: Vec<String> = points.iter().map(|[x, y]| format!("[{x},{y}]")).collect();
        let chexlocalize = format!(
            "{{\"p\":{{\"img_size\":[{height},{width}],\"Edema\":[[{}]]}}}}",
            ring.join(",")
        );
        let error = refused("chex.json", chexlocalize, |path| chexlocalize::read(path, "gt"));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn many_outlines_of_one_reading_are_as_costly_as_one() {
    // 62 edges cross 62 x 65,534 = 4,063,108 rows, which one outline may; five are over 2^24.
    let flat: Vec<String> =
        zigzag(62, 65_535).iter().map(|[x, y]| format!("{{\"x\":{x},\"y\":{y}}}")).collect();
    let outline = format!("{{\"name\":\"Scar\",\"polygon\":{{\"path\":[{}]}}}}", flat.join(","));
    let json = |num: usize| {
        let outlines = vec![outline.as_str(); num].join(",");
        format!("{{\"image\":{{\"width\":1500,\"height\":65535}},\"annotations\":[{outlines}]}}")
    };
    let (_folder, path) = file("derm1_a.json", json(4));
    let area =
        bounded("four", || darwin::read_evaluation(&path).unwrap().union_mask().unwrap().area());
    assert!(area > 1_000_000);
    let error = refused("derm1_a.json", json(5), darwin::read_evaluation);
    assert!(
        error.contains("annotations[4]: `Scar`: the edges of the outlines up to this one"),
        "{error}"
    );
}

#[test]
fn run_lengths_cost_no_more_than_their_file_explains() {
    // Every second column of an image of 9,999 rows: two counts a column make 9,999 runs.
    let stripes = vec!["9999"; 9998].join(",");
    let rle = |counts: &str| {
        format!("{{\"p\":{{\"Edema\":{{\"size\":[9999,9998],\"counts\":[{counts}]}}}}}}")
    };
    let error = refused("stripes.json", rle(&stripes), |path| chexlocalize::read(path, "gt"));
    assert!(error.contains("runs in its rows"), "{error}");
    // 400 stripes make 4 million runs, which a mask may have; of a file of 2 kB they are too many.
    let few = format!("{},{}", vec!["9999"; 799].join(","), 9999 * (9998 - 799));
    let error = refused("few.json", rle(&few), |path| chexlocalize::read(path, "gt"));
    assert!(error.contains("far larger than the file itself"), "{error}");
    let cvat = "<annotations><image name=\"a\" width=\"1500\" height=\"65535\">".to_owned()
        + &"<mask label=\"A\" rle=\"0,65535\" left=\"0\" top=\"0\" width=\"1\" height=\"65535\"/>"
            .repeat(500)
        + "</image></annotations>";
    let error =
        refused("masks.xml", cvat, |path| cvat::read(path, cvat::Rater::Name("r"), Fill::Pil));
    assert!(error.contains("far larger than the file itself"), "{error}");
    for [width, height] in [[65_535, 65_535], [99_999_999, 99_999_999]] {
        let huge = format!(
            "<annotations><image name=\"a\" width=\"{width}\" height=\"{height}\"/></annotations>"
        );
        let error =
            refused("huge.xml", huge, |path| cvat::read(path, cvat::Rater::Name("r"), Fill::Pil));
        assert!(error.contains("line 1: "), "{error}");
    }
}

#[test]
fn masks_in_json_cost_no_more_than_their_file_explains() {
    let item = |width: u32, height: u32| {
        format!(
            "\"version\":\"2.0\",\"item\":{{\"name\":\"a\",\"slots\":[{{\"width\":{width},\"height\":{height}}}]}}"
        )
    };
    let ids: Vec<String> = (0..400).map(|id| format!("\"{id}\":1")).collect();
    let masks: Vec<String> =
        (0..400).map(|id| format!("{{\"id\":\"{id}\",\"name\":\"m\",\"mask\":{{}}}}")).collect();
    // A mask of 65,535 rows, which 400 annotations share.
    let runs = "1,1,0,1499,".repeat(6000) + &format!("0,{}", 1500 * (65_535 - 6000));
    let layers = format!(
        "{{{},\"annotations\":[{{\"name\":\"l\",\"raster_layer\":{{\"dense_rle\":[{runs}],\
         \"mask_annotation_ids_mapping\":{{{}}}}}}},{}]}}",
        item(1500, 65_535),
        ids.join(","),
        masks.join(",")
    );
    let (_folder, path) = file("layers.json", layers);
    let _ = bounded("layers.json", || darwin2::read(&path, Some("r"), Fill::Darwin).is_ok());
    let huge = format!("{{{},\"annotations\":[]}}", item(65_535, 65_535));
    let error = refused("huge.json", huge, |path| darwin2::read(path, Some("r"), Fill::Darwin));
    assert!(error.contains("item.slots") && error.contains("100 megapixels"), "{error}");

    let brush = |width: u32, height: u32| {
        format!(
            "[{{\"data\":{{\"image\":\"a.jpg\"}},\"annotations\":[{{\"completed_by\":1,\"result\":[{{\"type\":\
             \"brushlabels\",\"original_width\":{width},\"original_height\":{height},\"value\":{{\"rle\":\
             [255,255,255,255,57,27,248],\"brushlabels\":[\"A\"]}}}}]}}]}}]"
        )
    };
    for (width, height) in [(65_535, 65_535), (10_000, 10_000)] {
        let error =
            refused("brush.json", brush(width, height), |path| label_studio::read(path, Fill::Pil));
        assert!(error.contains("[0].annotations[0].result[0]"), "{error}");
    }

    let png = base64(&gray([9999, 9999], 1, &[0x55; 1250]));
    let embedded = format!(
        "{{\"imagePath\":\"a.jpg\",\"imageHeight\":9999,\"imageWidth\":9999,\"shapes\":[{{\"label\":\"A\",\
         \"shape_type\":\"mask\",\"points\":[[0,0],[9998,9998]],\"mask\":\"{png}\"}}]}}"
    );
    let error = refused("embedded.json", embedded, |path| labelme::read(path, "r", Fill::Pil));
    assert!(error.contains("shapes[0]") && error.contains("far larger than the file"), "{error}");
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let padded =
            [three[0], three.get(1).copied().unwrap_or(0), three.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[test]
fn tables_of_many_columns_or_long_lines_are_refused_in_a_few_words() {
    let names: Vec<String> = (0..300_000).map(|idx| format!("c{idx}")).collect();
    let error = refused("wide.csv", names.join(",") + "\n", read_predictions);
    assert!(error.contains("line 1: found 300000 columns; expected at most 65536"), "{error}");
    let _ = refused("commas.csv", ",".repeat(2_000_000), read_predictions);
    let error = refused("long.csv", "x".repeat(20_000_000), read_predictions);
    assert!(error.contains("found no column `image_id`"), "{error}");
    let error = refused("named.csv", names[..60_000].join(";") + "\n", metadata::read);
    assert!(error.contains("found no column `original_filename`"), "{error}");
    let long = format!(
        "image_id,predicted\n{0},{1}\n{0},{1}\n",
        "a".repeat(3_000_000),
        "b".repeat(3_000_000)
    );
    let error = refused("cells.csv", long, read_predictions);
    assert!(error.contains("line 3, column `image_id`"), "{error}");
}

/// What loading a configuration of this text says.
fn config_refused(text: impl AsRef<[u8]>) -> String {
    refused("a.toml", text, |path| Config::load(&path.display().to_string(), &[]))
}

fn data_set_refused(text: impl AsRef<[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dataset.toml"), text).unwrap();
    let read = || open(folder.path()).map(|_: Dataset| ()).unwrap_err().to_string();
    let error = bounded("dataset.toml", read);
    assert!(error.contains("dataset.toml") && error.len() < 10_000, "{error}");
    error
}

#[test]
fn toml_of_many_keys_takes_the_time_of_its_length() {
    let keys: String = (0..100_000).map(|idx| format!("k{idx} = {idx}\n")).collect();
    let error = data_set_refused(&keys);
    assert!(
        error.contains("line 1: there is no key `k0`") && error.contains("more problems"),
        "{error}"
    );
    let (_folder, path) = file("a.toml", format!("[run]\n{keys}"));
    let load = || Config::load(&path.display().to_string(), &[]).unwrap_err().to_string();
    let error = bounded("a.toml", load);
    assert!(
        error.contains("a.toml:2: `run.k0` is not known") && error.contains("more problems"),
        "{error}"
    );
    assert!(error.len() < 20_000, "{} bytes", error.len());
}

#[test]
fn a_line_of_100_kb_is_not_printed_whole() {
    let long = "x".repeat(100_000);
    for text in [
        format!("[run]\nname = \"{long}\n"),
        format!("[run]\n{long} = 1\n"),
        format!("[run]\nepochs = \"{long}\"\n"),
        format!("[run]\n{long}\n"),
        format!("[run]\nepochs = {long}\n"),
        format!("[{long}\n"),
        format!("base = \"{long}\"\n"),
    ] {
        let (_folder, path) = file("a.toml", &text);
        let load = || Config::load(&path.display().to_string(), &[]).unwrap_err().to_string();
        let error = bounded("a.toml", load);
        let longest = error.lines().map(str::len).max().unwrap();
        assert!(longest < 1000, "{:.100}: a line of {longest} bytes: {error:.300}", text);
        let error = data_set_refused(&text);
        assert!(error.len() < 2100, "{:.100}: {} bytes", text, error.len());
    }
    let error = config_refused(format!("[run]\nname = \"{long}\nepochs = 1\n"));
    assert!(error.contains("line 2, column "), "{error}");
}
