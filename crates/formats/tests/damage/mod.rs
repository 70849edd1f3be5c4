//! Files broken at random.

use dermx_data::{DataError, Random};
use dermx_formats::Annotations;
use std::path::Path;

/// Flips, replaces, removes, cuts, doubles and splices bytes; some are those that the format is made of.
fn mutated(bytes: &[u8], others: &[&[u8]], special: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(2) {
        if bytes.is_empty() {
            break;
        }
        let start = random.below(bytes.len());
        let end = (start + 1 + random.below(40)).min(bytes.len());
        match random.below(16) {
            0..=2 => bytes[start] ^= 1 << random.below(8),
            3 | 4 => bytes[start] = special[random.below(special.len())],
            5 | 6 => {
                if let Some(digit) = bytes[start..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                    *digit = b'0' + random.below(10) as u8;
                }
            }
            7 | 8 => drop(bytes.drain(start..end)),
            9 => bytes.truncate(start),
            10 => bytes.extend_from_within(start..),
            11 | 12 => {
                let piece = bytes[start..end].to_vec();
                let at = random.below(bytes.len());
                drop(bytes.splice(at..at, piece));
            }
            13 => {
                let other = others[random.below(others.len())];
                let from = random.below(other.len());
                let piece = other[from..(from + 60).min(other.len())].to_vec();
                drop(bytes.splice(start..end, piece));
            }
            14 => drop(bytes.splice(0..0, *b"\xef\xbb\xbf")),
            _ => bytes.insert(start, 0xff),
        }
    }
    bytes
}

/// Breaks `files` 2,000 times: each is read, and then its pixels can be asked for, or refused with its name
/// and a place.
pub fn assert_read_or_located(
    files: &[&[u8]],
    read: impl Fn(&Path) -> Result<Annotations, DataError>,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.json");
    let mut random = Random::new(0, "mutated annotations", 0, "");
    let (mut num_read, mut num_refused) = (0, 0);
    for file_idx in 0..2000 {
        let bytes = files[file_idx % files.len()];
        let special = b"0123456789-.eE[]{}\",:";
        std::fs::write(&path, mutated(bytes, files, special, &mut random)).unwrap();
        match read(&path) {
            Ok(annotations) => {
                num_read += 1;
                let regions = |one: &dermx_formats::RawReading| {
                    let size = one.size?;
                    let areas = one.regions.iter().map(|region| region.shape.mask(size).area());
                    Some((areas.sum::<usize>(), one.regions.len() * size.num_pixels()))
                };
                for (area, most) in annotations.readings.iter().filter_map(regions) {
                    assert!(area <= most);
                }
            }
            Err(error) => {
                num_refused += 1;
                assert_eq!(error.path, path);
                assert!(!error.message.is_empty());
                assert!(!error.place.is_empty() && !error.place.ends_with('?'), "{error}");
            }
        }
    }
    assert!(num_read > 100 && num_refused > 500, "{num_read} {num_refused}");
}
