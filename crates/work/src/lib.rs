//! What long work has in common: who is told how far it is, who may stop it, and how it fails.
//!
//! A caller implements [`Progress`] and [`Cancel`]: the command with bars and signals, Python with
//! callbacks, tests with [`Watch::SILENT`].

mod failure;
mod panic_log;
mod watch;

pub use failure::Failure;
pub use panic_log::{PanicLog, panic_message};
pub use watch::{Cancel, Progress, ProgressBar, Stopped, Watch};
