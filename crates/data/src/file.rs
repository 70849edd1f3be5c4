//! Whole files and folders, with errors that name them.

use crate::DataError;
use crate::disk::partial_of;
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
    let partial = partial_of(path.parent().unwrap_or(Path::new("")), path);
    fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path)).map_err(|error| {
        let _ = fs::remove_file(&partial);
        DataError::io(path, &error)
    })
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

/// The same of an entry whose kind listing has told. Only links and oddities are asked for again: most
/// entries are plain, and there are thousands.
pub(crate) fn is_listed_folder(kind: fs::FileType, path: &Path) -> Result<bool, DataError> {
    match kind.is_file() || kind.is_dir() {
        true => Ok(kind.is_dir()),
        false => is_folder(path),
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

/// An entry of a folder.
pub(crate) struct Entry {
    pub name: String,
    /// A folder, or a link to one.
    pub is_folder: bool,
}

/// What a folder holds, sorted by name; a name that is not UTF-8, or of what is neither a file nor a
/// folder, is an error.
pub(crate) fn list(folder: &Path) -> Result<Vec<Entry>, DataError> {
    let io = |error| DataError::io(folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().into_string().map_err(|name| {
            DataError::invalid(&folder.join(&name), "", "the file name is not UTF-8")
        })?;
        found.push((name, entry.file_type().map_err(io)?));
    }
    found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    if let Some([name, other]) = same_names(found.iter().map(|(name, _)| name.as_str())).first() {
        let message = format!(
            "has the name of `{other}` but for the composition of its letters (Unicode); rename one of \
             them"
        );
        return Err(DataError::invalid(&folder.join(name), "", message));
    }
    let entry = |(name, kind): (String, fs::FileType)| {
        let is_folder = match name.starts_with('.') {
            true => kind.is_dir(),
            false => is_listed_folder(kind, &folder.join(&name))?,
        };
        Ok(Entry { name, is_folder })
    };
    found.into_iter().map(entry).collect()
}

/// Names that are one in Unicode's composed form: each beside the one before it.
pub(crate) fn same_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<[&'a str; 2]> {
    let names: Vec<&str> = names.into_iter().collect();
    if names.iter().all(|name| name.is_ascii()) {
        return Vec::new();
    }
    let mut seen = BTreeMap::new();
    let pair = |name| seen.insert(composed(name), name).map(|other| [name, other]);
    names.into_iter().filter_map(pair).collect()
}
