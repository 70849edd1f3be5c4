//! JPEGs as cameras write them: pixels against Pillow, and what happens to damaged files.

use crate::hex;

use dermx_data::{DataError, Orientation, Random, decode_photo};
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use serde::Deserialize;
use std::path::Path;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    size: [u32; 2],
    file: String,
    crc32: u32,
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
    decode_photo(bytes, Path::new("x.jpg"), Orientation::Apply)
}

/// The checksum of zlib and PNG, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes
        .iter()
        .fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

/// Index of the first byte of the scan.
fn scan_start(file: &[u8]) -> usize {
    let marker = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).expect("a scan");
    marker + 2 + usize::from(u16::from_be_bytes([file[marker + 2], file[marker + 3]]))
}

/// A file in which `from`, within the scan, is `to`.
fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let start = scan_start(file);
    let found = file[start..].windows(from.len()).position(|bytes| bytes == from);
    let at = start + found.expect("in the scan");
    [&file[..at], to, &file[at + from.len()..]].concat()
}

/// Waves with noise of a standard deviation in gray levels, as a JPEG.
fn wavy_jpeg(sampling: SamplingFactor, [height, width]: [u16; 2], noise: f64) -> Vec<u8> {
    let mut random = Random::new(0, "jpeg", 0, "noise");
    let mut pixels = Vec::new();
    for idx in 0..usize::from(height) * usize::from(width) {
        let (x, y) = (idx % usize::from(width), idx / usize::from(width));
        let wave = 60.0 * ((x as f64 / 40.0).sin() + (y as f64 / 30.0).cos());
        let values = [170.0, 130.0, 110.0].map(|base| base + wave + random.normal(0.0, noise));
        pixels.extend(values.map(|value: f64| value as u8));
    }
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(sampling);
    encoder.encode(&pixels, width, height, ColorType::Rgb).expect("encodes");
    file
}

#[test]
fn pixels_are_those_of_pillow_to_the_bit() {
    for Case { name, size, file, crc32: expected } in cases() {
        let photo = decode(&hex::bytes(&file)).expect(&name);
        assert_eq!([photo.height(), photo.width()], size, "{name}");
        assert_eq!(crc32(&photo), expected, "{name}");
    }
}

#[test]
fn another_decoder_sees_nearly_the_same() {
    use SamplingFactor::{R_4_2_0, R_4_2_2, R_4_4_0, R_4_4_4};
    for sampling in [R_4_4_4, R_4_2_2, R_4_2_0, R_4_4_0] {
        for (size, noise) in [([203, 301], 4.0), ([64, 17], 20.0), ([9, 250], 0.0)] {
            let file = wavy_jpeg(sampling, size, noise);
            let ours = decode(&file).expect("decodes").into_raw();
            let theirs = JpegDecoder::new(ZCursor::new(&file)).decode().expect("decodes");
            let differences: Vec<u8> =
                std::iter::zip(&ours, &theirs).map(|(a, b)| a.abs_diff(*b)).collect();
            let max = differences.iter().max().expect("pixels");
            let sum: f64 = differences.iter().map(|&difference| f64::from(difference)).sum();
            let mean = sum / differences.len() as f64;
            eprintln!("{sampling:?} {size:?}: max {max}, mean {mean:.3}");
            assert!(ours.len() == theirs.len() && *max <= 4 && mean < 0.4, "{sampling:?} {size:?}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for case in cases() {
        let file = hex::bytes(&case.file);
        for length in 0..file.len() {
            assert!(decode(&file[..length]).is_err(), "{} cut at {length}", case.name);
        }
    }
}

#[test]
fn a_scan_that_ends_early_is_refused_even_with_an_end_marker() {
    for case in cases() {
        let file = hex::bytes(&case.file);
        for length in scan_start(&file)..file.len() - 2 {
            let cut = [&file[..length], &[0xFF, 0xD9]].concat();
            assert!(decode(&cut).is_err(), "{} cut at {length}", case.name);
        }
    }
}

#[test]
fn restart_markers_have_to_be_there_and_in_order() {
    let file = file("sampling [(2, 2), (1, 2), (1, 2)]");
    let photo = decode(&file).expect("decodes");
    let refused = |from: &[u8], to: &[u8]| {
        decode(&replaced(&file, from, to)).expect_err("refused").message.clone()
    };
    assert!(refused(&[0xFF, 0xD0], &[0xFF, 0xD1]).contains("out of order"));
    assert!(refused(&[0xFF, 0xD0], &[]).contains("out of order"));
    assert!(refused(&[0xFF, 0xD0], &[0xFF, 0xD0, 0xFF, 0xD1]).contains("out of order"));
    assert!(!refused(&[0xFF, 0xD1], &[]).is_empty());
    // One more, after the last block.
    let end = |to: &[u8]| decode(&[&file[..file.len() - 2], to].concat());
    assert_eq!(end(&[0xFF, 0xD2, 0xFF, 0xD9]).expect("decodes"), photo);
    assert!(end(&[0xFF, 0xD2, 0xFF, 0xD3, 0xFF, 0xD9]).is_err());
}

#[test]
fn fillers_before_markers_are_no_damage() {
    let file = file("sampling [(2, 2), (1, 2), (1, 2)]");
    let photo = decode(&file).expect("decodes");
    let with = |from: &[u8], to: &[u8]| decode(&replaced(&file, from, to));
    assert_eq!(with(&[0xFF, 0xD1], &[0xFF, 0xFF, 0xFF, 0xD1]).expect("decodes"), photo);
    assert_eq!(with(&[0xFF, 0xD9], &[0xFF, 0xFF, 0xD9]).expect("decodes"), photo);
    assert_eq!(with(&[0xFF, 0xD1], &[7, 0xFF, 0xD1]).expect("decodes"), photo);
    assert_eq!(
        with(&[0xFF, 0xD9], &[[0; 512].as_slice(), &[0xFF, 0xD9]].concat()).expect("512"),
        photo
    );
    let error =
        with(&[0xFF, 0xD9], &[[0; 513].as_slice(), &[0xFF, 0xD9]].concat()).expect_err("513");
    assert!(error.message.contains("belong to no block"), "{error}");
}

#[test]
fn what_follows_the_photo_is_ignored() {
    let file = file("exif");
    let photo = decode(&file).expect("decodes");
    // A preview or a second picture, as phones append them.
    assert_eq!(decode(&[&file[..], &file[..]].concat()).expect("decodes"), photo);
    assert_eq!(decode(&[&file[..], &[0; 100]].concat()).expect("decodes"), photo);
}
