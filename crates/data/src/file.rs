//! Whole files and folders, with errors that name them.

use crate::DataError;
use std::fs;
use std::path::Path;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    fs::read(path).map_err(|error| DataError::io(path, &error))
}

/// Writes beside the target and renames, so that a reader never sees half a file.
///
/// The file is not synced: a data set is thousands of small files that can be written again.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let partial = path.with_file_name(name);
    fs::write(&partial, bytes).map_err(|error| DataError::io(&partial, &error))?;
    fs::rename(&partial, path).map_err(|error| DataError::io(path, &error))
}

pub(crate) fn create_folder(path: &Path) -> Result<(), DataError> {
    fs::create_dir_all(path).map_err(|error| DataError::io(path, &error))
}

/// The names in a folder, sorted; a name that is not UTF-8 is an error.
pub(crate) fn list(folder: &Path) -> Result<Vec<String>, DataError> {
    let io = |error| DataError::io(folder, &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        names.push(name.into_string().map_err(|name| {
            DataError::invalid(&folder.join(&name), "", "the file name is not UTF-8")
        })?);
    }
    names.sort_unstable();
    Ok(names)
}
