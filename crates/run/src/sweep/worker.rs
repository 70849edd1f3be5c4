//! The work of one unit: claimed, done as `dermx train` does it, and handed in.

use super::folder::DiskFolder;
use super::plan::Sweep;
use crate::config::Config;
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::run_folder::{this_process, to_json};
use crate::search::{self, EndedTrial};
use crate::train::{self, Place, Trained};
use dermx_sweep::{Hold, Kind, Sighting, Standing, State, Unit, accepted, claim, standing};
use dermx_work::{Failure, PanicLog};
use serde::{Deserialize, Serialize};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How to go on with a stopped unit.
const RESUME: &str = "`dermx sweep run` goes on";

/// What a file in `accepted/` holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// Who did it.
    pub owner: String,
    /// The number of the claim.
    pub generation: u32,
    /// Seconds that the last claim took.
    pub seconds: u64,
    /// How it went, if it is a trial: one that failed, too, has this as its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<EndedTrial>,
}

impl Accepted {
    /// What was accepted of `unit`, if something was.
    ///
    /// # Errors
    /// A folder that cannot be read, a damaged file.
    pub fn read(sweep: &Sweep, unit: &Unit) -> RunResult<Option<Self>> {
        let bytes = accepted(&sweep.shared(), &unit.name).map_err(in_folder(sweep))?;
        let path = sweep.path().join("accepted").join(&unit.name);
        let parse = |bytes: Vec<u8>| {
            serde_json::from_slice(&bytes).map_err(|error| RunError::in_file(&path, error))
        };
        bytes.map(parse).transpose()
    }
}

/// How the work on a unit ended.
#[derive(Debug)]
pub enum UnitEnd {
    /// It had its result before.
    Done,
    /// Another process is at it.
    Taken,
    /// It was trained, and tested.
    Trained(Box<Trained>),
    /// It was tried.
    Tried(EndedTrial),
}

impl UnitEnd {
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

/// Seconds since 1970.
pub fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_secs())
}

/// Does `unit`, unless it is done or another process gives signs of life.
///
/// # Errors
/// The unit failed, which is written down, or somebody asked to stop.
pub fn run_unit(
    sweep: &Sweep,
    unit: &Unit,
    on_lost: OnLost,
    context: Context<'_>,
) -> RunResult<UnitEnd> {
    let folder = sweep.shared();
    let lease = Duration::from_secs(sweep.plan().lease_s);
    let hold = match wait_for_claim(&folder, unit, lease, context).map_err(in_folder(sweep))? {
        Turn::Mine(hold) => hold,
        Turn::Done => return Ok(UnitEnd::Done),
        Turn::Others => return Ok(UnitEnd::Taken),
        Turn::Stopped => return Err(RunError::stopped(RESUME)),
    };
    let heart = Heart::start(folder.clone(), hold, lease / 6, on_lost)?;
    let result = catch_unwind(AssertUnwindSafe(|| work(sweep, unit, lease, context)))
        .unwrap_or_else(|panic| {
            let reason = context.session.panics().reason(panic.as_ref());
            Err(RunError::internal(format!("internal fault: {reason}")))
        });
    let mut hold = heart.stop(context.session.panics())?;
    match &result {
        Ok(work) => {
            let accepted = Accepted {
                owner: owner(),
                generation: hold.generation(),
                seconds: hold.seconds(unix_s()),
                trial: work.trial().cloned(),
            };
            let bytes = to_json(&accepted)?;
            hold.accept(&folder, &bytes, unix_s()).map_err(in_folder(sweep))?;
            if unit.kind == Kind::Trial {
                search::forget_checkpoints(&sweep.run(unit))?;
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

fn in_folder(sweep: &Sweep) -> impl Fn(io::Error) -> RunError {
    let path = sweep.path().to_path_buf();
    move |error| RunError::io(&path, &error)
}

enum Turn {
    Mine(Hold),
    Done,
    Others,
    Stopped,
}

/// Claims `unit`; waits as long as a lease where there is a claim of somebody who may be dead.
fn wait_for_claim(
    folder: &DiskFolder,
    unit: &Unit,
    lease: Duration,
    context: Context<'_>,
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
        if context.is_stopping() {
            return Ok(Turn::Stopped);
        }
        let Some(generation) = generation else {
            std::thread::sleep((lease / 12).min(Duration::from_secs(1)));
            continue;
        };
        match claim(folder, &unit.name, generation, &owner(), unix_s())? {
            Some(hold) => return Ok(Turn::Mine(hold)),
            None => seen = None,
        }
    }
}

/// Who this is, for people.
fn owner() -> String {
    let job = |name: &str| std::env::var(name).ok();
    let slurm = match (job("SLURM_ARRAY_JOB_ID"), job("SLURM_ARRAY_TASK_ID")) {
        (Some(array), Some(task)) => format!(", Slurm job {array}_{task}"),
        _ => String::new(),
    };
    let node = job("SLURMD_NODENAME").map_or(String::new(), |node| format!(", node {node}"));
    format!("{}{slurm}{node}", this_process())
}

/// Does what the unit asks for; waits where a process that lost its claim still writes into the run
/// folder.
fn work(sweep: &Sweep, unit: &Unit, lease: Duration, context: Context<'_>) -> RunResult<UnitEnd> {
    let config = sweep.config(unit)?;
    let start = Instant::now();
    loop {
        let result = match unit.kind {
            Kind::Run => run(&config, &sweep.run(unit), context),
            Kind::Trial => trial(&config, sweep, unit, context),
        };
        match result {
            Err(error) if error.failure() == Failure::Locked && start.elapsed() < 10 * lease => {
                context.check(RESUME)?;
                tracing::info!("waiting: {error}");
                std::thread::sleep((lease / 6).min(Duration::from_secs(5)));
            }
            result => return result,
        }
    }
}

fn run(config: &Config, folder: &Path, context: Context<'_>) -> RunResult<UnitEnd> {
    let resume = folder.join("config.toml").exists();
    let place = Place { run: Some(folder), name: "", resume };
    Ok(UnitEnd::Trained(Box::new(train::train(config, &place, false, context)?)))
}

fn trial(config: &Config, sweep: &Sweep, unit: &Unit, context: Context<'_>) -> RunResult<UnitEnd> {
    let ended = search::run_unit(config, sweep.path(), &sweep.run(unit), context)?;
    Ok(UnitEnd::Tried(ended.ok_or_else(|| RunError::stopped(RESUME))?))
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
    ) -> RunResult<Self> {
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
        let thread = thread.map_err(|error| RunError::io(Path::new("a thread"), &error))?;
        Ok(Self { stop, thread })
    }

    fn stop(self, panics: &PanicLog) -> RunResult<Hold> {
        // It may have ended by itself.
        let _ = self.stop.send(());
        self.thread.join().map_err(|panic| RunError::internal(panics.reason(panic.as_ref())))
    }
}
