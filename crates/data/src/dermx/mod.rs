//! The releases of DermX: their layout, words and files. Nothing outside of this folder, the synthetic stand-in
//! beside it and the crate of the study knows them.

pub(crate) mod check;
mod counts;
pub mod darwin;
pub mod mask_files;
pub mod metadata;
pub mod ontology;
mod strays;

use crate::dataset::{size_differences, sorted};
use crate::{DataError, Dataset, Reading};
pub use counts::StudyCounts;
use mask_files::MaskFiles;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use strays::{AnnotationFolder, LAYOUT};

/// Attributes of images: columns of `metadata.csv`.
pub const SKIN_TONE: &str = "skin_tone";
/// `young`, `adult` or `elderly`.
pub const AGE: &str = "age";
/// The source data set.
pub const SOURCE: &str = "dataset";
/// The file name in the source data set.
pub const ORIGINAL_FILE: &str = "original_filename";

/// Whether the folder has the layout of DermX, complete or not.
pub fn is_dermx(root: &Path) -> bool {
    root.join("annotations").is_dir() || root.join("metadata.csv").is_file()
}

/// Reads a release: all of `root/annotations/*.json` and `root/metadata.csv`.
///
/// Where there is a folder `root/masks/masks` with a file per region, every outlined region has to have one; the
/// masks themselves come from the outlines, which give the same pixels, unless
/// [`with_mask_source`](Dataset::with_mask_source) says otherwise.
///
/// # Errors
/// The first thing that is missing or wrong, by file name: see [`metadata::read`] and
/// [`darwin::parse_evaluation`]; also raters who saw one image in different sizes, and what looks
/// like an annotation but is not read: other letters in `.json`, a sub-folder with JSON files.
pub fn read(root: &Path) -> Result<Dataset, DataError> {
    let AnnotationFolder { files, others, .. } = AnnotationFolder::list(root)?.complete()?;
    let images = metadata::read(&metadata_file(root)?)?;
    let readings = read_all(&files).into_iter().collect::<Result<Vec<_>, _>>()?;
    let readings = sorted(readings);
    check_sizes(root, &readings)?;
    let mask_files = MaskFiles::list(root, &readings)?;
    if let Some(files) = &mask_files {
        files.check(&readings)?;
    }
    let not_read = strays::find(root, others)?;
    Ok(Dataset::new(root, ontology::schema(), images, readings)?.with_files(mask_files, not_read))
}

/// The metadata file of a data set; without it an error.
fn metadata_file(root: &Path) -> Result<PathBuf, DataError> {
    let path = root.join("metadata.csv");
    match path.is_file() {
        true => Ok(path),
        false => Err(DataError::missing(&path, format!("found no such file; {LAYOUT}"))),
    }
}

/// Every evaluation or its error, read in parallel, in the order of the files.
fn read_all(files: &[PathBuf]) -> Vec<Result<Reading, DataError>> {
    files.par_iter().map(|path| darwin::read_evaluation(path)).collect()
}

/// Masks of one image are compared pixel by pixel, so its raters must have seen one size.
fn check_sizes(root: &Path, readings: &[Reading]) -> Result<(), DataError> {
    match size_messages(root, readings).next() {
        Some((path, message)) => Err(DataError::invalid(&path, "image", message)),
        None => Ok(()),
    }
}

/// The files in which an image has another size than in its first, with what to say of it; `readings` are
/// sorted.
fn size_messages(root: &Path, readings: &[Reading]) -> impl Iterator<Item = (PathBuf, String)> {
    size_differences(readings).map(move |(one, first)| {
        let path = root.join("annotations").join(one.stem() + ".json");
        let message = format!(
            "found {} (height x width), but {} in {}.json; expected one size per image",
            one.size,
            first.size,
            first.stem()
        );
        (path, message)
    })
}
