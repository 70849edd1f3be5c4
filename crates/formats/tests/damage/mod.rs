//! Files broken at random.

mod mutated;

use dermx_data::{DataError, Random};
use dermx_formats::Annotations;
use mutated::mutated;
use std::path::Path;

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
