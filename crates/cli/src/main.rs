//! The `dermx` command.

use dermx_data::Disk;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    dermx_cli::run(Arc::new(Disk))
}
