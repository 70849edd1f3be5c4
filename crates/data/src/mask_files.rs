//! The published masks: one PNG per outlined instance, and the table that names them.

use crate::{DataError, Evaluation, file};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder of the PNG files below the root of the data set.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("masks").join("masks")
}

/// `RATER_IMAGE_NNNNN.png`, the file name of an instance by its position in
/// [`Evaluation::instances`].
pub fn name(evaluation: &Evaluation, instance_idx: usize) -> String {
    stem(evaluation, instance_idx) + ".png"
}

fn stem(evaluation: &Evaluation, instance_idx: usize) -> String {
    format!("{}_{instance_idx:05}", evaluation.stem())
}

/// Checks that every outlined instance has its file; the files are not opened.
///
/// # Errors
/// Names the first file that is missing, and how many are.
pub(crate) fn check(root: &Path, evaluations: &[Evaluation]) -> Result<(), DataError> {
    let folder = folder(root);
    let found: BTreeSet<String> = file::list(&folder)?.into_iter().collect();
    let expected = evaluations.iter().flat_map(|evaluation| {
        (0..evaluation.instances.len()).map(|instance_idx| name(evaluation, instance_idx))
    });
    let mut missing = expected.filter(|name| !found.contains(name));
    let Some(first) = missing.next() else { return Ok(()) };
    let message = format!(
        "found no such mask, and {} more are missing; expected one PNG per outlined annotation \
         (or no folder `masks/masks` at all: the polygons suffice)",
        missing.count()
    );
    Err(DataError::missing(&folder.join(first), message))
}

/// Writes `root/masks/masks/*.png` and `root/masks/instance_mask_annotations.csv`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_mask_files(root: &Path, evaluations: &[Evaluation]) -> Result<(), DataError> {
    let folder = folder(root);
    file::create_folder(&folder)?;
    let write = |evaluation: &Evaluation| {
        evaluation.instances.iter().enumerate().try_for_each(|(instance_idx, instance)| {
            let path = folder.join(name(evaluation, instance_idx));
            instance.mask(evaluation.size).write_png(&path)
        })
    };
    let written: Vec<_> = evaluations.par_iter().map(write).collect();
    written.into_iter().collect::<Result<(), _>>()?;
    write_table(&root.join("masks").join("instance_mask_annotations.csv"), evaluations)
}

/// The table; its column `image_id` holds `RATER_IMAGE`, as in the release.
fn write_table(path: &Path, evaluations: &[Evaluation]) -> Result<(), DataError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows = evaluations.iter().flat_map(|evaluation| {
        evaluation.instances.iter().enumerate().map(|(instance_idx, instance)| {
            let mask_id = stem(evaluation, instance_idx);
            [evaluation.stem(), mask_id, instance.characteristic.clone()]
        })
    });
    let header = ["image_id", "mask_id", "class_name"].map(str::to_owned);
    for row in std::iter::once(header).chain(rows) {
        writer
            .write_record(row)
            .map_err(|error| DataError::invalid(path, "", error.to_string()))?;
    }
    let bytes =
        writer.into_inner().map_err(|error| DataError::invalid(path, "", error.to_string()))?;
    file::write(path, &bytes)
}
