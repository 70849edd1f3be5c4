//! Stopping on request.

use dermx_work::Cancel;
use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Exit code of a program that a second Ctrl-C ended at once.
const EXIT_INTERRUPTED: i32 = 130;

/// Listens for Ctrl-C and, on Unix, for the signals that ask to end: SIGTERM, SIGHUP, and SIGUSR1,
/// which batch systems send ahead of the end. The first lets the work in hand be saved; a second
/// Ctrl-C ends the program at once.
pub fn install() {
    if let Err(error) = listen() {
        tracing::warn!("Ctrl-C will not save the work in hand: {error}");
    }
}

#[cfg(unix)]
fn listen() -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;
    let listener = std::thread::Builder::new().name("signals".to_string());
    listener.spawn(move || signals.forever().for_each(|signal| request(signal == SIGINT)))?;
    Ok(())
}

#[cfg(not(unix))]
fn listen() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| request(true))
}

/// A batch system may send several signals while the work in hand is saved: only a second Ctrl-C,
/// which a person presses, ends that, too.
fn request(is_ctrl_c: bool) {
    let is_second = REQUESTED.swap(true, Ordering::SeqCst);
    if is_second && is_ctrl_c {
        std::process::exit(EXIT_INTERRUPTED);
    }
    if !is_second {
        eprintln!("stopping after this step; press Ctrl-C again to stop at once");
    }
}

/// The signals of this process.
#[derive(Debug, Clone, Copy)]
pub struct Signals;

impl Cancel for Signals {
    fn is_requested(&self) -> bool {
        REQUESTED.load(Ordering::SeqCst)
    }
}
