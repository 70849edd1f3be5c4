//! Photos and patients that are in two parts of a split, and photos in two classes.

use crate::duplicates::{Pairs, find_copies};
use crate::photo_set::{SeenPhoto, hash_of_pixels};
use crate::signature::Signature;
use crate::{Finding, FindingKind, Patients, PhotoSet};
use image::RgbImage;
use std::path::{Path, PathBuf};

/// What is remembered of a photo that was decoded for another purpose: about 20 KB.
#[derive(Debug, Clone)]
pub struct PhotoLook {
    path: PathBuf,
    class: Option<String>,
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
            class: None,
            pixels: hash_of_pixels(photo),
            signature: Signature::new(photo),
        }
    }

    /// The same of a photo that is in `class`.
    pub fn in_class(self, class: &str) -> Self {
        Self { class: Some(class.to_owned()), ..self }
    }
}

/// Copies and patients in two of the named `sets` (`Leakage`), and copies in two classes of one set
/// (`Contradiction`), sorted; copies in one class of a set do not count.
///
/// Two photos are copies as [`crate::check_photos`] says: also after encoding, resizing, mirroring,
/// turning by 90 degrees or cropping. Takes 0.5 us for each pair of photos.
pub fn find_leaks(
    sets: Vec<(String, Vec<PhotoLook>)>,
    patients: Option<&Patients>,
) -> Vec<Finding> {
    let mut photo_sets = Vec::new();
    let mut photos = Vec::new();
    for (set_idx, (name, looks)) in sets.into_iter().enumerate() {
        let paths = looks.iter().map(|look| look.path.clone()).collect();
        photo_sets.push(PhotoSet { name, photos: paths, ..PhotoSet::default() });
        photos.extend(looks.into_iter().map(|PhotoLook { path, class, pixels, signature }| {
            SeenPhoto { set_idx, path, class, file: None, pixels, signature }
        }));
    }
    let mut findings = find_copies(&photo_sets, &photos, Pairs::OfTwoSetsOrClasses);
    findings.extend(patients.iter().flat_map(|patients| patients.leaks(&photo_sets)));
    findings.retain(|one| matches!(one.kind, FindingKind::Leakage | FindingKind::Contradiction));
    findings.sort();
    findings
}
