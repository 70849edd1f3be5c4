//! Whole files and folders, with errors that name them.

use crate::DataError;
use crate::image_id::composed;
use std::collections::BTreeMap;
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

/// Whether `path` is a folder rather than a file; links are followed.
///
/// # Errors
/// It is neither: reading a named pipe would wait for ever.
pub(crate) fn is_folder(path: &Path) -> Result<bool, DataError> {
    let invalid = |message: &str| Err(DataError::invalid(path, "", message));
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(true),
        Ok(found) if found.is_file() => Ok(false),
        Ok(found) => invalid(&format!("is {}, not a file; remove it", special(found.file_type()))),
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) => {
            invalid("is a link to what cannot be read; remove it, or bring back what it links to")
        }
        Err(error) => Err(DataError::io(path, &error)),
    }
}

/// What is neither a file nor a folder, in words.
#[cfg(unix)]
fn special(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> &'static str {
    "something special"
}

/// The names in a folder, sorted; a name that is not UTF-8, or of what is neither a file nor a
/// folder, is an error.
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
    if let Some([name, other]) = same_names(names.iter().map(String::as_str)).first() {
        let message = format!(
            "has the name of `{other}` but for the composition of its letters (Unicode); rename one of \
             them"
        );
        return Err(DataError::invalid(&folder.join(name), "", message));
    }
    for name in names.iter().filter(|name| !name.starts_with('.')) {
        is_folder(&folder.join(name))?;
    }
    Ok(names)
}

/// Names that are one in Unicode's composed form: each beside the one before it.
pub(crate) fn same_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<[&'a str; 2]> {
    let mut seen = BTreeMap::new();
    let pair = |name| seen.insert(composed(name), name).map(|other| [name, other]);
    names.into_iter().filter_map(pair).collect()
}
