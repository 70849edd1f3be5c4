//! Work without the interpreter's lock, which Ctrl-C ends.

use crate::refusal;
use crate::warnings::{gathered, warn};
use dermx_score::ScoreError;
use dermx_work::{Cancel, Watch, panic_message};
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How often signals are looked for.
const INTERVAL: Duration = Duration::from_millis(50);

/// Set by whoever wants the work to stop.
#[derive(Default)]
struct Stop(AtomicBool);

impl Cancel for Stop {
    fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Does `work` on threads of its own, and looks for signals meanwhile: the interpreter handles them on this thread
/// alone. Warnings become Python's.
///
/// The threads end with the call. Threads that stay would be missing in a process that was forked from this one, as
/// data loaders are, and whoever waits for them there waits forever.
///
/// # Errors
/// Those of `work`, a fault in it, or what a signal's handler raised (`KeyboardInterrupt`).
pub fn run<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(Watch<'_>) -> Result<T, ScoreError> + Send,
) -> PyResult<T> {
    let stop = Stop::default();
    let (ended, interrupt) = py.detach(|| -> PyResult<_> {
        let pool = rayon::ThreadPoolBuilder::new().build().map_err(refusal)?;
        let (sender, receiver) = channel();
        let mut interrupt = None;
        pool.in_place_scope(|scope| {
            scope.spawn(|_| {
                let watch = Watch { cancel: &stop, ..Watch::SILENT };
                let ended = catch_unwind(AssertUnwindSafe(|| gathered(|| work(watch))));
                // Nobody waits who would not have it.
                let _ = sender.send(ended);
            });
            let (ended, raised) = wait(&receiver, &stop);
            interrupt = raised;
            ended
        })
        .map(|ended| (ended, interrupt))
    })?;
    match (interrupt, ended) {
        (Some(interrupt), _) => Err(interrupt),
        (None, Err(panic)) => Err(refusal(format!(
            "a fault of dermx, please report it: {}",
            panic_message(panic.as_ref())
        ))),
        (None, Ok((result, warnings))) => {
            warn(py, &warnings)?;
            result.map_err(refusal)
        }
    }
}

/// What comes from the work, and what a signal's handler raised before.
fn wait<T>(receiver: &Receiver<T>, stop: &Stop) -> (PyResult<T>, Option<PyErr>) {
    let mut interrupt = None;
    loop {
        match receiver.recv_timeout(INTERVAL) {
            Ok(ended) => return (Ok(ended), interrupt),
            Err(RecvTimeoutError::Disconnected) => {
                return (Err(refusal("a fault of dermx, please report it")), interrupt);
            }
            Err(RecvTimeoutError::Timeout) if interrupt.is_none() => {
                if let Err(raised) = Python::attach(|py| py.check_signals()) {
                    stop.0.store(true, Ordering::Relaxed);
                    interrupt = Some(raised);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
