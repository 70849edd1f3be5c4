//! Where a sweep stands.

use crate::accepted::Accepted;
use crate::claim::{Claim, Sighting, State, accepted, latest};
use crate::error::{SweepError, SweepResult};
use crate::plan::Sweep;
use dermx_work::{Failure, Watch};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where the units of a sweep stand.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Number of units.
    pub num_units: usize,
    /// Number of units with a result.
    pub num_done: usize,
    /// Units that somebody claimed: at work on them if this was watched, or else perhaps dead.
    pub running: Vec<Running>,
    /// Units whose worker gave no sign of life for as long as a lease, while this process watched.
    pub lost: Vec<Running>,
    /// Units that failed.
    pub failed: Vec<Failed>,
    /// Units that nobody has begun, or that were stopped.
    pub waiting: Vec<String>,
    /// Estimate of the time until all that is waiting or running is done; none before the first is.
    pub seconds_left: Option<u64>,
    /// Whether signs of life were waited for, which tells what runs from what is lost.
    pub is_watched: bool,
}

/// A unit at work.
#[derive(Debug, Serialize)]
pub struct Running {
    /// The unit.
    pub unit: String,
    /// Who works on it.
    pub owner: String,
    /// From its beginning to its last sign of life, by the clock of whoever works on it.
    pub seconds: u64,
    /// How long this process has waited for a sign of life, by its own clock.
    pub seconds_silent: u64,
    #[serde(skip)]
    sighting: Sighting,
}

/// A process that ended otherwise than well, and what became of it, in words.
#[derive(Debug)]
pub struct Broken {
    /// The unit that it was to do.
    pub unit: String,
    /// How it ended.
    pub how: String,
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
    Claimed(u32, Claim),
    Waiting,
}

/// A result whose text cannot be read was accepted nevertheless; how long it took is unknown, and given as 0.
fn look(sweep: &Sweep, unit: &str) -> std::io::Result<One> {
    let folder = sweep.shared();
    if let Some(bytes) = accepted(&folder, unit)? {
        let seconds = serde_json::from_slice::<Accepted>(&bytes).map_or(0, |one| one.seconds);
        return Ok(One::Done(seconds));
    }
    let claimed = |(generation, claim)| One::Claimed(generation, claim);
    Ok(latest(&folder, unit)?.map_or(One::Waiting, claimed))
}

impl Status {
    /// Looks at every unit, and where somebody claimed one, waits for a sign of life, a lease at most: by the
    /// clock of this process alone, since those of two machines may differ by any time.
    ///
    /// # Errors
    /// A folder that cannot be read; a request to stop.
    pub fn watch(sweep: &Sweep, watch: Watch<'_>) -> SweepResult<Self> {
        let lease = Duration::from_secs(sweep.plan().lease_s);
        let mut vigil = Vigil::default();
        let mut is_told = false;
        loop {
            let mut status = Self::read(sweep)?;
            if vigil.judge(&mut status, lease, Instant::now()) {
                return Ok(status);
            }
            if !is_told {
                is_told = true;
                tracing::info!(
                    "waiting for signs of life of {} units, {} at most; --now does not wait",
                    status.running.len(),
                    duration(lease.as_secs())
                );
            }
            watch.check("nothing was changed")?;
            std::thread::sleep((lease / 12).min(Duration::from_secs(1)));
        }
    }

    /// Looks at every unit, once.
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
        let mut status = Self {
            num_units: units.len(),
            num_done: 0,
            running: Vec::new(),
            lost: Vec::new(),
            failed: Vec::new(),
            waiting: Vec::new(),
            seconds_left: None,
            is_watched: false,
        };
        let mut durations = Vec::new();
        for (unit, one) in units.iter().zip(looks) {
            match one {
                One::Done(seconds) => durations.push(seconds),
                One::Waiting => status.waiting.push(unit.name.clone()),
                One::Claimed(generation, claim) => {
                    status.add(sweep, &unit.name, generation, claim);
                }
            }
        }
        status.num_done = durations.len();
        durations.sort_unstable();
        status.seconds_left = status.estimate(durations.get(durations.len() / 2).copied());
        Ok(status)
    }

    fn add(&mut self, sweep: &Sweep, unit: &str, generation: u32, claim: Claim) {
        match claim.state {
            State::Failed { failure, message } => {
                let (unit, log) = (unit.to_string(), sweep.log(unit));
                self.failed.push(Failed { unit, failure, message, log });
            }
            // A result is made before its claim ends, so there is none.
            State::Stopped | State::Done => self.waiting.push(unit.to_string()),
            State::Working => self.running.push(Running {
                unit: unit.to_string(),
                owner: claim.owner,
                seconds: claim.unix_s.saturating_sub(claim.since_unix_s),
                seconds_silent: 0,
                sighting: Sighting { generation, beat: claim.beat },
            }),
        }
    }

    /// From the median of what was done.
    fn estimate(&self, median: Option<u64>) -> Option<u64> {
        let median = median?;
        let left = self.waiting.len() + self.lost.len();
        let of_running: u64 =
            self.running.iter().map(|one| median.saturating_sub(one.seconds)).sum();
        let num_workers = self.running.len().max(1) as u64;
        Some(median.saturating_mul(left as u64).saturating_add(of_running).div_ceil(num_workers))
    }

    /// The units without a result: last those that somebody has claimed, who may be at work on them.
    pub fn missing(&self) -> Vec<String> {
        let failed = self.failed.iter().map(|one| &one.unit);
        let mut names: Vec<String> = self.waiting.iter().chain(failed).cloned().collect();
        names.sort();
        names.extend(self.running.iter().chain(&self.lost).map(|one| one.unit.clone()));
        names
    }

    /// The error to end with when units have no result, although the processes that were to do them have
    /// ended: the failure of the first that failed, else that the work is to be gone on with.
    pub fn unfinished(&self, sweep: &Sweep, broken: &[Broken]) -> Option<SweepError> {
        if self.num_done == self.num_units {
            return None;
        }
        let mut message = self.text();
        let is_told = |unit: &str| self.failed.iter().any(|one| one.unit == unit);
        let missing = self.missing();
        for Broken { unit, how } in broken {
            if missing.contains(unit) && !is_told(unit) {
                // Writing into a string cannot fail.
                let log = sweep.log(unit);
                let _ =
                    writeln!(message, "{unit}: its process {how}\n        log: {}", log.display());
            }
        }
        let failure = self.failed.first().map_or(Failure::Stopped, |one| one.failure);
        let what = match self.failed.is_empty() {
            true => "not all units are done; `dermx sweep run` goes on",
            false => "units failed; `dermx sweep run` tries them again",
        };
        Some(SweepError::Units { failure, message: format!("{message}{what}") })
    }

    /// As a user reads it.
    pub fn text(&self) -> String {
        let Self { num_units, num_done, running, lost, failed, waiting, seconds_left, is_watched } =
            self;
        let [num_running, num_lost] = [running, lost].map(Vec::len);
        let at_work = match is_watched {
            true => format!("{num_running} running, {num_lost} lost"),
            false => format!("{num_running} claimed"),
        };
        let (num_waiting, num_failed) = (waiting.len(), failed.len());
        let mut text = format!(
            "{num_units} units: {num_done} done, {at_work}, {num_waiting} waiting, {num_failed} failed\n"
        );
        // Writing into a string cannot fail.
        for one in running {
            let state = if *is_watched { "running" } else { "claimed" };
            let seconds = duration(one.seconds);
            let _ = writeln!(text, "{state} {}: {}, for {seconds}", one.unit, one.owner);
        }
        for one in lost {
            let _ = writeln!(
                text,
                "lost    {}: no sign of life of {} in {}; `dermx sweep run` gives it to another",
                one.unit,
                one.owner,
                duration(one.seconds_silent)
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

/// What a process that looks again and again has seen of the units that are claimed.
#[derive(Debug, Default)]
struct Vigil {
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    first: Sighting,
    since: Instant,
    is_alive: bool,
}

impl Vigil {
    /// Tells the units of `status` that run from those that are lost, as far as is known `now`; whether that
    /// is known of all.
    fn judge(&mut self, status: &mut Status, lease: Duration, now: Instant) -> bool {
        let mut is_known = true;
        for mut one in std::mem::take(&mut status.running) {
            let new = || Seen { first: one.sighting, since: now, is_alive: false };
            let seen = self.seen.entry(one.unit.clone()).or_insert_with(new);
            seen.is_alive |= seen.first != one.sighting;
            let silent = now.saturating_duration_since(seen.since);
            if seen.is_alive {
                status.running.push(one);
            } else if silent >= lease {
                one.seconds_silent = silent.as_secs();
                status.lost.push(one);
            } else {
                one.seconds_silent = silent.as_secs();
                is_known = false;
                status.running.push(one);
            }
        }
        status.is_watched = is_known;
        is_known
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
    use super::{Running, Sighting, Status, Vigil, duration};
    use std::time::{Duration, Instant};

    /// A sweep of two units that both are claimed.
    fn claimed(beats: [u64; 2]) -> Status {
        let running = |(idx, beat): (usize, u64)| Running {
            unit: format!("unit-{idx}"),
            owner: "somebody".to_string(),
            seconds: 0,
            seconds_silent: 0,
            sighting: Sighting { generation: 1, beat },
        };
        Status {
            num_units: 2,
            num_done: 0,
            running: beats.into_iter().enumerate().map(running).collect(),
            lost: Vec::new(),
            failed: Vec::new(),
            waiting: Vec::new(),
            seconds_left: None,
            is_watched: false,
        }
    }

    #[test]
    fn who_gives_no_sign_of_life_for_a_lease_is_lost_and_nobody_else() {
        let lease = Duration::from_secs(6);
        let (mut vigil, start) = (Vigil::default(), Instant::now());
        let mut look = |beats, seconds| {
            let mut status = claimed(beats);
            let is_known = vigil.judge(&mut status, lease, start + Duration::from_secs(seconds));
            (is_known, status.running.len(), status.lost.len())
        };
        assert_eq!(look([0, 7], 0), (false, 2, 0));
        assert_eq!(look([1, 7], 1), (false, 2, 0));
        // The first gave one; of the second a lease has not passed.
        assert_eq!(look([1, 7], 5), (false, 2, 0));
        assert_eq!(look([1, 7], 6), (true, 1, 1));
    }

    #[test]
    fn a_look_without_waiting_does_not_say_that_anybody_is_at_work() {
        let text = claimed([0, 0]).text();
        assert!(text.starts_with("2 units: 0 done, 2 claimed, 0 waiting, 0 failed\n"), "{text}");
        assert!(text.contains("claimed unit-1: somebody") && !text.contains("running"), "{text}");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!([40, 200, 7500].map(duration), ["40 s", "3 min 20 s", "2 h 5 min"]);
    }
}
