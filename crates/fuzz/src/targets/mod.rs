//! All targets, a file for each group.

mod annotations;
mod configurations;
mod maps;
mod photos;
mod tables;
mod weights;

use crate::Target;
use std::path::PathBuf;

/// Every target.
pub fn targets() -> Vec<Target> {
    [
        photos::targets(),
        maps::targets(),
        annotations::targets(),
        configurations::targets(),
        tables::targets(),
        weights::targets(),
    ]
    .concat()
}

/// A file of the tests of a crate, from its folder.
fn test_file(path: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Several of them.
fn test_files(paths: &[&str]) -> Vec<Vec<u8>> {
    paths.iter().map(|path| test_file(path)).collect()
}
