//! Where a sweep stands.

use crate::accepted::{Accepted, unix_s};
use crate::claim::{Claim, State, accepted, latest};
use crate::error::{SweepError, SweepResult};
use crate::plan::Sweep;
use dermx_work::Failure;
use rayon::prelude::*;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// Where the units of a sweep stand.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Number of units.
    pub num_units: usize,
    /// Number of units with a result.
    pub num_done: usize,
    /// Units that somebody works on.
    pub running: Vec<Running>,
    /// Units whose worker gave no sign of life for longer than the lease.
    pub lost: Vec<Running>,
    /// Units that failed.
    pub failed: Vec<Failed>,
    /// Units that nobody has begun, or that were stopped.
    pub waiting: Vec<String>,
    /// Estimate of the time until all that is waiting or running is done; none before the first is.
    pub seconds_left: Option<u64>,
}

/// A unit at work.
#[derive(Debug, Serialize)]
pub struct Running {
    /// The unit.
    pub unit: String,
    /// Who works on it.
    pub owner: String,
    /// Since its last sign of life, by the clocks of both machines.
    pub seconds_since_sign: u64,
    /// Since it began.
    pub seconds: u64,
}

/// A unit that failed.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// The unit.
    pub unit: String,
    /// What sort of failure it was.
    pub failure: Failure,
    /// The error.
    pub message: String,
    /// What it printed.
    pub log: PathBuf,
}

enum One {
    Done(u64),
    Claimed(Claim),
    Waiting,
}

/// Unreadable lines of a result count as a result of no duration: it was accepted.
fn look(sweep: &Sweep, unit: &str) -> std::io::Result<One> {
    let folder = sweep.shared();
    if let Some(bytes) = accepted(&folder, unit)? {
        let seconds = serde_json::from_slice::<Accepted>(&bytes).map_or(0, |one| one.seconds);
        return Ok(One::Done(seconds));
    }
    Ok(latest(&folder, unit)?.map_or(One::Waiting, |(_, claim)| One::Claimed(claim)))
}

impl Status {
    /// Looks at every unit.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn read(sweep: &Sweep) -> SweepResult<Self> {
        let units = &sweep.plan().units;
        let looks: Vec<One> = units
            .par_iter()
            .map(|unit| look(sweep, &unit.name))
            .collect::<std::io::Result<_>>()
            .map_err(|error| SweepError::io(sweep.path(), &error))?;
        let now = unix_s();
        let mut status = Self {
            num_units: units.len(),
            num_done: 0,
            running: Vec::new(),
            lost: Vec::new(),
            failed: Vec::new(),
            waiting: Vec::new(),
            seconds_left: None,
        };
        let mut durations = Vec::new();
        for (unit, one) in units.iter().zip(looks) {
            match one {
                One::Done(seconds) => durations.push(seconds),
                One::Waiting => status.waiting.push(unit.name.clone()),
                One::Claimed(claim) => status.add(sweep, &unit.name, claim, now),
            }
        }
        status.num_done = durations.len();
        status.seconds_left = status.estimate(&mut durations);
        Ok(status)
    }

    fn add(&mut self, sweep: &Sweep, unit: &str, claim: Claim, now: u64) {
        match claim.state {
            State::Failed { failure, message } => {
                let (unit, log) = (unit.to_string(), sweep.log(unit));
                self.failed.push(Failed { unit, failure, message, log });
            }
            // A result is made before its claim ends, so there is none.
            State::Stopped | State::Done => self.waiting.push(unit.to_string()),
            State::Working => {
                let running = Running {
                    unit: unit.to_string(),
                    owner: claim.owner,
                    seconds_since_sign: now.saturating_sub(claim.unix_s),
                    seconds: now.saturating_sub(claim.since_unix_s),
                };
                match running.seconds_since_sign > sweep.plan().lease_s {
                    true => self.lost.push(running),
                    false => self.running.push(running),
                }
            }
        }
    }

    fn estimate(&self, durations: &mut [u64]) -> Option<u64> {
        durations.sort_unstable();
        let median = *durations.get(durations.len() / 2)?;
        let left = self.waiting.len() + self.lost.len();
        let of_running: u64 =
            self.running.iter().map(|one| median.saturating_sub(one.seconds)).sum();
        let num_workers = self.running.len().max(1) as u64;
        Some((median * left as u64 + of_running).div_ceil(num_workers))
    }

    /// The units without a result that nobody works on.
    pub fn missing(&self) -> Vec<String> {
        let lost = self.lost.iter().map(|one| &one.unit);
        let failed = self.failed.iter().map(|one| &one.unit);
        let mut names: Vec<String> =
            self.waiting.iter().chain(lost).chain(failed).cloned().collect();
        names.sort();
        names
    }

    /// The error to end with when units failed.
    pub fn failure(&self) -> Option<SweepError> {
        let first = self.failed.first()?;
        let message = format!("{}`dermx sweep run` tries them again", self.text());
        Some(SweepError::Units { failure: first.failure, message })
    }

    /// As a user reads it.
    pub fn text(&self) -> String {
        let Self { num_units, num_done, running, lost, failed, waiting, seconds_left } = self;
        // Writing into a string cannot fail.
        let mut text = format!(
            "{num_units} units: {num_done} done, {} running, {} waiting, {} failed, {} lost\n",
            running.len(),
            waiting.len(),
            failed.len(),
            lost.len()
        );
        for one in running {
            let _ = writeln!(
                text,
                "running {}: {}, for {}, last sign of life {} ago",
                one.unit,
                one.owner,
                duration(one.seconds),
                duration(one.seconds_since_sign)
            );
        }
        for one in lost {
            let _ = writeln!(
                text,
                "lost    {}: no sign of life of {} for {}; `dermx sweep run` gives it to another",
                one.unit,
                one.owner,
                duration(one.seconds_since_sign)
            );
        }
        for one in failed {
            let _ = writeln!(
                text,
                "failed  {}: {}\n        log: {}",
                one.unit,
                one.message.replace('\n', "\n        "),
                one.log.display()
            );
        }
        if let (Some(seconds), true) = (seconds_left, num_done < num_units) {
            let _ = writeln!(text, "about {} left", duration(*seconds));
        }
        text
    }
}

/// Seconds as `2 h 5 min`, `3 min 20 s`, `40 s`.
fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_short() {
        assert_eq!([40, 200, 7500].map(duration), ["40 s", "3 min 20 s", "2 h 5 min"]);
    }
}
