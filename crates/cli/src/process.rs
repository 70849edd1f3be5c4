//! What every command has at hand: progress, signals, and the session that it opened.

use crate::error::CliResult;
use crate::progress::TerminalProgress;
use crate::stop::Signals;
use dermx_data::FileSystem;
use dermx_run::{Backend, Context, Session};
use dermx_work::{PanicLog, Watch};
use std::sync::{Arc, Mutex, PoisonError};

/// Signs of a panic of a library that got no thread, for which there is no memory or no number.
const NO_THREADS: [&str; 2] = ["ThreadPoolBuildError", "failed to spawn thread"];

/// This process.
#[derive(Debug)]
pub struct Process {
    panics: PanicLog,
    progress: TerminalProgress,
    /// The device that computes, in words, unless it is the processor: a panic may be its driver's.
    device: Mutex<Option<String>>,
    /// What writes checkpoints.
    files: Arc<dyn FileSystem>,
}

impl Process {
    /// A process whose panics are noted in `panics`, and whose checkpoints `files` writes.
    pub fn new(panics: PanicLog, quiet: bool, files: Arc<dyn FileSystem>) -> Self {
        Self { panics, progress: TerminalProgress { quiet }, device: Mutex::default(), files }
    }

    /// The panics of all threads.
    pub const fn panics(&self) -> &PanicLog {
        &self.panics
    }

    /// Bars on the terminal, and the signals.
    pub const fn watch(&self) -> Watch<'_> {
        Watch { progress: &self.progress, cancel: &Signals }
    }

    /// A session on `backend`.
    ///
    /// # Errors
    /// A backend that cannot compute.
    pub fn session(&self, backend: Backend) -> CliResult<Session> {
        let session = Session::open(backend, &self.panics)?.with_files(self.files.clone());
        if backend != Backend::CPU {
            let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
            *device = Some(session.description().to_string());
        }
        Ok(session)
    }

    /// What is handed to everything that computes in `session`.
    pub const fn context<'a>(&'a self, session: &'a Session) -> Context<'a> {
        Context { session, watch: self.watch() }
    }

    /// What to tell a user of a panic.
    pub fn fault(&self, message: &str) -> String {
        if NO_THREADS.iter().any(|sign| message.contains(sign)) {
            return format!(
                "out of memory: the system gives no more threads ({message}); see `ulimit -v` and `ulimit \
                 -u`, or set RAYON_NUM_THREADS to fewer"
            );
        }
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
        match device.as_ref() {
            Some(device) => format!(
                "{device} failed: {message}\nA smaller batch or smaller images need less of the \
                 device; --backend cpu does without it."
            ),
            None => {
                format!("internal fault: {message}\nPlease report it with the command you ran.")
            }
        }
    }
}
