//! The work of one unit: claimed, done as `dermx train` does it, and handed in.

use super::folder::DiskFolder;
use super::plan::Sweep;
use crate::backend::Backend;
use crate::commands::train::{self, Place};
use crate::config::Config;
use crate::error::{CliError, CliResult, ExitKind};
use crate::run_folder::{this_process, to_json};
use crate::search::{self, EndedTrial};
use crate::stop;
use crate::terminal::first_panic_message;
use dermx_sweep::{Hold, Kind, Sighting, Standing, State, Unit, accepted, claim, standing};
use serde::{Deserialize, Serialize};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
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
    pub fn read(sweep: &Sweep, unit: &Unit) -> CliResult<Option<Self>> {
        let bytes = accepted(&sweep.shared(), &unit.name).map_err(in_folder(sweep))?;
        let path = sweep.path().join("accepted").join(&unit.name);
        let parse = |bytes: Vec<u8>| {
            serde_json::from_slice(&bytes).map_err(|error| CliError::bad_data(&path, error))
        };
        bytes.map(parse).transpose()
    }
}

/// What the work of a unit came to.
struct Work {
    /// What to print.
    text: String,
    trial: Option<EndedTrial>,
}

/// Seconds since 1970.
pub fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_secs())
}

/// Does `unit`, unless it is done or another process gives signs of life; what to print.
///
/// # Errors
/// The unit failed, which is written down, or somebody asked to stop.
pub fn run_unit(sweep: &Sweep, unit: &Unit) -> CliResult<String> {
    let folder = sweep.shared();
    let lease = Duration::from_secs(sweep.plan().lease_s);
    let hold = match wait_for_claim(&folder, unit, lease).map_err(in_folder(sweep))? {
        Turn::Mine(hold) => hold,
        Turn::Done => return Ok(format!("{}: has its result\n", unit.name)),
        Turn::Others => return Ok(format!("{}: another process is at it\n", unit.name)),
        Turn::Stopped => return Err(stop::stopped(RESUME)),
    };
    let heart = Heart::start(folder.clone(), hold, lease / 6)?;
    let result =
        catch_unwind(AssertUnwindSafe(|| work(sweep, unit, lease))).unwrap_or_else(|panic| {
            let message = format!("internal fault: {}", first_panic_message(panic.as_ref()));
            Err(CliError::new(ExitKind::Internal, message))
        });
    let mut hold = heart.stop()?;
    match &result {
        Ok(work) => {
            let accepted = Accepted {
                owner: owner(),
                generation: hold.generation(),
                seconds: hold.seconds(unix_s()),
                trial: work.trial.clone(),
            };
            let bytes = to_json(&accepted)?;
            hold.accept(&folder, &bytes, unix_s()).map_err(in_folder(sweep))?;
            if unit.kind == Kind::Trial {
                search::forget_checkpoints(&sweep.run(unit))?;
            }
        }
        Err(error) => {
            let state = match error.kind {
                ExitKind::Stopped => State::Stopped,
                kind => State::Failed { exit_code: kind as i32, message: error.message.clone() },
            };
            hold.end(&folder, state, unix_s()).map_err(in_folder(sweep))?;
        }
    }
    result.map(|work| work.text)
}

fn in_folder(sweep: &Sweep) -> impl Fn(io::Error) -> CliError {
    let path = sweep.path().to_path_buf();
    move |error| CliError::io(&path, &error)
}

enum Turn {
    Mine(Hold),
    Done,
    Others,
    Stopped,
}

/// Claims `unit`; waits as long as a lease where there is a claim of somebody who may be dead.
fn wait_for_claim(folder: &DiskFolder, unit: &Unit, lease: Duration) -> io::Result<Turn> {
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
        if stop::requested() {
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
fn work(sweep: &Sweep, unit: &Unit, lease: Duration) -> CliResult<Work> {
    let config = sweep.config(unit)?;
    let start = Instant::now();
    loop {
        let result = match unit.kind {
            Kind::Run => run(&config, &sweep.run(unit)),
            Kind::Trial => trial(&config, sweep, unit),
        };
        match result {
            Err(error) if error.kind == ExitKind::Locked && start.elapsed() < 10 * lease => {
                stop::check(RESUME)?;
                tracing::info!("waiting: {}", error.message);
                std::thread::sleep((lease / 6).min(Duration::from_secs(5)));
            }
            result => return result,
        }
    }
}

fn run(config: &Config, folder: &Path) -> CliResult<Work> {
    let resume = folder.join("config.toml").exists();
    let place = Place { run: Some(folder), name: "", resume };
    let device = Backend::CPU.open()?;
    Ok(Work { text: train::train(config, &place, false, &device)?, trial: None })
}

fn trial(config: &Config, sweep: &Sweep, unit: &Unit) -> CliResult<Work> {
    let ended = search::run_unit(config, sweep.path(), &sweep.run(unit))?;
    let trial = ended.ok_or_else(|| stop::stopped(RESUME))?;
    Ok(Work { text: format!("{}: {}\n", unit.name, trial.text()), trial: Some(trial) })
}

/// Gives signs of life on a thread of its own while the work goes on.
struct Heart {
    stop: Sender<()>,
    thread: JoinHandle<Hold>,
}

/// Exit code of a process whose claim went to another: nothing is wrong, and nothing to be done.
const EXIT_LOST: i32 = 75;

impl Heart {
    fn start(folder: DiskFolder, mut hold: Hold, every: Duration) -> CliResult<Self> {
        let (stop, stopped) = channel();
        let beats = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                match hold.beat(&folder, unix_s()) {
                    Ok(true) => {}
                    Ok(false) => {
                        // Like a kill, which everything here survives: the other one goes on from
                        // the last checkpoint, and must not wait for the lock of the run folder.
                        eprintln!("another process has taken over: this one was thought dead");
                        std::process::exit(EXIT_LOST);
                    }
                    Err(error) => tracing::warn!("no sign of life could be given: {error}"),
                }
            }
            hold
        };
        let thread = std::thread::Builder::new().name("heart".to_string()).spawn(beats);
        let thread = thread.map_err(|error| CliError::io(Path::new("a thread"), &error))?;
        Ok(Self { stop, thread })
    }

    fn stop(self) -> CliResult<Hold> {
        // It may have ended by itself.
        let _ = self.stop.send(());
        self.thread
            .join()
            .map_err(|panic| CliError::new(ExitKind::Internal, first_panic_message(panic.as_ref())))
    }
}
