//! What a user reads on the terminal besides results.

use crate::error::{CliError, CliResult};
use std::any::Any;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::filter::LevelFilter;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Sends log lines to standard error: everything from `info` on, or only warnings when `quiet`.
pub fn start_logging(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
    let level = if quiet { LevelFilter::WARN } else { LevelFilter::INFO };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(level)
        .with_target(false)
        .without_time()
        .init();
}

/// Whether the user wants no progress.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Writes a result to standard output.
///
/// # Errors
/// A full disk. A reader that has gone (`dermx ... | head`) is none: it has seen enough.
pub fn print(text: impl AsRef<[u8]>) -> CliResult<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::io(Path::new("standard output"), &error))
        }
        _ => Ok(()),
    }
}

/// Keeps the standard library from printing panics; [`panic_message`] is printed instead.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|info| tracing::debug!("{info}")));
}

/// What a caught panic said.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_string())
}
