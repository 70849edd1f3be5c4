//! What a reader is given and has to keep to.

use dermx_data::{DataError, ErrorKind};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What sort of files a target reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// JPEG and PNG.
    Photos,
    /// Heat maps and masks.
    Maps,
    /// Annotations, in JSON and XML, and other JSON.
    Annotations,
    /// TOML.
    Configurations,
    /// CSV.
    Tables,
    /// Files of weights.
    Weights,
}

impl Group {
    /// All of them, with the number of files that `DERMX_MUTATIONS=full` breaks.
    pub const ALL: [(Self, usize); 6] = [
        (Self::Photos, 10_000),
        (Self::Maps, 3000),
        (Self::Annotations, 10_000),
        (Self::Configurations, 10_000),
        (Self::Tables, 2000),
        (Self::Weights, 5000),
    ];
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was read, and what was read could be used.
    Read,
    /// It was refused with an error that names it.
    Refused,
}

/// A reader.
#[derive(Clone)]
pub struct Target {
    /// The name, also of its file in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// What it reads.
    pub group: Group,
    /// Where the file lies below the folder.
    pub file: &'static str,
    /// Whole files.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Writes what has to lie beside the file.
    pub prepare: fn(&Path),
    /// Reads the file, in the folder, and uses what was read.
    pub read: fn(&Path, &Path) -> Outcome,
}

impl Target {
    /// A target of a file that needs none beside it.
    pub const fn new(
        name: &'static str,
        group: Group,
        file: &'static str,
        seeds: fn() -> Vec<Vec<u8>>,
        read: fn(&Path, &Path) -> Outcome,
    ) -> Self {
        Self { name, group, file, seeds, prepare: |_| {}, read }
    }

    /// Writes `bytes` as the file in `folder`, which was prepared, and reads it.
    ///
    /// # Panics
    /// When the reader panics, an error does not name the file, or another file was made or changed.
    pub fn run(&self, folder: &Path, bytes: &[u8]) -> Outcome {
        let path = folder.join(self.file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        let before = listed(folder);
        let outcome = (self.read)(folder, &path);
        assert_eq!(listed(folder), before, "{}: a file was made, changed or removed", self.name);
        outcome
    }
}

/// Files below a folder with their sizes.
fn listed(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(listed(&entry.path())),
            false => drop(found.insert(entry.path(), entry.metadata().unwrap().len())),
        }
    }
    found
}

/// The longest message of an error, in bytes.
const MAX_MESSAGE: usize = 10_000;

/// That an error names `path` and, where `has_place`, a place in it.
pub(crate) fn refused(error: &DataError, path: &Path, has_place: bool) -> Outcome {
    assert_eq!((error.kind, error.path.as_path()), (ErrorKind::Invalid, path), "{error}");
    assert!(!error.message.is_empty() && error.message.len() < MAX_MESSAGE, "{error}");
    if has_place {
        assert!(!error.place.is_empty() && !error.place.ends_with('?'), "{error}");
    }
    Outcome::Refused
}

/// That the text of an error names the file, and is not too long.
pub(crate) fn refused_text(message: &str, path: &Path) -> Outcome {
    assert!(message.contains(&path.display().to_string()), "{}: {message}", path.display());
    assert!(message.len() < MAX_MESSAGE, "{message}");
    assert!(!message.contains("panic"), "{message}");
    Outcome::Refused
}
