//! Files that were damaged at random: each is read, or refused with its file and the place in it.

use crate::golden::folder;
use dermx_data::{DataError, ErrorKind, Fill, ImageSize, Random};
use dermx_formats::{Annotations, boxes, cvat, darwin2, label_studio, labelme};
use std::fs;
use std::path::Path;

/// Files of each format, or half of them where it is read in two ways.
const NUM_FILES: u64 = 2000;

/// Pieces that mean something in one of the formats, or that are absurd.
const PIECES: [&str; 38] = [
    "null",
    "true",
    "0",
    "-1",
    "1",
    "2.5",
    "3",
    "255",
    "256",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "1e308",
    "-1e308",
    "1e999",
    "nan",
    "inf",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[[",
    "]]",
    ",",
    ";",
    ":",
    "\"",
    "<",
    ">",
    "</image>",
    "<image>",
    "&lt;",
    "&x;",
    "\u{feff}",
    "\u{0}",
    "\n",
];

/// Replaces, cuts, copies, moves and repeats some pieces.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            return;
        }
        let start = random.below(bytes.len());
        let end = (start + 1 + random.below(40)).min(bytes.len());
        let number = number_at(bytes, start);
        match random.below(16) {
            0 => bytes[start] ^= 1 << random.below(8),
            1 => bytes[start] = 0xff,
            2 | 3 => drop(bytes.drain(start..end)),
            4 => bytes.truncate(start),
            5 => bytes.extend_from_within(start..),
            6 | 7 => {
                let piece = bytes[start..end].to_vec();
                let at = random.below(bytes.len());
                drop(bytes.splice(at..at, piece));
            }
            8 | 9 => {
                let piece = random.pick(&PIECES).unwrap().bytes();
                drop(bytes.splice(start..start, piece));
            }
            // A number becomes another one, so that the file can still be parsed.
            _ => {
                let piece = random.pick(&PIECES[..17]).unwrap().bytes();
                drop(bytes.splice(number, piece));
            }
        }
    }
}

/// The bytes of the first number from `start`.
fn number_at(bytes: &[u8], start: usize) -> std::ops::Range<usize> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let first = bytes[start..].iter().position(u8::is_ascii_digit).map_or(start, |at| start + at);
    let length = bytes[first..].iter().position(|byte| !is_part(byte));
    first..length.map_or(bytes.len(), |length| first + length)
}

/// Damages `originals` and reads each; at least some must be read, and some refused.
fn check(
    name: &str,
    num_files: u64,
    originals: &[Vec<u8>],
    read: impl Fn(&Path) -> Result<Annotations, DataError>,
) {
    let folder = tempfile::tempdir().unwrap();
    let mut num_read = 0;
    for number in 0..num_files {
        let mut random = Random::new(21, "mutate", number, name);
        let mut bytes = random.pick(originals).unwrap().clone();
        mutate(&mut bytes, &mut random);
        // A new file each time: to cut an old one off can take long.
        let path = folder.path().join(format!("{number}-{name}"));
        fs::write(&path, &bytes).unwrap();
        match read(&path) {
            Ok(annotations) => {
                num_read += 1;
                use_all(&annotations);
            }
            Err(error) => {
                assert_eq!((error.kind, &error.path), (ErrorKind::Invalid, &path), "{error}");
                assert!(!error.place.is_empty() && !error.message.is_empty(), "{number}: {error}");
            }
        }
    }
    assert!((num_files / 20..num_files).contains(&num_read), "{name}: read {num_read}");
}

/// What was read is whole: masks have the size of their image, and outlines can be filled.
fn use_all(annotations: &Annotations) {
    for reading in &annotations.readings {
        assert!(annotations.images.iter().any(|image| image.name == reading.image));
        let size = reading.size.unwrap_or(ImageSize::new(9, 9));
        for region in &reading.regions {
            if let dermx_data::Shape::Mask(mask) = &region.shape {
                assert_eq!(mask.size(), size);
            } else if size.num_pixels() < 10_000 {
                assert_eq!(region.shape.mask(size).size(), size);
            }
        }
    }
}

fn files(paths: &[&str]) -> Vec<Vec<u8>> {
    paths.iter().map(|path| fs::read(folder(path)).unwrap()).collect()
}

#[test]
fn damaged_files_of_label_studio_are_read_or_refused() {
    // The image has one row and three columns, its brush the pixels 1 and 2.
    let small = br#"[{"id":1,"data":{"image":"/data/upload/1/abcdef12-a.jpg"},"predictions":[],
        "annotations":[{"completed_by":{"email":"ann@x.org"},"was_cancelled":false,"result":[
        {"id":"a","type":"polygonlabels","to_name":"image","original_width":3,"original_height":1,
        "image_rotation":0,"value":{"points":[[10,10],[50,20.5],[30,90]],"polygonlabels":["A","B"]}},
        {"id":"b","type":"ellipselabels","to_name":"image","original_width":3,"original_height":1,
        "value":{"x":50,"y":50,"radiusX":10,"radiusY":20,"rotation":30,"ellipselabels":["A"]}},
        {"id":"c","type":"rectanglelabels","to_name":"image","original_width":3,"original_height":1,
        "value":{"x":50,"y":50,"width":10,"height":20,"rotation":30,"rectanglelabels":["A"]}},
        {"id":"d","type":"brushlabels","to_name":"image","original_width":3,"original_height":1,
        "value":{"format":"rle","rle":[0,0,0,12,57,27,248,1,50,128,72,10],"brushlabels":["A"]}},
        {"id":"a","type":"choices","value":{"choices":["red"]}}]}]}]"#;
    check("export.json", NUM_FILES, &[small.to_vec()], |path| {
        label_studio::read(path, Fill::Darwin)
    });
}

#[test]
fn damaged_files_of_cvat_are_read_or_refused() {
    let files = files(&["cvat/annotations.xml"]);
    check("by.xml", NUM_FILES / 2, &files, |path| {
        cvat::read(path, cvat::Rater::Name("Ann"), Fill::Darwin)
    });
    let small = b"<annotations><image name=\"a\" width=\"9\" height=\"7\">\
        <box label=\"A\" xtl=\"1\" ytl=\"2\" xbr=\"5\" ybr=\"4\" rotation=\"9\">\
        <attribute name=\"who\">Ann</attribute><attribute name=\"degree\">2</attribute></box>\
        <mask label=\"A\" rle=\"1, 3, 2\" left=\"2\" top=\"1\" width=\"3\" height=\"2\">\
        <attribute name=\"who\">Bob</attribute></mask>\
        <ellipse label=\"A\" cx=\"4\" cy=\"3\" rx=\"2\" ry=\"1\"><attribute name=\"who\">Bob</attribute>\
        </ellipse></image></annotations>";
    let rater = cvat::Rater::Attribute("who");
    check("in.xml", NUM_FILES / 2, &[small.to_vec()], |path| cvat::read(path, rater, Fill::Darwin));
}

#[test]
fn damaged_files_of_labelme_are_read_or_refused() {
    let files = files(&["labelme/files/cat/masks.json", "labelme/files/cat/rectangles.json"]);
    let circle =
        br#"{"imagePath":"a.jpg","imageHeight":9,"imageWidth":7,"flags":{"a":true},"shapes":[
        {"label":"A","points":[[3,3],[5,4]],"shape_type":"circle"},
        {"label":"B","points":[[3,3],[5,4],[4,6]],"shape_type":null,"flags":{"b":true}}]}"#;
    let files: Vec<_> = files.into_iter().chain([circle.to_vec()]).collect();
    check("file.json", NUM_FILES, &files, |path| labelme::read(path, "Ann", Fill::Darwin));
}

#[test]
fn damaged_files_of_darwin_2_are_read_or_refused() {
    let files = files(&["darwin2/files/a.json", "darwin2/files/b.json"]);
    check("file.json", NUM_FILES, &files, |path| darwin2::read(path, None, Fill::Darwin));
}

#[test]
fn damaged_tables_of_boxes_are_read_or_refused() {
    let pixels = b"image,rater,concept,a,b,c,d,width,height\na.jpg,Ann,Beak,1,2,3,4,20,10\n\
        b.jpg,Bob,No finding,,,,,,\na.jpg,Bob,\"Tail, long\",1.5,2.25,3.75,4.5,20,10\n";
    let options = boxes::BoxOptions {
        image: "image",
        rater: boxes::Cell::Column("rater"),
        concept: boxes::Cell::Column("concept"),
        numbers: ["a", "b", "c", "d"],
        corners: boxes::Corners::Xyxy,
        unit: boxes::Unit::Pixels,
        inclusive: true,
        size: Some(["width", "height"]),
        sizes: None,
    };
    check("inclusive.csv", NUM_FILES / 2, &[pixels.to_vec()], |path| boxes::read(path, &options));
    let options = boxes::BoxOptions { unit: boxes::Unit::Fraction, inclusive: false, ..options };
    let fractions = String::from_utf8(pixels.to_vec()).unwrap().replace(",1,2,", ",0.1,0.2,");
    check("fraction.csv", NUM_FILES / 2, &[fractions.into_bytes()], |path| {
        boxes::read(path, &options)
    });
}
