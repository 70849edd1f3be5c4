//! Named folders of photos, and whether their photos can be trusted.

use crate::folder::{files_below, id_below, name_below};
use crate::image_id::is_photo;
use crate::signature::Signature;
use crate::{DataError, Finding, FindingKind};
use image::RgbImage;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One side of a split, or any other folder of photos.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhotoSet {
    /// What the folder is called in findings, for example `train`.
    pub name: String,
    /// The folder.
    pub root: PathBuf,
    /// Its photos and those of its sub-folders, sorted.
    pub photos: Vec<PathBuf>,
    /// Files in it that are no photos by their names.
    pub others: Vec<PathBuf>,
    /// The classes of its photos, where they are known.
    pub classes: BTreeMap<PathBuf, String>,
    /// What is neither a file nor a folder, and photos of one id.
    pub findings: Vec<Finding>,
}

impl PhotoSet {
    /// The id of one of its photos, see [`image_id`](crate::image_id).
    pub fn id(&self, photo: &Path) -> String {
        id_below(&self.root, photo).unwrap_or_default()
    }

    /// Lists the files in `root` and below; hidden ones and `Thumbs.db` are passed over. A photo's
    /// class is its folder in `root`; one that lies in `root` itself has none.
    ///
    /// # Errors
    /// A folder that cannot be read, or without a photo.
    pub fn read(name: impl Into<String>, root: &Path) -> Result<Self, DataError> {
        let below = files_below(root)?;
        let (photos, others): (Vec<_>, Vec<_>) =
            below.files.into_iter().partition(|path| is_photo(path));
        if photos.is_empty() {
            let message = "found no .jpg, .jpeg or .png photo in it; name a folder of photos";
            return Err(DataError::invalid(root, "", message));
        }
        let mut findings: Vec<Finding> = below.problems.into_iter().map(Finding::from).collect();
        let mut seen: BTreeMap<String, &PathBuf> = BTreeMap::new();
        let mut classes = BTreeMap::new();
        for path in &photos {
            let id = id_below(root, path)?;
            if let Some((class, _)) = name_below(root, path)?.split_once('/') {
                classes.insert(path.clone(), class.to_owned());
            }
            if let Some(other) = seen.get(&id) {
                let message =
                    format!("has the id `{id}` of {}; rename one of them", other.display());
                findings.push(Finding::new(FindingKind::Contradiction, path, message));
            }
            seen.insert(id, path);
        }
        Ok(Self { name: name.into(), root: root.to_path_buf(), photos, others, classes, findings })
    }
}

/// A photo that could be read.
pub(crate) struct SeenPhoto {
    /// Its place in the list of sets.
    pub set_idx: usize,
    pub path: PathBuf,
    /// Its class, if it is known.
    pub class: Option<String>,
    /// Hash of the file, if it was read.
    pub file: Option<blake3::Hash>,
    /// Hash of size and pixels.
    pub pixels: blake3::Hash,
    pub signature: Signature,
}

pub(crate) fn hash_of_pixels(photo: &RgbImage) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&photo.width().to_le_bytes());
    hasher.update(&photo.height().to_le_bytes());
    hasher.update(photo.as_raw());
    hasher.finalize()
}
