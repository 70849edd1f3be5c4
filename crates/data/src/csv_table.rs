//! CSV files with named columns: one reader, and so one set of rules, for every table.

use crate::suggestion::did_you_mean;
use crate::text::{MAX_EXCERPT, shortened};
use crate::{DataError, file};
use csv::{Position, ReaderBuilder, StringRecord};
use dermx_table::unguarded;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Columns that a table may have; one of predictions has one for each class.
const MAX_COLUMNS: usize = 1 << 16;

/// A CSV file that was read.
///
/// Rules: text in UTF-8, a byte-order mark is dropped; the first line names the columns, each once
/// (several may have no name); columns are separated by `,` or `;`, whichever of them comes first in
/// that line outside quotes; a cell in double quotes may hold separators, line breaks and, doubled,
/// quotes; lines end with LF or CRLF; every row is as long as the first; cells are trimmed; rows
/// without any text are skipped. An apostrophe that keeps a spreadsheet from computing a cell (`'=a`) is
/// taken away: our own tables have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvTable {
    path: PathBuf,
    separator: char,
    columns: Vec<String>,
    rows: Vec<CsvLine>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvLine {
    /// The line in which the row starts, from 1.
    pub line: usize,
    /// One cell for each column.
    pub cells: Vec<String>,
}

/// The cells of the columns that were asked for, in that order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsvRow<const N: usize> {
    /// The line in which the row starts, from 1.
    pub line: usize,
    /// The cells.
    pub cells: [String; N],
}

impl CsvTable {
    /// Reads the file `path`.
    ///
    /// # Errors
    /// When the file cannot be read; with its line, what is against the rules: see [`CsvTable`].
    pub fn read(path: &Path) -> Result<Self, DataError> {
        Self::parse(path, &file::read(path)?)
    }

    /// The table in `bytes`, the content of the file `path`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, DataError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            let message = "found text in UTF-16; save the table as CSV in UTF-8";
            return Err(DataError::invalid(path, "line 1", message));
        }
        let separator = separator(bytes);
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(bytes);
        let refused = |error| refused(path, bytes, &error);
        let header = reader.headers().map_err(refused)?;
        if header.len() > MAX_COLUMNS {
            let message = format!("found {} columns; expected at most {MAX_COLUMNS}", header.len());
            return Err(DataError::invalid(path, "line 1", message));
        }
        let mut last_start = header.position().map_or(0, |position| position.byte() as usize);
        let columns = trimmed(header);
        let (mut line, mut counted) = (1, 0);
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(refused)?;
            last_start = row_start(row.position()).min(bytes.len());
            line += num_newlines(&bytes[counted..last_start]);
            counted = last_start;
            let cells = trimmed(&row);
            if cells.iter().any(|cell| !cell.is_empty()) {
                rows.push(CsvLine { line, cells });
            }
        }
        check_quotes(path, bytes, last_start)?;
        let table =
            Self { path: path.to_path_buf(), separator: char::from(separator), columns, rows };
        table.check_columns()?;
        Ok(table)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The rows in order.
    pub fn rows(&self) -> &[CsvLine] {
        &self.rows
    }

    /// The names of the columns in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The position of a column, if there is one of that name.
    pub fn find_column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The position of each of `names`.
    ///
    /// # Errors
    /// Names all that are missing.
    pub fn positions<const N: usize>(&self, names: [&str; N]) -> Result<[usize; N], DataError> {
        let mut positions = [0; N];
        for (position, found) in positions.iter_mut().zip(self.positions_of(&names)?) {
            *position = found;
        }
        Ok(positions)
    }

    /// As [`Self::positions`], of any number of names.
    ///
    /// # Errors
    /// As [`Self::positions`].
    pub fn positions_of(&self, names: &[&str]) -> Result<Vec<usize>, DataError> {
        let invalid = |message: String| DataError::invalid(&self.path, "line 1", message);
        if let [only] = &self.columns[..]
            && names.len() > 1
            && let Some(other) = ['\t', '|'].into_iter().find(|&other| only.contains(other))
        {
            let message = format!("found columns separated by {other:?}; expected `,` or `;`");
            return Err(invalid(message));
        }
        let found: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let missing = names.iter().filter(|name| self.find_column(name).is_none());
        let missing: Vec<String> = missing
            .map(|name| {
                let near = did_you_mean(name, &found).replace("did you mean", "is it");
                format!("`{name}`{near}")
            })
            .collect();
        if !missing.is_empty() {
            let separator = self.separator.to_string();
            return Err(invalid(format!(
                "found no column {}; expected the header `{}`, found `{}`",
                missing.join(", "),
                names.join(&separator),
                shortened(&found.join(&separator), MAX_EXCERPT)
            )));
        }
        Ok(names.iter().filter_map(|name| self.find_column(name)).collect())
    }

    /// The number in a cell of a row; `None` where it is empty.
    ///
    /// # Errors
    /// Anything else, infinity and what is not a number, too.
    pub fn number(&self, row: &CsvLine, column_idx: usize) -> Result<Option<f64>, DataError> {
        let text = row.cells[column_idx].as_str();
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        if number.is_none() && !text.is_empty() {
            let text = shortened(text, MAX_EXCERPT);
            let message = format!("found `{text}`; expected a number or nothing");
            return Err(self.invalid(row.line, &self.columns[column_idx], message));
        }
        Ok(number)
    }

    /// An error in a cell.
    pub fn invalid(&self, line: usize, column: &str, message: impl Into<String>) -> DataError {
        invalid_cell(&self.path, line, column, message)
    }

    fn check_columns(&self) -> Result<(), DataError> {
        let mut seen = HashSet::new();
        for name in self.columns.iter().filter(|name| !name.is_empty()) {
            if !seen.insert(name) {
                let name = shortened(name, MAX_EXCERPT);
                let message = format!("found two columns `{name}`; rename or remove one of them");
                return Err(DataError::invalid(&self.path, "line 1", message));
            }
        }
        Ok(())
    }
}

/// Reads the cells of `columns`; further columns are skipped.
///
/// # Errors
/// As [`CsvTable::read`]; a missing column.
pub(crate) fn read_rows<const N: usize>(
    path: &Path,
    columns: [&str; N],
) -> Result<Vec<CsvRow<N>>, DataError> {
    let table = CsvTable::read(path)?;
    let positions = table.positions(columns)?;
    let row = |CsvLine { line, cells }: &CsvLine| CsvRow {
        line: *line,
        cells: positions.map(|position| cells[position].clone()),
    };
    Ok(table.rows.iter().map(row).collect())
}

/// An error in a cell.
pub(crate) fn invalid_cell(
    path: &Path,
    line: usize,
    column: &str,
    message: impl Into<String>,
) -> DataError {
    DataError::invalid(path, cell_place(line, column), message)
}

/// What errors call a cell.
pub fn cell_place(line: usize, column: &str) -> String {
    format!("line {line}, column `{column}`")
}

fn trimmed(record: &StringRecord) -> Vec<String> {
    record.iter().map(|cell| unguarded(cell.trim()).to_owned()).collect()
}

/// `,` or `;`, whichever comes first in the first line outside quotes.
fn separator(bytes: &[u8]) -> u8 {
    let mut is_quoted = false;
    for &byte in bytes {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b',' | b';' if !is_quoted => return byte,
            b'\n' | b'\r' if !is_quoted => break,
            _ => {}
        }
    }
    b','
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

/// `csv` takes all that follows a quote that is never closed for one cell, which would be in the last
/// row.
fn check_quotes(path: &Path, bytes: &[u8], last_start: usize) -> Result<(), DataError> {
    let start = last_start.saturating_sub(1).min(bytes.len());
    let num_quotes = bytes[start..].iter().filter(|&&byte| byte == b'"').count();
    match num_quotes % 2 {
        0 => Ok(()),
        _ => {
            let place = format!("line {}", 1 + num_newlines(&bytes[..last_start.min(bytes.len())]));
            let message = "found a quotation mark that is never closed; close or double it";
            Err(DataError::invalid(path, place, message))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: impl AsRef<[u8]>) -> Result<CsvTable, String> {
        CsvTable::parse(Path::new("t.csv"), bytes.as_ref()).map_err(|error| error.to_string())
    }

    /// Line and cells of each row.
    fn rows(text: &str) -> Vec<(usize, Vec<String>)> {
        parse(text).unwrap().rows.into_iter().map(|row| (row.line, row.cells)).collect()
    }

    fn row(line: usize, cells: &[&str]) -> (usize, Vec<String>) {
        (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn one_table_in_all_its_spellings() {
        let expected = vec![row(2, &["a", "1, 2"]), row(3, &["b;c", ""])];
        for text in [
            "id,x\na,\"1, 2\"\nb;c,\n",
            "\u{feff}id;x\r\na;1, 2\r\n\"b;c\";\r\n",
            "id , x\n a,\" 1, 2 \"\nb;c, ",
            "\"id\",\"x\"\n\"a\",\"1, 2\"\n\"b;c\",\"\"\n",
        ] {
            assert_eq!(rows(text), expected, "{text:?}");
            assert_eq!(parse(text).unwrap().columns, ["id", "x"], "{text:?}");
        }
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        // Lines 2 and 3 are one row; line 4 is empty; line 5 has no text.
        let text = "id,x\n\"a\nb\",1\n\n,\nc,2\n";
        assert_eq!(rows(text), [row(2, &["a\nb", "1"]), row(6, &["c", "2"])]);
        assert_eq!(rows(&text.replace('\n', "\r\n"))[1], row(6, &["c", "2"]));
    }

    #[test]
    fn the_first_separator_outside_quotes_counts() {
        assert_eq!(rows("id,p_a;b\n1,2\n"), [row(2, &["1", "2"])]);
        assert_eq!(rows("\"a,b\";c\n1;2\n"), [row(2, &["1", "2"])]);
        assert_eq!(rows("id\n1\n"), [row(2, &["1"])]);
    }

    #[test]
    fn what_is_against_the_rules_is_refused_with_its_line() {
        for (bytes, expected) in [
            (&b"id,x,id\n"[..], "t.csv: line 1: found two columns `id`"),
            (b"id,x, id \n", "line 1: found two columns `id`"),
            (b"id,x\na,1\nb\n", "line 3: found 1 cells; expected 2"),
            (b"id,x\r\na,1\r\nb,2,3\r\n", "line 3: found 3 cells; expected 2"),
            (b"id,x\na,\xff\n", "line 2, column 2: found bytes that are not UTF-8"),
            (b"\xff\xfei\0d\0", "line 1: found text in UTF-16"),
            (b"id,x\na,1\nb,\"2\nc,3\n", "line 3: found a quotation mark that is never closed"),
            (b"\"id,x\na,1\n", "line 1: found a quotation mark that is never closed"),
        ] {
            let message = parse(bytes).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        // Spreadsheets leave columns without a name.
        assert_eq!(parse("id,,\na,,\n").unwrap().columns, ["id", "", ""]);
    }

    #[test]
    fn a_missing_column_is_named() {
        let missing =
            |text: &str| parse(text).unwrap().positions(["id", "patient"]).unwrap_err().to_string();
        assert!(missing("id,patients\n").contains("no column `patient` (is it `patients`?)"));
        assert!(missing("id\tpatient\n").contains("separated by '\\t'; expected `,` or `;`"));
        assert!(missing("").contains("line 1: found no column `id`"));
        assert_eq!(parse("patient;x;id\n").unwrap().positions(["id", "patient"]), Ok([2, 0]));
    }
}
