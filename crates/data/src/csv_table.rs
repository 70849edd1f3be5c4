//! CSV files with named columns, with errors that name line and column.

use crate::suggestion::did_you_mean;
use crate::{DataError, file};
use csv::{Position, ReaderBuilder, StringRecord};
use std::path::Path;

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsvRow<const N: usize> {
    /// The line in which the row starts, from 1.
    pub line: usize,
    /// The cells of the columns that were asked for, in that order.
    pub cells: [String; N],
}

/// Reads the cells of `columns`; further columns are skipped.
///
/// # Errors
/// When the file cannot be read; with line and column: another separator, a missing column, a row
/// of another length, text that is not UTF-8.
pub(crate) fn read_rows<const N: usize>(
    path: &Path,
    separator: u8,
    columns: [&str; N],
) -> Result<Vec<CsvRow<N>>, DataError> {
    let bytes = file::read(path)?;
    let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(bytes.as_slice());
    let refused = |error| refused(path, &bytes, &error);
    let positions = positions(path, separator, reader.headers().map_err(refused)?, columns)?;
    let (mut line, mut counted) = (1, 0);
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(refused)?;
        let end = row_start(row.position()).min(bytes.len());
        line += num_newlines(&bytes[counted..end]);
        counted = end;
        let cells = positions.map(|position| row.get(position).unwrap_or_default().to_owned());
        rows.push(CsvRow { line, cells });
    }
    Ok(rows)
}

/// An error in a cell.
pub(crate) fn invalid_cell(
    path: &Path,
    line: usize,
    column: &str,
    message: impl Into<String>,
) -> DataError {
    DataError::invalid(path, format!("line {line}, column `{column}`"), message)
}

/// The number of bytes up to and with the first of a row.
///
/// `csv` counts one line too few after CRLF: there a row starts at the LF of the row before.
fn row_start(position: Option<&Position>) -> usize {
    position.map_or(0, |position| position.byte() as usize) + 1
}

fn num_newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// What `csv` cannot read, with its line.
fn refused(path: &Path, bytes: &[u8], error: &csv::Error) -> DataError {
    let before = &bytes[..row_start(error.position()).min(bytes.len())];
    let mut place = format!("line {}", 1 + num_newlines(before));
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("found {len} cells; expected {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => {
            place.push_str(&format!(", column {}", err.field() + 1));
            "found bytes that are not UTF-8; expected text in UTF-8".to_owned()
        }
        _ => error.to_string(),
    };
    DataError::invalid(path, place, message)
}

/// The position of each of `columns`.
fn positions<const N: usize>(
    path: &Path,
    separator: u8,
    header: &StringRecord,
    columns: [&str; N],
) -> Result<[usize; N], DataError> {
    let separator = char::from(separator);
    let found: Vec<&str> = header.iter().collect();
    let invalid = |message: String| DataError::invalid(path, "line 1", message);
    if let [only] = found[..]
        && let Some(other) =
            [',', ';', '\t', '|'].into_iter().find(|&one| one != separator && only.contains(one))
    {
        let message = format!("found columns separated by {other:?}; expected `{separator}`");
        return Err(invalid(message));
    }
    let mut positions = [0; N];
    for (position, column) in positions.iter_mut().zip(columns) {
        *position = found.iter().position(|&name| name == column).ok_or_else(|| {
            let near = did_you_mean(column, &found).replace("did you mean", "is it");
            let expected = columns.join(&separator.to_string());
            invalid(format!("found no column `{column}`{near}; expected the header `{expected}`"))
        })?;
    }
    Ok(positions)
}
