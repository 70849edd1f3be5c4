//! Stopping on request.

use crate::error::exit_code;
use crate::terminal::tell;
use dermx_work::{Cancel, Failure};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// Pieces of work under way that save when they are asked to stop.
static NUM_HELD: AtomicUsize = AtomicUsize::new(0);

/// Exit code of a program that a second Ctrl-C ended at once.
const EXIT_INTERRUPTED: i32 = 130;

/// How long the program may go on, once asked to stop, while there is nothing to save: time for work
/// that looks now and then to say how to go on.
const GRACE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Listens for Ctrl-C and, on Unix, for the signals that ask to end: SIGTERM, SIGHUP, and SIGUSR1,
/// which batch systems send ahead of the end. The first lets the work in hand be saved, and ends the
/// program after a few seconds where there is none; a second Ctrl-C ends it at once.
///
/// Only for commands that save: the others are to end as the system ends them.
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
        // Without the thread the work ends as soon as it looks.
        let _ =
            std::thread::Builder::new().name("stop".to_string()).spawn(end_when_nothing_is_held);
        tell("stopping after this step; press Ctrl-C again to stop at once");
    }
}

/// Ends the process once no work was held for [`GRACE`]: what is on disk is whole at any moment, so
/// that nothing is lost.
fn end_when_nothing_is_held() {
    let mut idle = Duration::ZERO;
    while idle < GRACE {
        std::thread::sleep(LOOK_EVERY);
        idle = match NUM_HELD.load(Ordering::SeqCst) {
            0 => idle + LOOK_EVERY,
            _ => Duration::ZERO,
        };
    }
    tell(
        "error: stopped on request; the same command goes on, with --resume if it had a run folder",
    );
    std::process::exit(i32::from(exit_code(Failure::Stopped)));
}

/// The signals of this process.
#[derive(Debug, Clone, Copy)]
pub struct Signals;

impl Cancel for Signals {
    fn is_requested(&self) -> bool {
        REQUESTED.load(Ordering::SeqCst)
    }

    fn hold(&self, is_begun: bool) {
        match is_begun {
            true => NUM_HELD.fetch_add(1, Ordering::SeqCst),
            false => NUM_HELD.fetch_sub(1, Ordering::SeqCst),
        };
    }
}
