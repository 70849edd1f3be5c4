//! Outputs: refused or opened before the work begins, by one rule in every command.

use crate::args::OverwriteArg;
use crate::error::CliResult;
use dermx_data::{OutputFile, OutputFolder};
use dermx_run::refuse_run_folder;
use std::path::Path;

/// The file `path`, of a command that reads `inputs`.
///
/// # Errors
/// What is there already, unless it is to be replaced; an input; a folder that cannot be written to.
pub fn file(path: &Path, overwrite: OverwriteArg, inputs: &[&Path]) -> CliResult<OutputFile> {
    Ok(OutputFile::open(path, overwrite.existing(), inputs)?)
}

/// The folder `path`, of a command that reads `inputs` and writes what `owns` says.
///
/// # Errors
/// As of [`file()`]; a run folder, whose results are certified.
pub fn folder(
    path: &Path,
    overwrite: OverwriteArg,
    inputs: &[&Path],
    owns: fn(&Path) -> bool,
) -> CliResult<OutputFolder> {
    refuse_run_folder(path)?;
    Ok(OutputFolder::open(path, overwrite.existing(), inputs, owns)?)
}

/// The paths of `given` that there are.
pub fn inputs<'a>(given: impl IntoIterator<Item = Option<&'a Path>>) -> Vec<&'a Path> {
    given.into_iter().flatten().collect()
}
