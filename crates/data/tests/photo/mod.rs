//! Decoding: colors against Pillow, and what happens to files that are no good.

use crate::hex;

use dermx_data::{DataError, ErrorKind, Orientation, decode_photo, read_photo};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};
use serde::Deserialize;
use std::path::Path;
use zune_jpeg::zune_core::{bytestream::ZCursor, options::DecoderOptions};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    size: [u32; 2],
    file: String,
    rgb: String,
}

fn cases() -> Vec<Case> {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).expect("golden.json");
    golden.cases
}

fn file(name: &str) -> Vec<u8> {
    let case = cases().into_iter().find(|case| case.name == name).expect("a golden case");
    hex::bytes(&case.file)
}

fn decode(bytes: &[u8]) -> Result<RgbImage, DataError> {
    decode_photo(bytes, Path::new("photos/x.jpg"), Orientation::Apply)
}

/// A photo of 300 x 400 pixels with some texture, as baseline JPEG.
fn large_jpeg() -> Vec<u8> {
    let photo = RgbImage::from_fn(400, 300, |x, y| {
        Rgb([(x / 2) as u8, (y / 2 + x % 7) as u8, ((x * y / 50) % 200) as u8])
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&photo).expect("encodes");
    bytes
}

fn png(values: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(values, width, height, color).expect("encodes");
    bytes
}

/// The error, after checking that it names the file.
fn refused(bytes: &[u8]) -> DataError {
    let error = decode(bytes).expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    assert!(error.to_string().starts_with("photos/x.jpg: "), "{error}");
    error
}

#[test]
fn colors_and_orientation_are_those_of_pillow() {
    for case in cases() {
        let photo = decode(&hex::bytes(&case.file)).expect(&case.name);
        assert_eq!([photo.height(), photo.width()], case.size, "{}", case.name);
        let differences: Vec<u8> = std::iter::zip(photo.as_raw(), hex::bytes(&case.rgb))
            .map(|(ours, theirs)| ours.abs_diff(theirs))
            .collect();
        let max = differences.iter().copied().max().expect("pixels");
        let mean =
            differences.iter().map(|&d| f64::from(d)).sum::<f64>() / differences.len() as f64;
        // What is left to another decoder is rounded differently.
        let is_rounded =
            ["progressive", "cmyk", "ycck"].iter().any(|kind| case.name.contains(kind));
        let (max_allowed, mean_allowed) = if is_rounded { (3, 0.15) } else { (0, 0.0) };
        eprintln!("{}: max {max}, mean {mean:.3}", case.name);
        assert!(max <= max_allowed && mean <= mean_allowed, "{}: {max} {mean}", case.name);
    }
}

#[test]
fn ignored_orientation_leaves_the_pixels_as_stored() {
    let bytes = file("orientation_6");
    let stored = decode_photo(&bytes, Path::new("x"), Orientation::Ignore).expect("decodes");
    let seen = decode(&bytes).expect("decodes");
    assert_eq!((stored.width(), stored.height()), (26, 18));
    assert_eq!((seen.width(), seen.height()), (18, 26));
    // Orientation 6: the stored top left corner is seen at the top right.
    assert_eq!(stored.get_pixel(0, 0), seen.get_pixel(17, 0));
}

#[test]
fn sixteen_bits_become_the_high_byte() {
    let values: Vec<u8> =
        [0x1234_u16, 0xFFFF, 0x00FF].into_iter().flat_map(u16::to_ne_bytes).collect();
    let rgb = decode(&png(&values, 1, 1, ExtendedColorType::Rgb16)).expect("decodes");
    assert_eq!(rgb.as_raw(), &[0x12, 0xFF, 0x00]);
    let gray = decode(&png(&values, 3, 1, ExtendedColorType::L16)).expect("decodes");
    assert_eq!(gray.as_raw(), &[0x12, 0x12, 0x12, 0xFF, 0xFF, 0xFF, 0, 0, 0]);
}

#[test]
fn the_content_tells_the_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("really_a_png.jpg");
    std::fs::write(&path, png(&[1, 2, 3], 1, 1, ExtendedColorType::Rgb8)).expect("writes");
    assert_eq!(read_photo(&path).expect("decodes").as_raw(), &[1, 2, 3]);
}

#[test]
fn every_truncated_jpeg_is_refused() {
    for case in cases().iter().filter(|case| !case.name.starts_with("png")) {
        let bytes = hex::bytes(&case.file);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{} cut at {length}", case.name);
        }
    }
    let bytes = large_jpeg();
    decode(&bytes).expect("whole");
    for percent in 10..100 {
        let error = refused(&bytes[..bytes.len() * percent / 100]);
        assert!(error.message.contains("truncated"), "{percent} %: {error}");
    }
}

#[test]
fn a_truncated_png_is_refused_or_whole() {
    for case in cases().iter().filter(|case| case.name.starts_with("png")) {
        let bytes = hex::bytes(&case.file);
        for length in 0..bytes.len() {
            // Only the end marker (12 bytes) may be missing: it holds no pixels.
            match decode(&bytes[..length]) {
                Ok(photo) => assert!(
                    length >= bytes.len() - 16 && photo.as_raw() == &hex::bytes(&case.rgb),
                    "{} cut at {length} of {}",
                    case.name,
                    bytes.len()
                ),
                Err(error) => assert_eq!(error.kind, ErrorKind::Invalid),
            }
        }
    }
}

#[test]
fn huge_photos_are_refused_by_their_header() {
    let mut jpeg = file("baseline");
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame header");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]);
    assert!(refused(&jpeg).message.contains("65535x65535"));
    // Within the limits, yet far more than the file can hold.
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x20, 0x00, 0x20, 0x00]);
    assert!(refused(&jpeg).message.contains("truncated"));

    for (width, height) in [(60_000_u32, 60_000_u32), (65_501, 1), (1, 4_000_000_000)] {
        let mut png = file("png_rgb");
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(!refused(&png).message.is_empty());
    }
}

/// The checksum of a PNG chunk, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes
        .iter()
        .fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

#[test]
fn what_is_no_photo_is_named_for_what_it_is() {
    assert!(refused(b"GIF89a rest").message.contains("image/gif"));
    assert!(refused(b"").message.contains("empty"));
    assert!(refused(b"id,label\n1,Acne\n").message.contains("neither JPEG nor PNG"));
    let missing = read_photo(Path::new("/nowhere/x.jpg")).expect_err("no such file");
    assert_eq!(missing.kind, ErrorKind::Missing);
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(read_photo(folder.path()).expect_err("a folder").kind, ErrorKind::Invalid);
}

#[test]
fn kinds_of_jpeg_that_are_not_read_are_named_and_not_called_damaged() {
    let whole = file("baseline");
    let frame = whole.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame header");
    let kind = |marker: u8, bits: u8| {
        let mut file = whole.clone();
        file[frame + 1] = marker;
        file[frame + 4] = bits;
        refused(&file).message
    };
    for (marker, bits, name) in [
        (0xC9, 8, "is a JPEG with arithmetic coding;"),
        (0xC3, 8, "is a JPEG with lossless coding;"),
        (0xC5, 8, "is a JPEG with hierarchical coding;"),
        (0xC1, 12, "is a JPEG of 12 bits a value, not 8;"),
    ] {
        let expected =
            format!("{name} this kind is not read: convert it to an 8-bit baseline JPEG or a PNG");
        assert_eq!(kind(marker, bits), expected);
    }
    let mut apple = file("png_rgb");
    apple.splice(
        8..8,
        [0, 0, 0, 4, b'C', b'g', b'B', b'I', 0x50, 0, 0x20, 2, 0x2B, 0xD5, 0xB3, 0x7F],
    );
    assert!(refused(&apple).message.contains("(CgBI); this kind is not read"));
}

#[test]
fn pixels_of_rare_jpegs_do_not_depend_on_the_processor() {
    let portable = DecoderOptions::default().set_use_unsafe(false);
    for bytes in ["progressive", "cmyk", "cmyk_progressive", "ycck"].map(file) {
        let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(&bytes), portable);
        let photo = decode(&bytes).expect("decodes");
        assert_eq!(decoder.decode().expect("decodes"), photo.into_raw());
    }
}

/// The mean difference of colors that the quality of encoding leaves.
fn mean_difference(one: &RgbImage, other: &RgbImage) -> f64 {
    let pairs = std::iter::zip(one.as_raw(), other.as_raw());
    let sum: f64 = pairs.map(|(&a, &b)| f64::from(a.abs_diff(b))).sum();
    sum / one.as_raw().len() as f64
}

/// A JPEG of a picture with all colors, and that picture.
fn encoded(change: impl Fn(&mut jpeg_encoder::Encoder<&mut Vec<u8>>)) -> (Vec<u8>, RgbImage) {
    let photo =
        RgbImage::from_fn(50, 37, |x, y| Rgb([(3 * x) as u8, (4 * y) as u8, (100 + x + y) as u8]));
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
    change(&mut encoder);
    encoder.encode(photo.as_raw(), 50, 37, jpeg_encoder::ColorType::Rgb).expect("encodes");
    (bytes, photo)
}

#[test]
fn every_resolution_of_color_is_read_right_or_refused() {
    use jpeg_encoder::SamplingFactor::{F_1_1, F_1_2, F_1_4, F_2_1, F_2_2, F_2_4, F_4_1, F_4_2};
    let all = [F_1_1, F_2_1, F_1_2, F_2_2, F_4_1, F_4_2, F_1_4, F_2_4];
    for (sampling_idx, sampling) in all.into_iter().enumerate() {
        let (progressive, photo) = encoded(|encoder| {
            encoder.set_sampling_factor(sampling);
            encoder.set_progressive(true);
        });
        let difference = mean_difference(&decode(&progressive).expect("decodes"), &photo);
        assert!(difference < 4.0, "progressive {sampling:?}: {difference}");
        // This encoder writes other factors than 1 and 2 in several scans, and all with its own codes.
        let (sequential, _) = encoded(|encoder| encoder.set_sampling_factor(sampling));
        let (own_codes, _) = encoded(|encoder| {
            encoder.set_sampling_factor(sampling);
            encoder.set_optimized_huffman_tables(true);
        });
        let is_read = sampling_idx < 4;
        for (bytes, is_read) in [(sequential, is_read), (own_codes, false)] {
            match is_read {
                true => {
                    let difference = mean_difference(&decode(&bytes).expect("decodes"), &photo);
                    assert!(difference < 4.0, "{sampling:?}: {difference}");
                }
                false => {
                    let message = refused(&bytes).message;
                    assert!(message.contains("this kind is not read"), "{sampling:?}: {message}");
                }
            }
        }
    }
}

#[test]
fn of_an_animated_png_the_first_picture_is_read() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).expect("two pictures");
    let mut writer = encoder.write_header().expect("writes");
    for picture in [[1, 2, 3, 4, 5, 6], [9; 6]] {
        writer.write_image_data(&picture).expect("writes");
    }
    writer.finish().expect("writes");
    assert!(bytes.windows(4).any(|four| four == b"acTL"));
    assert_eq!(decode(&bytes).expect("decodes").as_raw(), &[1, 2, 3, 4, 5, 6]);
}

#[test]
fn files_of_one_byte_over_and_over_are_no_photos() {
    for byte in [0, 0x20, 0xFF] {
        for length in [1, 12, 4096] {
            assert!(!refused(&vec![byte; length]).message.is_empty());
        }
    }
    for start in [&b"\xFF\xD8\xFF\xE0"[..], b"\x89PNG\r\n\x1a\n"] {
        let file = [start, &[0; 4096]].concat();
        let message = refused(&file).message;
        assert!(message.contains("truncated") || message.contains("damaged"), "{message}");
    }
}
