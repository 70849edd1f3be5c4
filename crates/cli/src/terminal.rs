//! What a user reads on the terminal besides results.

use crate::error::{CliError, CliResult, exit_code};
use dermx_table::visible;
use dermx_work::{Failure, PanicLog};
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::debug_fn;

/// Sends log lines to standard error: everything from `info` on, or only warnings when `quiet`.
pub fn start_logging(quiet: bool) {
    let level = if quiet { LevelFilter::WARN } else { LevelFilter::INFO };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(level)
        .with_target(false)
        .without_time()
        // Else a line that cannot be written would be told about with `eprintln!`, which panics.
        .log_internal_errors(false)
        .fmt_fields(debug_fn(|writer, _, value| {
            write!(writer, "{}", visible(&format!("{value:?}")))
        }))
        .init();
}

/// Writes a line to standard error. That nobody can read it (`2>&1 | head`, a full disk behind the log,
/// a terminal that was closed) is no reason to lose the work in hand: `eprintln!` would panic.
pub fn tell(line: impl Display) {
    // Names in it are of others. In one piece, so that lines of several threads and processes do not mix.
    let line = visible(&line.to_string()).into_owned() + "\n";
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Writes a result to standard output.
///
/// # Errors
/// A full disk. A reader that has gone (`dermx ... | head`) is none: it has seen enough.
pub fn print(text: impl AsRef<[u8]>) -> CliResult<()> {
    // Names in it are of others.
    let text = String::from_utf8_lossy(text.as_ref());
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(visible(&text).as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::io(Path::new("standard output"), &error))
        }
        _ => Ok(()),
    }
}

/// Keeps the standard library from printing panics; they are noted in the log that is returned.
pub fn log_panics() -> PanicLog {
    let log = PanicLog::default();
    let noted = log.clone();
    std::panic::set_hook(Box::new(move |info| {
        tracing::debug!("{info}");
        noted.record(info.payload());
    }));
    log
}

/// Ends the process, since `num_bytes` could not be had. What is on disk is whole.
pub fn end_without_memory(num_bytes: usize) -> ! {
    // Formatting straight into the stream allocates nothing.
    let _ = writeln!(
        std::io::stderr(),
        "error: out of memory: the system refused {num_bytes} bytes; smaller images (input.size) or \
         batches (train.batch_size, with train.accumulation_steps for the same step; --batch) and fewer \
         --jobs need less. A run goes on with --resume."
    );
    std::process::exit(i32::from(exit_code(Failure::Internal)))
}
