//! Files that are never seen half written, and all that is asked of the operating system for it.

use crate::error::{DataError, ErrorKind};
use serde::Serialize;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

/// One thing that writing asks of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileCall<'a> {
    /// Makes a folder, and those above it.
    CreateFolder(&'a Path),
    /// Makes a file with this content, or replaces its content.
    Write(&'a Path, &'a [u8]),
    /// Brings the content of a file to the disk.
    SyncFile(&'a Path),
    /// Brings the names in a folder to the disk: a rename then survives a power cut.
    SyncFolder(&'a Path),
    /// Gives what is called the first path the second.
    Rename(&'a Path, &'a Path),
    /// Removes a folder with all that is in it.
    RemoveFolder(&'a Path),
}

impl FileCall<'_> {
    /// The file or folder that it is about; of a rename the new name.
    pub const fn path(&self) -> &Path {
        match self {
            Self::CreateFolder(path)
            | Self::Write(path, _)
            | Self::SyncFile(path)
            | Self::SyncFolder(path)
            | Self::Rename(_, path)
            | Self::RemoveFolder(path) => path,
        }
    }

    /// Asks it of the operating system.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn run(self) -> io::Result<()> {
        match self {
            Self::CreateFolder(path) => fs::create_dir_all(path),
            Self::Write(path, bytes) => fs::write(path, bytes),
            Self::SyncFile(path) => OpenOptions::new().write(true).open(path)?.sync_all(),
            // Only Unix lets a program sync a folder.
            Self::SyncFolder(path) if cfg!(unix) => File::open(path)?.sync_all(),
            Self::SyncFolder(_) => Ok(()),
            Self::Rename(from, to) => fs::rename(from, to),
            Self::RemoveFolder(path) => fs::remove_dir_all(path),
        }
    }
}

/// Whom writing and reading ask: the [`Disk`], or something in front of it that fails on purpose.
pub trait FileSystem: Debug + Send + Sync {
    /// Does what `call` says.
    ///
    /// # Errors
    /// What the operating system says.
    fn call(&self, call: FileCall<'_>) -> io::Result<()>;

    /// The content of a file.
    ///
    /// # Errors
    /// What the operating system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }
}

/// The operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl FileSystem for Disk {
    fn call(&self, call: FileCall<'_>) -> io::Result<()> {
        call.run()
    }
}

/// Writes `bytes` beside `path`, syncs, and renames: a reader sees the old file or the new one, however
/// many threads and processes write it at a time; the last one's stays.
///
/// What a killed process leaves beside `path` is hidden and ends with `.partial`: no reader takes it
/// for data ([`remove_partial_files`]).
///
/// # Errors
/// A folder that cannot be written to, a full disk.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let partial = partial_of(folder, path);
    let steps = [
        FileCall::Write(&partial, bytes),
        FileCall::SyncFile(&partial),
        FileCall::Rename(&partial, path),
        FileCall::SyncFolder(folder),
    ];
    steps.into_iter().try_for_each(|call| Disk.call(call)).map_err(|source| {
        // A full disk is not to stay full of halves; the error to report is the first.
        let _ = fs::remove_file(&partial);
        DataError {
            // A folder that is not there is not an input that is missing.
            kind: ErrorKind::Io,
            path: path.to_path_buf(),
            place: String::new(),
            message: source.to_string(),
        }
    })
}

/// Pretty JSON with a final newline, as all of our JSON files are.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn to_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// What becomes `path`, in `folder`: hidden, no longer than any name may be, and of this call alone, so
/// that two writers never share it.
pub(crate) fn partial_of(folder: &Path, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    // The standard library draws the keys of a hash map from the system, and others for each map.
    let call = RandomState::new().hash_one(name);
    folder.join(format!(".{}.{call:016x}.partial", &blake3::hash(name).to_hex()[..16]))
}

/// Whether `name` is that of a file or folder in the making.
pub(crate) fn is_partial(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".partial")
}

/// Removes what processes that were killed in [`write_atomic`] left in `folder` and below. For somebody who
/// knows that no other process writes there; what cannot be removed stays, and harms nobody.
pub fn remove_partial_files(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            remove_partial_files(&entry.path());
        } else if entry.file_name().to_str().is_some_and(is_partial) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
