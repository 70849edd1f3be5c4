//! Formats with a file for each image.

use crate::skipped::Skipped;
use crate::{AnnotatedImage, Annotations, RawReading};
use dermx_data::{DataError, list_files};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a file says of its image.
pub(crate) struct OneImage {
    pub image: AnnotatedImage,
    pub readings: Vec<RawReading>,
    pub skipped: Skipped,
}

/// What `read` finds in the file `path`, or in the JSON files of the folder `path` and below, in the order
/// of their names. It is given the file, and its folder below `path`.
///
/// # Errors
/// A folder without a JSON file; those of `read`; two files with readings of one image by one rater, or
/// with different sizes of it.
pub(crate) fn read_each(
    path: &Path,
    read: impl Fn(&Path, &Path) -> Result<OneImage, DataError> + Sync,
) -> Result<Annotations, DataError> {
    let (root, files) = match path.is_dir() {
        true => (path, json_files(path)?),
        false => (path.parent().unwrap_or(path), vec![path.to_path_buf()]),
    };
    let folder = |file: &Path| {
        let folder = file.parent().and_then(|folder| folder.strip_prefix(root).ok());
        folder.unwrap_or(Path::new("")).to_path_buf()
    };
    let read: Vec<_> = files.par_iter().map(|file| read(file, &folder(file))).collect();
    let mut annotations = Annotations::default();
    let mut skipped = Skipped::default();
    let mut images: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (file, read) in files.iter().zip(read) {
        let OneImage { image, readings, skipped: more } = read?;
        skipped.extend(more);
        for RawReading { image, rater, .. } in &readings {
            if !seen.insert((image.clone(), rater.clone())) {
                let message = format!(
                    "found the image `{image}` by `{rater}`, of whom another file has a reading of it; \
                     expected one file"
                );
                return Err(DataError::invalid(file, "", message));
            }
        }
        match images.get(&image.name) {
            Some(&known) if annotations.images[known].size != image.size => {
                let message = format!(
                    "found another size of the image `{}` than in a file before",
                    image.name
                );
                return Err(DataError::invalid(file, "", message));
            }
            Some(_) => {}
            None => {
                images.insert(image.name.clone(), annotations.images.len());
                annotations.images.push(image);
            }
        }
        annotations.readings.extend(readings);
    }
    annotations.skipped = skipped.into_lines();
    Ok(annotations)
}

fn json_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let is_json = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
    };
    let files: Vec<PathBuf> = list_files(folder)?.into_iter().filter(is_json).collect();
    match files.is_empty() {
        true => Err(DataError::missing(folder, "found no JSON file; expected one for each image")),
        false => Ok(files),
    }
}
