//! The images and their gold-standard diagnoses, `metadata.csv`.

use crate::ontology::DIAGNOSES;
use crate::suggestion::did_you_mean;
use crate::{DataError, file};
use csv::{Position, ReaderBuilder, StringRecord, Terminator, WriterBuilder};
use std::collections::BTreeMap;
use std::path::Path;

/// The columns in the order of the release.
const COLUMNS: [&str; 6] =
    ["original_filename", "dataset", "diagnosis", "current_filename", "skin_tone", "age"];

/// One row of `metadata.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// The file name without its extension.
    pub image_id: String,
    /// The file name in the source data set.
    pub original_filename: String,
    /// The source data set.
    pub dataset: String,
    /// The gold standard, one of the six diagnoses.
    pub diagnosis: String,
    /// The file name, in the column `current_filename`.
    pub file_name: String,
    /// `light`, `medium` or `dark`.
    pub skin_tone: String,
    /// `young`, `adult` or `elderly`.
    pub age: String,
}

/// Reads the rows, sorted by image id; further columns are skipped.
///
/// # Errors
/// When the file cannot be read; with line and column: a separator other than `;`, a missing
/// column, a row of another length, text that is not UTF-8, no file name, an image that has two
/// rows, a diagnosis that is not one of the six; or no row at all.
pub fn read(path: &Path) -> Result<Vec<ImageRecord>, DataError> {
    let bytes = file::read(path)?;
    let mut reader = ReaderBuilder::new().delimiter(b';').from_reader(bytes.as_slice());
    let refused = |error| refused(path, &bytes, &error);
    let columns = columns(path, reader.headers().map_err(refused)?)?;
    let mut rows = BTreeMap::new();
    let mut images = Vec::new();
    for row in reader.records() {
        let row = row.map_err(refused)?;
        let invalid = |column: &str, message: String| {
            let place = format!("line {}, column `{column}`", line(&bytes, row.position()));
            DataError::invalid(path, place, message)
        };
        let image = record(&row, columns);
        check(&image).map_err(|(column, message)| invalid(column, message))?;
        let position = row.position().cloned();
        if let Some(first) = rows.insert(image.image_id.clone(), position) {
            let first = line(&bytes, first.as_ref());
            let message = format!("found the image `{}` again, after line {first}", image.image_id);
            return Err(invalid("current_filename", message));
        }
        images.push(image);
    }
    if images.is_empty() {
        return Err(DataError::invalid(path, "", "found no row; expected one per image"));
    }
    images.sort_unstable_by(|a, b| a.image_id.cmp(&b.image_id));
    Ok(images)
}

/// Writes the rows in the given order, in the format of the release (`;` and CRLF).
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, images: &[ImageRecord]) -> Result<(), DataError> {
    let invalid = |message: String| DataError::invalid(path, "", message);
    let mut writer =
        WriterBuilder::new().delimiter(b';').terminator(Terminator::CRLF).from_writer(Vec::new());
    let rows = images.iter().map(|image| {
        let ImageRecord {
            original_filename, dataset, diagnosis, file_name, skin_tone, age, ..
        } = image;
        [original_filename, dataset, diagnosis, file_name, skin_tone, age].map(String::as_str)
    });
    for row in std::iter::once(COLUMNS).chain(rows) {
        writer.write_record(row).map_err(|error| invalid(error.to_string()))?;
    }
    file::write(path, &writer.into_inner().map_err(|error| invalid(error.to_string()))?)
}

/// The image id of a file name: the name without its extension.
pub fn image_id_of(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem)
}

/// The line in which a row starts, from 1.
///
/// `csv` counts one too few after CRLF: there a row starts at the LF of the row before.
pub(crate) fn line(bytes: &[u8], position: Option<&Position>) -> usize {
    let start = position.map_or(0, |position| position.byte() as usize);
    1 + bytes.iter().take(start + 1).filter(|&&byte| byte == b'\n').count()
}

/// What `csv` cannot read, with its line.
pub(crate) fn refused(path: &Path, bytes: &[u8], error: &csv::Error) -> DataError {
    let mut place = format!("line {}", line(bytes, error.position()));
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("found {len} cells; expected {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => {
            place.push_str(&format!(", column {}", err.field() + 1));
            "found bytes that are not UTF-8".to_owned()
        }
        _ => error.to_string(),
    };
    DataError::invalid(path, place, message)
}

/// The position of each of [`COLUMNS`].
fn columns(path: &Path, header: &StringRecord) -> Result<[usize; 6], DataError> {
    let found: Vec<&str> = header.iter().collect();
    let invalid = |message: String| DataError::invalid(path, "line 1", message);
    if let [only] = found[..]
        && let Some(separator) = [',', '\t', '|'].into_iter().find(|&mark| only.contains(mark))
    {
        return Err(invalid(format!("found columns separated by {separator:?}; expected `;`")));
    }
    let mut positions = [0; 6];
    for (position, column) in positions.iter_mut().zip(COLUMNS) {
        *position = found.iter().position(|&name| name == column).ok_or_else(|| {
            let near = did_you_mean(column, &found).replace("did you mean", "is it");
            let expected = COLUMNS.join(";");
            invalid(format!("found no column `{column}`{near}; expected the header `{expected}`"))
        })?;
    }
    Ok(positions)
}

fn record(row: &StringRecord, columns: [usize; 6]) -> ImageRecord {
    let [original_filename, dataset, diagnosis, file_name, skin_tone, age] =
        columns.map(|column| row.get(column).unwrap_or_default().to_owned());
    let image_id = image_id_of(&file_name).to_owned();
    ImageRecord { image_id, original_filename, dataset, diagnosis, file_name, skin_tone, age }
}

/// The column and the message of the first thing that is wrong with the row.
fn check(image: &ImageRecord) -> Result<(), (&'static str, String)> {
    if image.image_id.is_empty() {
        let message = format!("found `{}`; expected a file name", image.file_name);
        return Err(("current_filename", message));
    }
    let diagnosis = image.diagnosis.as_str();
    if !DIAGNOSES.contains(&diagnosis) {
        let near = did_you_mean(diagnosis, &DIAGNOSES);
        let expected = DIAGNOSES.join(", ");
        let message = format!("found `{diagnosis}`{near}; expected one of {expected}");
        return Err(("diagnosis", message));
    }
    Ok(())
}
