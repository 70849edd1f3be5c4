//! JSON read as a stream, whose errors say where they are.

use dermx_data::DataError;
use serde::de::{DeserializeOwned, DeserializeSeed};
use std::fs::File;
use std::io::BufReader;
use std::marker::PhantomData;
use std::path::Path;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

/// The value in the file `path`, which is not held in memory as text.
///
/// # Errors
/// A file that cannot be read; with the place as a JSON path or, outside of every key, as line and column,
/// what is wrong in it.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    read_seed(path, PhantomData::<T>)
}

/// The same of a value whose reading takes choices.
pub(crate) fn read_seed<T, S>(path: &Path, seed: S) -> Result<T, DataError>
where
    S: for<'de> DeserializeSeed<'de, Value = T> + Clone,
{
    let open = || -> Result<_, DataError> {
        let file = File::open(path).map_err(|error| DataError::io(path, &error))?;
        Ok(BufReader::with_capacity(BUFFER, file))
    };
    let mut json = serde_json::Deserializer::from_reader(open()?);
    let value = seed.clone().deserialize(&mut json);
    match value.and_then(|value| json.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) => Err(locate(path, open()?, seed, error)),
    }
}

/// The error with its JSON path, for which the file is read again (slower, so only now).
fn locate<T>(
    path: &Path,
    file: BufReader<File>,
    seed: impl for<'de> DeserializeSeed<'de, Value = T>,
    error: serde_json::Error,
) -> DataError {
    let mut json = serde_json::Deserializer::from_reader(file);
    let mut track = serde_path_to_error::Track::new();
    let located = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let (place, error) = match seed.deserialize(located) {
        Err(error) => (track.path().to_string(), error),
        Ok(_) => (String::new(), error), // a complete value, and something after it
    };
    if let Some(kind) = error.io_error_kind() {
        return DataError::io(path, &kind.into());
    }
    // `.` is the file itself, and `?` a key that was not read.
    let place = place.trim_end_matches(['?', '.']);
    if !place.is_empty() {
        return DataError::invalid(path, place, error.to_string());
    }
    let (line, column) = (error.line(), error.column());
    let message = error.to_string().replacen(&format!(" at line {line} column {column}"), "", 1);
    DataError::invalid(path, format!("line {line} column {column}"), message)
}
