//! JSON whose errors say where they are.

use crate::DataError;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The value in `bytes`, the content of the file `path`.
///
/// # Errors
/// With the place as a JSON path or, outside of every key, as line and column; as a byte where the
/// text is not UTF-8.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, DataError> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        let message = "found a byte order mark; expected JSON in UTF-8 without one";
        return Err(DataError::invalid(path, "byte 0", message));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let place = format!("byte {}", error.valid_up_to());
        DataError::invalid(path, place, "found bytes that are not UTF-8; expected JSON in UTF-8")
    })?;
    serde_json::from_str(text).map_err(|error| locate::<T>(path, text, error))
}

/// The error with its JSON path, for which the text is parsed again (slower, so only now); outside
/// of every key, with line and column.
fn locate<T: DeserializeOwned>(path: &Path, text: &str, error: serde_json::Error) -> DataError {
    let mut json = serde_json::Deserializer::from_str(text);
    let (place, error) = match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Err(located) => (located.path().to_string(), located.into_inner()),
        Ok(_) => (String::new(), error), // a complete value, and something after it
    };
    let mut message = error.to_string();
    if error.is_syntax() {
        message.push_str(&format!("; found `{}`", text_at(text, error.line(), error.column())));
    }
    // `.` is the file itself, and `?` a key that was not read.
    let place = place.trim_end_matches(['?', '.']);
    if !place.is_empty() {
        return DataError::invalid(path, place, message);
    }
    let (line, column) = (error.line(), error.column());
    let message = message.replacen(&format!(" at line {line} column {column}"), "", 1);
    DataError::invalid(path, format!("line {line} column {column}"), message)
}

/// The first characters from a line and a byte of it, both from 1.
fn text_at(text: &str, line: usize, column: usize) -> String {
    let line = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default().as_bytes();
    let start = column.saturating_sub(1).min(line.len());
    String::from_utf8_lossy(&line[start..]).chars().take(16).collect()
}
