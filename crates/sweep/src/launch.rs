//! Who runs the units of a sweep.

use crate::error::SweepResult;
use crate::launcher::{Launcher, UnitCommand};
use crate::plan::Sweep;
use crate::status::Status;
use crate::{local, submit};
use dermx_work::Watch;

/// How units are launched.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// Who runs them.
    pub launcher: Launcher,
    /// What does one.
    pub command: &'a UnitCommand,
    /// Units at once on one machine, instead of the plan's.
    pub jobs: Option<usize>,
    /// Whether nothing is to be run.
    pub dry_run: bool,
}

impl Launcher {
    /// # Errors
    /// It is not there.
    pub fn check_present(self) -> SweepResult<()> {
        match self {
            Self::Local => Ok(()),
            Self::Slurm => submit::check_present(),
        }
    }
}

impl Launch<'_> {
    /// Has the units of `sweep` run that have no result; what to tell a user.
    ///
    /// # Errors
    /// A unit that failed or, on this machine, is not done in the end; a launcher that is not there; a
    /// request to stop.
    pub fn run(&self, sweep: &Sweep, watch: Watch<'_>) -> SweepResult<String> {
        let missing = Status::read(sweep)?.missing();
        if missing.is_empty() {
            return Ok("nothing is left to run\n".to_string());
        }
        match self.launcher {
            Launcher::Local if self.dry_run => Ok(format!("{} units are planned\n", missing.len())),
            Launcher::Local => {
                let jobs = self.jobs.unwrap_or(sweep.plan().jobs).max(1);
                local::run(sweep, &missing, self.command, jobs, watch)
            }
            Launcher::Slurm => submit::submit(sweep, &missing, self.command, self.dry_run),
        }
    }
}
