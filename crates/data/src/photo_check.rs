//! What is wrong with folders of photos.

use crate::duplicates::{Pairs, find_copies};
use crate::photo::read_bytes;
use crate::photo_set::{PhotoSet, SeenPhoto, hash_of_pixels};
use crate::signature::Signature;
use crate::{DataError, Finding, FindingKind, ImageNames, ImageSize, Orientation, decode_photo};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What [`check_photos`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoCheck {
    /// Number of photos of each set.
    pub num_photos: BTreeMap<String, usize>,
    /// Number of pairs of photos that were compared.
    pub num_pairs: usize,
    /// Sizes of the photos that can be read, as they are seen (after EXIF orientation).
    pub sizes: BTreeMap<PathBuf, ImageSize>,
    /// What was found, sorted.
    pub findings: Vec<Finding>,
}

/// Decodes every photo and compares it with every other one.
///
/// Finds photos that cannot be read, files that are no photos, copies inside a set (`Duplicate`:
/// equal files or equal pixels; `NearDuplicate`: photos that look the same after encoding, resizing,
/// mirroring, turning by 90 degrees or cropping), copies in two classes of a set (`Contradiction`) and
/// copies in two sets (`Leakage`). Each photo is reported once for a set: with the earlier photo in it
/// that is most alike; in its own set once for its class and once for others. `progress(done, total)`
/// is called, from several threads, after each photo is read. Does not depend on the number of
/// threads; takes about 20 KB for each photo and 0.5 us for each pair.
pub fn check_photos(sets: &[PhotoSet], progress: &(dyn Fn(usize, usize) + Sync)) -> PhotoCheck {
    let jobs: Vec<(usize, &PathBuf)> = sets
        .iter()
        .enumerate()
        .flat_map(|(set_idx, set)| set.photos.iter().map(move |path| (set_idx, path)))
        .collect();
    let num_done = AtomicUsize::new(0);
    let read = |&(set_idx, path): &(usize, &PathBuf)| {
        let seen = look_at(set_idx, path, sets[set_idx].classes.get(path));
        progress(num_done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
        seen
    };
    let mut findings = Vec::new();
    let mut photos = Vec::new();
    let mut sizes = BTreeMap::new();
    for seen in jobs.par_iter().map(read).collect::<Vec<_>>() {
        match seen {
            Ok((size, photo)) => {
                sizes.insert(photo.path.clone(), size);
                photos.push(photo);
            }
            Err(error) => {
                findings.push(Finding::new(FindingKind::Unreadable, &error.path, error.message));
            }
        }
    }
    findings.extend(sets.iter().flat_map(|set| set.findings.iter().cloned()));
    for path in sets.iter().flat_map(|set| &set.others) {
        findings.push(Finding::new(FindingKind::Extra, path, "is no photo (.jpg, .jpeg or .png)"));
    }
    findings.extend(find_copies(sets, &photos, Pairs::All));
    findings.sort();
    PhotoCheck {
        num_photos: sets.iter().map(|set| (set.name.clone(), set.photos.len())).collect(),
        num_pairs: photos.len() * photos.len().saturating_sub(1) / 2,
        sizes,
        findings,
    }
}

fn look_at(
    set_idx: usize,
    path: &Path,
    class: Option<&String>,
) -> Result<(ImageSize, SeenPhoto), DataError> {
    let bytes = read_bytes(path)?;
    let photo = decode_photo(&bytes, path, Orientation::Apply)?;
    let seen = SeenPhoto {
        set_idx,
        path: path.to_path_buf(),
        class: class.cloned(),
        file: Some(blake3::hash(&bytes)),
        pixels: hash_of_pixels(&photo),
        signature: Signature::new(&photo),
    };
    Ok((ImageSize::new(photo.height(), photo.width()), seen))
}

/// Compares the photos of an annotated set with its annotations.
///
/// `annotated` holds the size of each image as its raters saw it, by image id. Finds annotated
/// images without a photo (`Missing`), photos without an annotation (`Extra`), second photos of an
/// image (`Contradiction`), and photos of another size (`SizeMismatch`): outlines would lie in the
/// wrong place. `check` has to be about `set`.
pub fn check_annotated_photos(
    annotated: &BTreeMap<String, ImageSize>,
    set: &PhotoSet,
    check: &PhotoCheck,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let images: Vec<(&String, &ImageSize)> = annotated.iter().collect();
    let names = ImageNames::of_ids(annotated.keys().map(String::as_str));
    let mut photo_of: Vec<Option<&PathBuf>> = vec![None; images.len()];
    for path in &set.photos {
        let id = set.id(path);
        // The ids of annotated images are different, so there is one at most.
        let Ok(Some(idx)) = names.find(&id) else {
            let message = format!("no annotation is about the image `{id}`");
            findings.push(Finding::new(FindingKind::Extra, path, message));
            continue;
        };
        let (image_id, expected) = images[idx];
        if let Some(size) = check.sizes.get(path).filter(|size| *size != expected) {
            let message = format!(
                "is {size} (height x width), its annotations {expected}; find the photo that was \
                 annotated"
            );
            findings.push(Finding::new(FindingKind::SizeMismatch, path, message));
        }
        if let Some(other) = photo_of[idx].replace(path) {
            let message = format!(
                "is a second photo of the annotated image `{image_id}`, after {}; remove one",
                other.display()
            );
            findings.push(Finding::new(FindingKind::Contradiction, path, message));
        }
    }
    for ((image_id, _), _) in images.iter().zip(&photo_of).filter(|(_, photo)| photo.is_none()) {
        let message = "is annotated, but there is no such photo (.jpg, .jpeg or .png)";
        findings.push(Finding::new(FindingKind::Missing, &set.root.join(image_id), message));
    }
    findings
}
