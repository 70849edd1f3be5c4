//! What long work has in common: what a unit of it is, who is told how far it is, who may stop it, and how
//! it fails.
//!
//! [`Work`] is the seam between whoever has many units done (a search, a sweep) and whoever knows how one
//! is done. A caller implements [`Progress`] and [`Cancel`]: the command with bars and signals, Python with
//! callbacks, tests with [`Watch::SILENT`].

mod error;
mod failure;
mod panic_log;
mod resources;
mod trial;
mod unit;
mod watch;

pub use error::WorkError;
pub use failure::Failure;
pub use panic_log::{PanicLog, panic_message};
pub use resources::Resources;
pub use trial::{EndedTrial, Outcome, run_trial};
pub use unit::{Ended, GoOn, Kept, Kind, OnEpoch, Resolved, Source, Task, Work};
pub use watch::{Cancel, Held, Progress, ProgressBar, Stopped, Watch};
