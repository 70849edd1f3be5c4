//! Heat maps, and masks in files of their own.

use crate::target::{refused, refused_text};
use crate::{Group, Outcome, Target};
use dermx_data::{ImageSize, Mask};
use dermx_score::{read_map, write_npy};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::path::Path;

pub fn targets() -> Vec<Target> {
    vec![
        Target::new("npy", Group::Maps, "a.npy", npy, map),
        Target::new("map_png", Group::Maps, "a.png", map_pngs, map),
        Target::new("mask_png", Group::Maps, "a.png", mask_pngs, mask),
    ]
}

fn map(_: &Path, path: &Path) -> Outcome {
    match read_map(path) {
        Ok(map) => {
            let values = map.values();
            assert!(!values.is_empty() && values.iter().all(|value| value.is_finite()));
            Outcome::Read
        }
        Err(error) => refused_text(&error.to_string(), path),
    }
}

fn mask(_: &Path, path: &Path) -> Outcome {
    let strict = Mask::read_png(path);
    match Mask::read_positive_png(path) {
        Ok(mask) => {
            assert!(mask.area() <= mask.size().num_pixels());
            assert!(strict.is_ok_and(|strict| strict == mask) || strict_is_refused(path));
            Outcome::Read
        }
        Err(error) => {
            assert!(strict.is_err());
            refused(&error, path, false)
        }
    }
}

/// Whether a mask that has other values than 0 and 255 is refused with the place of the first.
fn strict_is_refused(path: &Path) -> bool {
    Mask::read_png(path).is_err_and(|error| error.place.starts_with("row "))
}

/// A file as numpy.save writes it.
fn saved(descr: &str, is_column_major: bool, values: &[u8]) -> Vec<u8> {
    let order = if is_column_major { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': (2, 3), }}");
    let start = b"\x93NUMPY\x01\x00\x76\x00".as_slice();
    [start, format!("{header:<117}\n").as_bytes(), values].concat()
}

fn npy() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..35).map(|idx| idx as f32 / 35.0).collect();
    write_npy(folder.path(), "a", [5, 7], &values).unwrap();
    let singles = std::fs::read(folder.path().join("a.npy")).unwrap();
    let doubles = [0.0f64, 1.5, 0.5, 2.0, 1.0, 2.5];
    vec![
        singles,
        saved(">f8", true, &doubles.map(f64::to_be_bytes).concat()),
        saved("|u1", false, &[0, 51, 102, 153, 204, 255]),
        saved("<u2", true, &[0, 0, 0, 1, 0, 2, 0, 3, 255, 255, 1, 1]),
    ]
}

fn png(width: u32, values: &[u8], color: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(values, width, 5, color).unwrap();
    bytes
}

fn map_pngs() -> Vec<Vec<u8>> {
    let values: Vec<u8> = (0..70).map(|idx| idx * 3).collect();
    vec![png(14, &values, ExtendedColorType::L8), png(7, &values, ExtendedColorType::L16)]
}

fn mask_pngs() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let dense: Vec<u8> = (0..35).map(|pixel| u8::from(pixel % 3 == 0)).collect();
    Mask::from_dense(&dense, ImageSize::new(5, 7)).write_png(&path).unwrap();
    let values: Vec<u8> = (0..140).map(|idx| if idx % 4 == 3 { 255 } else { idx % 5 }).collect();
    vec![std::fs::read(&path).unwrap(), png(7, &values, ExtendedColorType::Rgba8)]
}
