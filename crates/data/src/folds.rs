//! The folds of the 2023 release: which images are for training, and which for testing.

use crate::csv_table::{CsvRow, read_rows};
use crate::image_id::image_id;
use crate::metadata::ImageIds;
use crate::{DataError, file};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One of several splits of the images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The number in the file names, from 0.
    pub fold_idx: usize,
    /// The images to train on, sorted by id.
    pub train: Vec<FoldImage>,
    /// The images to test on, sorted by id.
    pub test: Vec<FoldImage>,
}

/// An image of a fold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoldImage {
    /// What the file calls the image, as [`image_id`](crate::image_id) has it.
    pub image_id: String,
    /// Whom the image shows; empty where that is not known.
    pub patient_id: String,
}

/// The folder of the folds below the root of the data set.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("folds")
}

/// The two files of a fold, training first.
pub(crate) fn files(root: &Path, fold_idx: usize) -> [PathBuf; 2] {
    ["train", "test"].map(|side| folder(root).join(format!("metadata_fold_{fold_idx}_{side}.csv")))
}

/// Reads `root/folds/metadata_fold_N_{train,test}.csv`, sorted by `N`; no folder, no folds.
///
/// Of their columns `current_filename` and `patient_id` are read.
///
/// # Errors
/// When a file cannot be read, has no partner or is against the rules of
/// [`CsvTable`](crate::CsvTable); with line and column: a missing column, no file name, an image that
/// has two rows; or no row at all.
pub fn read_folds(root: &Path) -> Result<Vec<Fold>, DataError> {
    fold_indices(root)?.into_iter().map(|fold_idx| read_fold(root, fold_idx)).collect()
}

/// The numbers in the file names.
pub(crate) fn fold_indices(root: &Path) -> Result<BTreeSet<usize>, DataError> {
    let folder = folder(root);
    if !folder.is_dir() {
        return Ok(BTreeSet::new());
    }
    Ok(file::list(&folder)?.iter().filter_map(|entry| fold_idx(&entry.name)).collect())
}

/// The number in the name of a file.
pub(crate) fn fold_idx(name: &str) -> Option<usize> {
    let name = name.strip_prefix("metadata_fold_")?;
    name.strip_suffix("_train.csv").or(name.strip_suffix("_test.csv"))?.parse().ok()
}

fn read_fold(root: &Path, fold_idx: usize) -> Result<Fold, DataError> {
    let [train, test] = files(root, fold_idx);
    Ok(Fold { fold_idx, train: read_side(&train)?, test: read_side(&test)? })
}

/// The images of one file, sorted.
pub(crate) fn read_side(path: &Path) -> Result<Vec<FoldImage>, DataError> {
    if !path.is_file() {
        let message = "found no such file; expected a training and a test file for each fold";
        return Err(DataError::missing(path, message));
    }
    let mut image_ids = ImageIds::default();
    let mut images = Vec::new();
    for CsvRow { line, cells } in read_rows(path, ["current_filename", "patient_id"])? {
        let [file_name, patient_id] = cells;
        let image_id = image_ids.add(path, line, &file_name, image_id(&file_name))?;
        images.push(FoldImage { image_id, patient_id });
    }
    image_ids.check_some(path)?;
    images.sort_unstable();
    Ok(images)
}
