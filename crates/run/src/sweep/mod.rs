//! Sweeps: many runs, planned in a folder, run by this machine or a cluster, and put together.

mod collect;
mod folder;
mod local;
mod plan;
mod slurm;
mod status;
mod worker;

pub use collect::collect;
pub use plan::{Launcher, Plan, PlanRequest, Sweep, plan, trial_unit};
pub use status::Status;
pub use worker::{Accepted, OnLost, UnitEnd, run_unit};

use crate::error::RunResult;
use dermx_work::Watch;

/// Whether `launcher` is there.
///
/// # Errors
/// It is not.
pub fn check_present(launcher: Launcher) -> RunResult<()> {
    match launcher {
        Launcher::Local => Ok(()),
        Launcher::Slurm => slurm::check_present(),
    }
}

/// Lets `launcher` run the units that have no result; what to print.
///
/// # Errors
/// A unit that failed, or a launcher that is not there.
pub fn launch(
    sweep: &Sweep,
    launcher: Launcher,
    jobs: Option<usize>,
    dry_run: bool,
    watch: Watch<'_>,
) -> RunResult<String> {
    let missing = Status::read(sweep)?.missing();
    if missing.is_empty() {
        return Ok("nothing is left to run\n".to_string());
    }
    match launcher {
        Launcher::Local if dry_run => Ok(format!("{} units are planned\n", missing.len())),
        Launcher::Local => local::run(sweep, &missing, jobs.unwrap_or(sweep.plan().jobs), watch),
        Launcher::Slurm => slurm::submit(sweep, &missing, dry_run),
    }
}
