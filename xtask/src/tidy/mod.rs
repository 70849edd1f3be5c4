//! Rules of the house that need no compiler; each is an invariant of ARCHITECTURE.md or a habit of
//! CONTRIBUTING.md.

mod dependencies;
mod documents;
mod files;
mod modules;
mod picture;
mod state;

use crate::book;
use crate::cargo::{self, output, root};
use crate::fault_table;
use anyhow::{Result, bail};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Checks every rule and reports all that is wrong at once.
pub fn run() -> Result<()> {
    let files = tracked_files()?;
    let metadata = cargo::metadata()?;
    let mut problems = dependencies::check(&metadata);
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md"))?;
    problems.extend(picture::check(&architecture, &dependencies::of_members(&metadata)));
    problems.extend(files::check(&root(), &files)?);
    problems.extend(modules::check(&root(), &files)?);
    problems.extend(state::check(&root(), &files)?);
    problems.extend(documents::check(&root(), &files));
    problems.extend(book::problems(&root())?);
    let contributing = fs::read_to_string(root().join("CONTRIBUTING.md"))?;
    let read = |file: &str| fs::read_to_string(root().join(file)).ok();
    problems.extend(fault_table::problems(&contributing, read));
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
}

/// Files that are, or would be, in version control, relative to the root.
pub fn tracked_files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["ls-files", "-z", "-co", "--exclude-standard"]);
    let names = output(&mut git)?;
    let paths = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    Ok(paths.filter(|path| root().join(path).exists()).collect())
}
