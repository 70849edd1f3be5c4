//! Photos and patients that are in two parts of a split.

use crate::duplicates::{Pairs, find_copies};
use crate::photo_set::{SeenPhoto, hash_of_pixels};
use crate::signature::Signature;
use crate::{Finding, FindingKind, Patients, PhotoSet, check_patients};
use image::RgbImage;
use std::path::{Path, PathBuf};

/// What is remembered of a photo that was decoded for another purpose: about 20 KB.
#[derive(Debug, Clone)]
pub struct PhotoLook {
    path: PathBuf,
    pixels: blake3::Hash,
    signature: Signature,
}

impl PhotoLook {
    /// The smallest side of a photo, in pixels, that is enough to tell photos apart: two pixels for
    /// each cell of what is compared.
    pub const MIN_SIDE_PX: u32 = 128;

    /// What `photo` looks like; `path` is its file.
    pub fn new(path: &Path, photo: &RgbImage) -> Self {
        Self {
            path: path.to_path_buf(),
            pixels: hash_of_pixels(photo),
            signature: Signature::new(photo),
        }
    }
}

/// Copies and patients in two of the named `sets`, sorted; copies inside a set do not count.
///
/// Two photos are copies as [`crate::check_photos`] says: also after encoding, resizing, mirroring,
/// turning by 90 degrees or cropping. `patients` and the file that they are from are optional.
/// Takes 0.5 us for each pair of photos.
pub fn find_leaks(
    sets: Vec<(String, Vec<PhotoLook>)>,
    patients: Option<(&Path, &Patients)>,
) -> Vec<Finding> {
    let mut photo_sets = Vec::new();
    let mut photos = Vec::new();
    for (set_idx, (name, looks)) in sets.into_iter().enumerate() {
        photo_sets.push(PhotoSet {
            name,
            root: PathBuf::new(),
            photos: looks.iter().map(|look| look.path.clone()).collect(),
            others: Vec::new(),
        });
        photos.extend(looks.into_iter().map(|PhotoLook { path, pixels, signature }| SeenPhoto {
            set_idx,
            path,
            file: None,
            pixels,
            signature,
        }));
    }
    let mut findings = find_copies(&photo_sets, &photos, Pairs::AcrossSets);
    if let Some((table, patients)) = patients {
        findings.extend(check_patients(table, patients, &photo_sets).findings);
    }
    findings.retain(|finding| finding.kind == FindingKind::Leakage);
    findings.sort();
    findings
}
