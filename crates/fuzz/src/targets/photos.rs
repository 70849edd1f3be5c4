//! Photos.

use super::test_file;
use crate::target::refused;
use crate::{Group, Outcome, Target};
use dermx_data::{Orientation, decode_photo, photo_size};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use serde::Deserialize;
use std::path::Path;

pub fn targets() -> Vec<Target> {
    let target = |name, file, seeds| Target::new(name, Group::Photos, file, seeds, read);
    vec![target("jpeg", "a.jpg", jpegs), target("png", "a.png", pngs)]
}

/// Decodes a photo in both ways.
fn read(_: &Path, path: &Path) -> Outcome {
    let bytes = std::fs::read(path).unwrap();
    let size = photo_size(path);
    let stored = decode_photo(&bytes, path, Orientation::Ignore);
    match decode_photo(&bytes, path, Orientation::Apply) {
        Ok(photo) => {
            // Of a damaged file the size alone may be refused, where decoding is lenient.
            if let Ok(size) = size {
                assert_eq!((photo.height(), photo.width()), (size.height, size.width));
            }
            let stored = stored.unwrap();
            assert_eq!(stored.as_raw().len(), photo.as_raw().len());
            Outcome::Read
        }
        Err(error) => {
            assert!(!error.message.contains("panic"), "{error}");
            assert!(stored.is_err());
            refused(&error, path, false)
        }
    }
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
}

/// The files of the tests against Pillow: all colors, orientations and ways of coding.
fn golden(is_png: bool) -> Vec<Vec<u8>> {
    let cases =
        ["data/tests/photo/golden.json", "data/tests/orientation/golden.json"].map(|path| {
            let golden: Golden = serde_json::from_slice(&test_file(path)).unwrap();
            golden.cases
        });
    let cases = cases.into_iter().flatten();
    let files = cases.map(|case| (case.name, from_hex(&case.file)));
    files.filter(|(_, file)| file.starts_with(b"\x89PNG") == is_png).map(|(_, file)| file).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks().0.iter().map(|&[high, low]| high << 4 | low).collect()
}

/// A picture of 41 x 29 pixels with some texture.
fn picture(num_channels: usize) -> Vec<u8> {
    let value = |idx: usize| (idx * 37 / (1 + idx % 5) + idx % 17) as u8;
    (0..41 * 29 * num_channels).map(value).collect()
}

fn jpegs() -> Vec<Vec<u8>> {
    let encoded = |color: ColorType, change: fn(&mut Encoder<&mut Vec<u8>>)| {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 70);
        change(&mut encoder);
        let num_channels = match color {
            ColorType::Luma => 1,
            ColorType::Cmyk => 4,
            _ => 3,
        };
        encoder.encode(&picture(num_channels), 41, 29, color).unwrap();
        bytes
    };
    let mut files = golden(false);
    files.extend([
        encoded(ColorType::Rgb, |encoder| encoder.set_sampling_factor(SamplingFactor::F_2_2)),
        encoded(ColorType::Rgb, |encoder| encoder.set_progressive(true)),
        encoded(ColorType::Rgb, |encoder| encoder.set_restart_interval(3)),
        encoded(ColorType::Luma, |encoder| encoder.set_optimized_huffman_tables(true)),
        encoded(ColorType::Cmyk, |encoder| encoder.set_progressive(true)),
    ]);
    files
}

fn pngs() -> Vec<Vec<u8>> {
    let encoded = |num_channels: usize, num_bytes: usize, color: ExtendedColorType| {
        let mut bytes = Vec::new();
        let pixels = picture(num_channels * num_bytes);
        PngEncoder::new(&mut bytes).write_image(&pixels, 41, 29, color).unwrap();
        bytes
    };
    let mut files = golden(true);
    files.extend([
        encoded(3, 1, ExtendedColorType::Rgb8),
        encoded(4, 2, ExtendedColorType::Rgba16),
        encoded(1, 2, ExtendedColorType::L16),
    ]);
    files
}
