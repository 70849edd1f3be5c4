//! The work of one unit: claimed, done, and handed in.

use crate::accepted::{Accepted, in_folder, unix_s};
use crate::claim::{Hold, Sighting, Standing, State, claim, standing};
use crate::error::{SweepError, SweepResult};
use crate::folder::DiskFolder;
use crate::plan::Sweep;
use crate::unit::Unit;
use dermx_data::{refuse_link, to_json};
use dermx_work::{
    Ended, EndedTrial, Failure, GoOn, Kind, Resolved, Stopped, Task, Watch, Work, panic_message,
    run_trial,
};
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Writes down that `unit` cannot be done by `owner`, who did not come to claim it, unless somebody else is
/// at it or has done it.
///
/// # Errors
/// A folder that cannot be written to.
pub fn note_failure(
    sweep: &Sweep,
    unit: &Unit,
    owner: &str,
    failure: Failure,
    message: &str,
) -> SweepResult<()> {
    let folder = sweep.shared();
    let note = || -> io::Result<()> {
        let Standing::Free { generation } = standing(&folder, &unit.name)? else { return Ok(()) };
        let Some(mut hold) = claim(&folder, &unit.name, generation, owner, unix_s())? else {
            return Ok(());
        };
        let state = State::Failed { failure, message: message.to_string() };
        hold.end(&folder, state, unix_s())
    };
    note().map_err(in_folder(sweep))
}

/// How to go on with a stopped unit.
const RESUME: &str = "`dermx sweep run` goes on";

/// How the work on a unit ended.
#[derive(Debug)]
pub enum UnitEnd<T> {
    /// It had its result before.
    Done,
    /// Another process is at it.
    Taken,
    /// The run was done; holds what the work left to its caller.
    Ran(T),
    /// The trial was done, or failed.
    Tried(EndedTrial),
}

impl<T> UnitEnd<T> {
    fn trial(&self) -> Option<&EndedTrial> {
        match self {
            Self::Tried(trial) => Some(trial),
            _ => None,
        }
    }
}

/// What is done when another process has taken over, because this one was thought dead. It must not
/// return before the process ends: the other one goes on from the last checkpoint, and must not wait
/// for the lock of the run folder.
pub type OnLost = Arc<dyn Fn() + Send + Sync>;

/// Somebody who does units, one at a time.
pub struct Worker<'a, W: ?Sized> {
    /// How a unit is done.
    pub work: &'a W,
    /// Who this is, for people: process and machine.
    pub owner: String,
    /// What is done when another has taken over.
    pub on_lost: OnLost,
    /// Who may stop it.
    pub watch: Watch<'a>,
}

impl<W: ?Sized> fmt::Debug for Worker<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl<W: Work + ?Sized> Worker<'_, W> {
    /// Does `unit`, unless it is done or another process gives signs of life.
    ///
    /// # Errors
    /// The unit failed, which is written down, or somebody asked to stop.
    pub fn run(&self, sweep: &Sweep, unit: &Unit) -> SweepResult<UnitEnd<W::Output>> {
        let folder = sweep.shared();
        let lease = Duration::from_secs(sweep.plan().lease_s);
        let hold = match self.wait_for_claim(&folder, unit, lease).map_err(in_folder(sweep))? {
            Turn::Mine(hold) => hold,
            Turn::Done => return Ok(UnitEnd::Done),
            Turn::Others => return Ok(UnitEnd::Taken),
            Turn::Stopped => return Err(stopped()),
        };
        let heart = Heart::start(folder.clone(), hold, lease / 6, Arc::clone(&self.on_lost))?;
        let result = catch_unwind(AssertUnwindSafe(|| self.work(sweep, unit, lease)))
            .unwrap_or_else(|panic| {
                let reason = self.work.reason(panic.as_ref());
                Err(SweepError::Internal(format!("internal fault: {reason}")))
            });
        let mut hold = heart.stop().map_err(SweepError::Internal)?;
        match &result {
            Ok(end) => {
                let accepted = Accepted {
                    owner: self.owner(),
                    generation: hold.generation(),
                    seconds: hold.seconds(unix_s()),
                    trial: end.trial().cloned(),
                };
                let bytes = to_json(&accepted).map_err(SweepError::internal)?;
                hold.accept(&folder, &bytes, unix_s()).map_err(in_folder(sweep))?;
                if unit.kind == Kind::Trial {
                    self.work.forget(&sweep.run(unit))?;
                }
            }
            Err(error) => {
                let state = match error.failure() {
                    Failure::Stopped => State::Stopped,
                    failure => State::Failed { failure, message: error.to_string() },
                };
                hold.end(&folder, state, unix_s()).map_err(in_folder(sweep))?;
            }
        }
        result
    }

    /// Claims `unit`; waits as long as a lease where there is a claim of somebody who may be dead.
    fn wait_for_claim(
        &self,
        folder: &DiskFolder,
        unit: &Unit,
        lease: Duration,
    ) -> io::Result<Turn> {
        let mut seen: Option<(Sighting, Instant)> = None;
        loop {
            let generation = match standing(folder, &unit.name)? {
                Standing::Accepted => return Ok(Turn::Done),
                Standing::Free { generation } => Some(generation),
                Standing::Held(sighting) => match seen {
                    Some((before, _)) if before != sighting => return Ok(Turn::Others),
                    Some((_, since)) if since.elapsed() < lease => None,
                    Some(_) => Some(sighting.generation + 1),
                    None => {
                        seen = Some((sighting, Instant::now()));
                        None
                    }
                },
            };
            if self.watch.cancel.is_requested() {
                return Ok(Turn::Stopped);
            }
            let Some(generation) = generation else {
                std::thread::sleep((lease / 12).min(Duration::from_secs(1)));
                continue;
            };
            match claim(folder, &unit.name, generation, &self.owner(), unix_s())? {
                Some(hold) => return Ok(Turn::Mine(hold)),
                None => seen = None,
            }
        }
    }

    /// Who this is and in which job, for people.
    fn owner(&self) -> String {
        let job = |name: &str| std::env::var(name).ok();
        let slurm = match (job("SLURM_ARRAY_JOB_ID"), job("SLURM_ARRAY_TASK_ID")) {
            (Some(array), Some(task)) => format!(", Slurm job {array}_{task}"),
            _ => String::new(),
        };
        let node = job("SLURMD_NODENAME").map_or(String::new(), |node| format!(", node {node}"));
        format!("{}{slurm}{node}", self.owner)
    }

    /// Does what the unit asks for; waits where a process that lost its claim still writes into the
    /// run folder.
    fn work(&self, sweep: &Sweep, unit: &Unit, lease: Duration) -> SweepResult<UnitEnd<W::Output>> {
        let config = sweep.resolve(unit, self.work)?;
        let start = Instant::now();
        loop {
            match self.attempt(&config, unit.kind, &sweep.run(unit)) {
                Err(error)
                    if error.failure() == Failure::Locked && start.elapsed() < 10 * lease =>
                {
                    self.watch.check(RESUME)?;
                    tracing::info!("waiting: {error}");
                    std::thread::sleep((lease / 6).min(Duration::from_secs(5)));
                }
                result => return result,
            }
        }
    }

    fn attempt(
        &self,
        config: &Resolved,
        kind: Kind,
        folder: &Path,
    ) -> SweepResult<UnitEnd<W::Output>> {
        refuse_link(folder).map_err(|error| SweepError::io(folder, &error))?;
        let mut on_epoch = |_: &[f64]| GoOn::Yes;
        match kind {
            Kind::Trial => {
                let ended = run_trial(self.work, config, folder, &mut on_epoch)?;
                ended.map(UnitEnd::Tried).ok_or_else(stopped)
            }
            Kind::Run => {
                let task = Task { kind, config, folder };
                match self.work.run(&task, &mut on_epoch)? {
                    Ended::Finished { output, .. } => Ok(UnitEnd::Ran(output)),
                    Ended::Stopped => Err(stopped()),
                    Ended::Cut { .. } => {
                        Err(SweepError::Internal("a run ended before its end".to_string()))
                    }
                }
            }
        }
    }
}

fn stopped() -> SweepError {
    Stopped(RESUME.to_string()).into()
}

enum Turn {
    Mine(Hold),
    Done,
    Others,
    Stopped,
}

/// Gives signs of life on a thread of its own while the work goes on.
struct Heart {
    stop: Sender<()>,
    thread: JoinHandle<Hold>,
}

impl Heart {
    fn start(
        folder: DiskFolder,
        mut hold: Hold,
        every: Duration,
        on_lost: OnLost,
    ) -> SweepResult<Self> {
        let (stop, stopped) = channel();
        let beats = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                match hold.beat(&folder, unix_s()) {
                    Ok(true) => {}
                    Ok(false) => on_lost(),
                    Err(error) => tracing::warn!("no sign of life could be given: {error}"),
                }
            }
            hold
        };
        let thread = std::thread::Builder::new().name("heart".to_string()).spawn(beats);
        let thread = thread.map_err(|error| SweepError::io(Path::new("a thread"), &error))?;
        Ok(Self { stop, thread })
    }

    fn stop(self) -> Result<Hold, String> {
        // It may have ended by itself.
        let _ = self.stop.send(());
        self.thread.join().map_err(|panic| panic_message(panic.as_ref()))
    }
}
