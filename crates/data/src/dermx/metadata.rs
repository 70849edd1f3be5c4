//! The images and their gold-standard diagnoses, `metadata.csv`.

use super::ontology::DIAGNOSES;
use super::{AGE, ORIGINAL_FILE, SKIN_TONE, SOURCE};
use crate::csv_table::{CsvRow, invalid_cell, read_rows};
use crate::image_id::flat_image_id;
use crate::suggestion::did_you_mean;
use crate::{DataError, Image, file};
use csv::{Terminator, WriterBuilder};
use dermx_table::readable;
use std::collections::BTreeMap;
use std::path::Path;

/// The columns in the order of the release.
const COLUMNS: [&str; 6] = [ORIGINAL_FILE, SOURCE, "diagnosis", "current_filename", SKIN_TONE, AGE];

/// Reads the rows, sorted by image id; further columns are skipped.
///
/// # Errors
/// When the file cannot be read or is against the rules of [`CsvTable`](crate::CsvTable); with line and
/// column: a missing column, no file name, an image that has two rows, a diagnosis that is not one of
/// the six; or no row at all.
pub fn read(path: &Path) -> Result<Vec<Image>, DataError> {
    let mut image_ids = ImageIds::default();
    let mut images = Vec::new();
    for CsvRow { line, cells } in read_rows(path, COLUMNS)? {
        let [original_filename, dataset, diagnosis, file_name, skin_tone, age] = cells;
        let image_id = image_ids.add(path, line, &file_name, flat_image_id(&file_name))?;
        check_diagnosis(path, line, &diagnosis)?;
        let attributes = [
            (ORIGINAL_FILE, original_filename),
            (SOURCE, dataset),
            (SKIN_TONE, skin_tone),
            (AGE, age),
        ];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
        images.push(Image {
            image_id,
            file_name,
            gold: vec![diagnosis],
            attributes,
            ..Image::default()
        });
    }
    image_ids.check_some(path)?;
    images.sort_unstable_by(|a, b| a.image_id.cmp(&b.image_id));
    Ok(images)
}

/// Writes the rows in the given order, in the format of the release (`;` and CRLF).
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, images: &[Image]) -> Result<(), DataError> {
    let invalid = |message: String| DataError::invalid(path, "", message);
    let mut writer =
        WriterBuilder::new().delimiter(b';').terminator(Terminator::CRLF).from_writer(Vec::new());
    let rows = images.iter().map(|image| {
        COLUMNS.map(|column| match column {
            "diagnosis" => image.gold_class().unwrap_or_default(),
            "current_filename" => &image.file_name,
            attribute => image.attribute(attribute),
        })
    });
    for row in std::iter::once(COLUMNS).chain(rows) {
        let row = row.map(readable);
        writer
            .write_record(row.iter().map(|cell| cell.as_bytes()))
            .map_err(|error| invalid(error.to_string()))?;
    }
    file::write(path, &writer.into_inner().map_err(|error| invalid(error.to_string()))?)
}

/// The image ids in the column `current_filename` of one file, each with its line.
#[derive(Default)]
pub(crate) struct ImageIds(BTreeMap<String, usize>);

impl ImageIds {
    /// The image id of a row; without a file name, or with one that stood before, an error.
    pub fn add(
        &mut self,
        path: &Path,
        line: usize,
        file_name: &str,
        image_id: String,
    ) -> Result<String, DataError> {
        let invalid = |message| Err(invalid_cell(path, line, "current_filename", message));
        if image_id.is_empty() {
            return invalid(format!("found `{file_name}`; expected a file name"));
        }
        match self.0.insert(image_id.clone(), line) {
            None => Ok(image_id),
            Some(first) => {
                invalid(format!("found the image `{image_id}` again, after line {first}"))
            }
        }
    }

    /// A file without a row is an error.
    pub fn check_some(&self, path: &Path) -> Result<(), DataError> {
        match self.0.is_empty() {
            true => Err(DataError::invalid(path, "", "found no row; expected one per image")),
            false => Ok(()),
        }
    }
}

fn check_diagnosis(path: &Path, line: usize, diagnosis: &str) -> Result<(), DataError> {
    if DIAGNOSES.contains(&diagnosis) {
        return Ok(());
    }
    let near = did_you_mean(diagnosis, &DIAGNOSES);
    let expected = DIAGNOSES.join(", ");
    let message = format!("found `{diagnosis}`{near}; expected one of {expected}");
    Err(invalid_cell(path, line, "diagnosis", message))
}
