//! Stopping on request.

use crate::error::{CliError, CliResult, ExitKind};
use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Exit code of a program that a second Ctrl-C ended at once.
const EXIT_INTERRUPTED: i32 = 130;

/// Listens for Ctrl-C and for requests to end. The first one lets the work in hand be saved; a
/// second one ends the program at once.
pub fn install() {
    let handler = || {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(EXIT_INTERRUPTED);
        }
        eprintln!("stopping after this step; press Ctrl-C again to stop at once");
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        tracing::warn!("Ctrl-C will not save the work in hand: {error}");
    }
}

/// Whether somebody asked to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// The error that ends a stopped command.
pub fn stopped(how_to_go_on: &str) -> CliError {
    CliError::new(ExitKind::Stopped, format!("stopped on request; {how_to_go_on}"))
}

/// An error if somebody asked to stop.
pub fn check(how_to_go_on: &str) -> CliResult<()> {
    if requested() { Err(stopped(how_to_go_on)) } else { Ok(()) }
}
