//! Who runs units, and what does one.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Who runs the units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launcher {
    /// Processes on this machine.
    Local,
    /// Slurm, as arrays of jobs; the folder has to be one that all nodes see.
    Slurm,
}

/// The command that does one unit: the program with its arguments; the folder of the sweep and the name of the
/// unit follow them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitCommand {
    /// The program, as an absolute path.
    pub program: PathBuf,
    /// Its first arguments.
    pub args: Vec<String>,
}
