//! The files of the families of networks, which a macro declares, so that rustfmt does not find them.

use crate::cargo::root;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// All of them.
pub fn files() -> Result<Vec<PathBuf>> {
    let folder = root().join("crates/model/src/families");
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_module = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    Ok(paths.into_iter().filter(is_module).collect())
}
