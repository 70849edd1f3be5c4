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

/// The images of a run.
#[derive(Debug)]
pub struct Recorded {
    /// As the run began with them; its checkpoints are of these.
    pub begun: Manifest,
    /// As they are.
    pub now: Manifest,
    /// How they differ, an image a line; nothing unless that was allowed.
    pub drift: Vec<String>,
}

/// The images `files` below `root`; a new run records them as `name`, a resumed one has to find what it
/// recorded, unless it `allows_drift`.
///
/// # Errors
/// An image that cannot be read, or is not what it was.
pub fn record(
    folder: &RunFolder,
    name: &str,
    root: &Path,
    files: &[PathBuf],
    allows_drift: bool,
) -> RunResult<Recorded> {
    let now = Manifest::of_files(root, files)?;
    let path = folder.path().join(name);
    if !path.exists() {
        folder.write(name, now.to_text().as_bytes())?;
        return Ok(Recorded { begun: now.clone(), now, drift: Vec::new() });
    }
    let begun = Manifest::read(&path)?;
    let findings = begun.compare(&now, root);
    if !findings.is_empty() && !allows_drift {
        let message = format!(
            "images are no longer those that the run began with; put them back, start another run, or go \
             on all the same with --allow-drift, which its certificate will say:{}",
            list(&findings)
        );
        return Err(RunError::bad_data(message));
    }
    if !findings.is_empty() {
        tracing::warn!(
            "the run goes on although images are no longer those that it began with; its certificate will \
             say so:{}",
            list(&findings)
        );
    }
    let line = |finding: &Finding| {
        let path = finding.path.strip_prefix(root).unwrap_or(&finding.path);
        format!("{}: {}", path.display(), finding.message)
    };
    Ok(Recorded { begun, now, drift: findings.iter().map(line).collect() })
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
