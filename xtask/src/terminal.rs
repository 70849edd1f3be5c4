//! What is told while a task runs.

use std::fmt::Display;
use std::io::Write;

/// Writes a line to standard error. That nobody can read it (`2>&1 | head`) is no reason to end a task
/// that takes half an hour: `eprintln!` would panic.
pub fn tell(line: impl Display) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
