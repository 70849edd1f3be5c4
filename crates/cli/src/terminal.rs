//! What a user reads on the terminal besides results.

use crate::error::{CliError, CliResult};
use std::any::Any;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
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

/// The first panic of any thread since it was last asked for.
static FIRST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the standard library from printing panics; [`first_panic_message`] is printed instead.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|info| {
        tracing::debug!("{info}");
        let mut first = FIRST_PANIC.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| panic_message(info.payload()));
    }));
}

/// The first panic of any thread since this was last called.
pub fn take_first_panic() -> Option<String> {
    FIRST_PANIC.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Why a caught panic happened: what the first one said, since a device's own thread ends before
/// those that wait for it.
pub fn first_panic_message(panic: &(dyn Any + Send)) -> String {
    take_first_panic().unwrap_or_else(|| panic_message(panic))
}

/// What a caught panic said.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_string())
}
