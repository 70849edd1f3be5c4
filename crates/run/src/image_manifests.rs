//! Which images a run was made from: a manifest in its folder, with the hash of each.

use crate::error::{RunError, RunResult};
use crate::run_folder::RunFolder;
use dermx_data::{Finding, Manifest};
use std::path::{Path, PathBuf};

/// The manifest of the training images, in the run folder.
pub const TRAIN: &str = "train-images.manifest";

/// The manifest of the test images, in the run folder.
pub const TEST: &str = "test-images.manifest";

/// Images that differ which a message names.
const MAX_NAMED: usize = 10;

/// The manifest of `files` below `root`; a new run records it as `name`, a resumed one has to find
/// what it recorded.
///
/// # Errors
/// An image that cannot be read, or is not what it was.
pub fn record(
    folder: &RunFolder,
    name: &str,
    root: &Path,
    files: &[PathBuf],
) -> RunResult<Manifest> {
    let found = Manifest::of_files(root, files)?;
    let path = folder.path().join(name);
    if !path.exists() {
        folder.write(name, found.to_text().as_bytes())?;
        return Ok(found);
    }
    let findings = Manifest::read(&path)?.compare(&found, root);
    match findings.is_empty() {
        true => Ok(found),
        false => {
            let message = format!(
                "images are no longer those that the run began with; put them back, or start another \
                 run:{}",
                list(&findings)
            );
            Err(RunError::bad_data(message))
        }
    }
}

/// Looks whether `files` below `root` are still what `recorded` says, at the end of the work on them.
///
/// # Errors
/// An image that was changed or is gone, or cannot be read.
pub fn check_unchanged(recorded: &Manifest, root: &Path, files: &[PathBuf]) -> RunResult<()> {
    let files: Vec<PathBuf> = files.iter().filter(|file| file.exists()).cloned().collect();
    let findings = recorded.compare(&Manifest::of_files(root, &files)?, root);
    match findings.is_empty() {
        true => Ok(()),
        false => {
            let message = format!(
                "images changed while the run was at work, so that nobody could tell what its results are \
                 of; put them back and go on with --resume, or start another run:{}",
                list(&findings)
            );
            Err(RunError::bad_data(message))
        }
    }
}

/// Findings, one a line.
pub fn list(findings: &[Finding]) -> String {
    let named = findings.iter().take(MAX_NAMED);
    let mut lines: Vec<String> = named
        .map(|finding| format!("\n  {}: {}", finding.path.display(), finding.message))
        .collect();
    if findings.len() > MAX_NAMED {
        lines.push(format!("\n  and {} more", findings.len() - MAX_NAMED));
    }
    lines.concat()
}
