//! How a run stands, as its files tell while it trains.

use crate::certificate;
use crate::config::Config;
use crate::error::{RunError, RunResult};
use crate::fitting::kept_epoch;
use crate::run_folder::{SeedFolder, is_at_work};
use dermx_data::json;
use dermx_train::EpochMetrics;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Epochs whose times say how long the next will take.
const NUM_RECENT: usize = 5;

/// A run that is watched: nothing is written into its folder.
#[derive(Debug)]
pub struct WatchedRun {
    folder: PathBuf,
    config: Config,
}

/// How a run stands at one moment.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The run folder.
    pub folder: PathBuf,
    /// Whether a process works on it.
    pub state: RunState,
    /// Number of epochs that are planned for each seed; early stopping trains fewer.
    pub num_epochs: u32,
    /// Each seed of the run, in the order in which they are trained.
    pub seeds: Vec<SeedStanding>,
}

/// Whether a process works on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// One does, or one of another machine may.
    AtWork,
    /// None does, and the run is not finished.
    Stopped,
    /// Its results are there.
    Finished,
}

/// How one seed of a run stands.
#[derive(Debug, Clone)]
pub struct SeedStanding {
    /// The seed.
    pub seed: u64,
    /// What was measured after each finished epoch.
    pub epochs: Vec<EpochMetrics>,
    /// The epoch whose weights would be kept if training ended now, from 1.
    pub kept: Option<u32>,
    /// How long an epoch takes: the median of the last, in seconds.
    pub seconds_per_epoch: Option<f64>,
    /// How far it is.
    pub stage: SeedStage,
}

/// How far a seed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedStage {
    /// No epoch is finished.
    Waiting,
    /// It trains, or stopped while it did.
    Training,
    /// Its weights are there; it predicts and explains.
    Trained,
    /// Its certificate is there.
    Done,
}

/// A line of `timings.jsonl`.
#[derive(Debug, Deserialize)]
struct Timing {
    seconds: f64,
}

impl WatchedRun {
    /// The run in `folder`.
    ///
    /// # Errors
    /// No run there, or the folder of a search, whose trials are runs.
    pub fn open(folder: &Path) -> RunResult<Self> {
        let config = Config::load_run(folder)?;
        if folder.join("search.toml").exists() {
            let message = format!(
                "{}: is the folder of a search; name the folder of one of its trials, such as {}",
                folder.display(),
                folder.join("trials").join("0000").display()
            );
            return Err(RunError::usage(message));
        }
        Ok(Self { folder: folder.to_path_buf(), config })
    }

    /// How it stands now.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged; files that are not there yet are no error.
    pub fn standing(&self) -> RunResult<Standing> {
        let seeds = self.config.run.seeds.iter().map(|&seed| self.seed(seed));
        let seeds: Vec<SeedStanding> = seeds.collect::<RunResult<_>>()?;
        let state = match (is_at_work(&self.folder), certificate::of_run(&self.folder).exists()) {
            (true, _) => RunState::AtWork,
            (false, true) => RunState::Finished,
            (false, false) => RunState::Stopped,
        };
        let num_epochs = self.config.run.epochs;
        Ok(Standing { folder: self.folder.clone(), state, num_epochs, seeds })
    }

    fn seed(&self, seed: u64) -> RunResult<SeedStanding> {
        let folder = SeedFolder::of(&self.folder, seed);
        let epochs: Vec<EpochMetrics> = whole_lines(&folder.metrics())?;
        let timings: Vec<Timing> = whole_lines(&folder.timings())?;
        let recent = timings.iter().rev().take(NUM_RECENT).map(|timing| timing.seconds);
        let stage = if folder.certificate().exists() {
            SeedStage::Done
        } else if folder.weights().exists() {
            SeedStage::Trained
        } else if epochs.is_empty() {
            SeedStage::Waiting
        } else {
            SeedStage::Training
        };
        Ok(SeedStanding {
            seed,
            kept: kept_epoch(&self.config, &epochs).map(|kept| kept.epoch),
            seconds_per_epoch: median(recent.collect()),
            epochs,
            stage,
        })
    }
}

impl Standing {
    /// The seed at work: the last that has begun, or the first.
    pub fn current(&self) -> Option<&SeedStanding> {
        let begun = self.seeds.iter().rev().find(|one| one.stage != SeedStage::Waiting);
        begun.or(self.seeds.first())
    }

    /// Number of seeds that need no more training.
    pub fn num_trained(&self) -> usize {
        self.seeds.iter().filter(|one| one.is_trained()).count()
    }

    /// The share of the training that is done, 0 to 1: of a seed that ended early, all of it.
    pub fn share_done(&self) -> f64 {
        let planned = f64::from(self.num_epochs.max(1)) * self.seeds.len().max(1) as f64;
        let left: f64 = self.seeds.iter().map(|one| self.epochs_left(one)).sum();
        (1.0 - left / planned).clamp(0.0, 1.0)
    }

    /// How long training will take if all planned epochs are trained, in seconds; none before an epoch is
    /// finished.
    pub fn seconds_left(&self) -> Option<f64> {
        let known = self.seeds.iter().rev().find_map(|one| one.seconds_per_epoch)?;
        let left =
            |one: &SeedStanding| self.epochs_left(one) * one.seconds_per_epoch.unwrap_or(known);
        Some(self.seeds.iter().map(left).sum())
    }

    fn epochs_left(&self, seed: &SeedStanding) -> f64 {
        let done = seed.epochs.last().map_or(0, |last| last.epoch);
        let left = if seed.is_trained() { 0 } else { self.num_epochs.saturating_sub(done) };
        f64::from(left)
    }
}

impl SeedStanding {
    /// Whether it needs no more training.
    pub fn is_trained(&self) -> bool {
        matches!(self.stage, SeedStage::Trained | SeedStage::Done)
    }
}

/// The records of a file that another process may be appending to: a last line without an end is not whole yet.
fn whole_lines<T: DeserializeOwned>(path: &Path) -> RunResult<Vec<T>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RunError::io(path, &error)),
    };
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    Ok(json::parse_lines(path, &bytes[..end])?)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    let high = values.get(values.len() / 2)?;
    Some((values[middle] + high) / 2.0)
}
