//! One trial: an ordinary run without an evaluation, watched by the search.

use crate::config::{Config, Objective};
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::fault;
use crate::fitting::{fit_config, kept_epoch, starting_network, weights_file};
use crate::image_manifests::{self, TRAIN};
use crate::run_folder::{RunFolder, SPLIT, SeedFolder};
use crate::training_data::TrainingData;
use crate::training_log;
use dermx_data::write_atomic;
use dermx_search::Outcome;
use dermx_train::{CheckpointStore, EpochMetrics, Observer, StepReport, TrainError, fit};
use dermx_work::{Failure, PanicLog, Watch};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What a trial is made of, and where it goes.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Its configuration, of one seed.
    pub config: &'a Config,
    /// The photos.
    pub data: &'a TrainingData,
    /// The score that counts.
    pub objective: Objective,
    /// Its run folder, new or to go on with.
    pub folder: &'a Path,
    /// What computes, and who may stop it.
    pub context: Context<'a>,
}

/// What becomes of a trial that `attempt` runs; `None` when it was stopped on request.
///
/// A training that is not finite, and a fault of the program, are a failure of the trial: others may
/// do better. Everything else ends the search.
///
/// # Errors
/// Missing data, a full disk.
pub fn run_trial(
    panics: &PanicLog,
    attempt: impl FnOnce() -> RunResult<Option<Outcome>>,
) -> RunResult<Option<Outcome>> {
    match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(Err(error)) if error.failure() == Failure::Internal => {
            Ok(Some(Outcome::Failed { reason: error.to_string() }))
        }
        Ok(result) => result,
        Err(panic) => Ok(Some(Outcome::Failed { reason: panics.reason(panic.as_ref()) })),
    }
}

impl Attempt<'_> {
    /// Runs the trial to its end, from its checkpoint if it has one; `None` when it was stopped on
    /// request. `on_epoch` gets the scores of all finished epochs, and says whether the trial ends
    /// because others did better.
    ///
    /// # Errors
    /// Training that is not finite, a full disk, what `on_epoch` says.
    pub fn run(
        &self,
        on_epoch: &mut dyn FnMut(&[f64]) -> RunResult<bool>,
    ) -> RunResult<Option<Outcome>> {
        let Self { config, data, objective, context, .. } = *self;
        let Some(&seed) = config.run.seeds.first() else { return Ok(None) };
        let resume = self.folder.join("config.toml").exists();
        let folder = RunFolder::open(Some(self.folder), "", resume, config, context.session)?;
        let seed_folder = folder.seed(seed)?;
        folder.write(SPLIT, &data.split_csv())?;
        let manifest = image_manifests::record(&folder, TRAIN, &config.data.train, &data.files())?;
        let mut watcher = TrialWatcher {
            objective,
            watch: context.watch,
            on_epoch,
            folder: seed_folder.clone(),
            history: Vec::new(),
            is_pruned: false,
            failure: None,
        };
        let network = starting_network(config, seed, context.device())?;
        let fit_config = fit_config(config, seed, data, &manifest, context.session)?;
        let files = fault::checkpoint_files()?;
        let store = CheckpointStore::with_files(seed_folder.checkpoints(), files);
        let result = fit(&fit_config, data.sets(), network, context.device(), &store, &mut watcher);
        if let Some(failure) = watcher.failure {
            return Err(failure);
        }
        let (epoch, value) = match kept_epoch(config, &watcher.history) {
            Some(metrics) => (metrics.epoch, score(objective, metrics)?),
            None => (0, 0.0),
        };
        match result? {
            dermx_train::Outcome::Finished(network) => {
                write_atomic(&seed_folder.weights(), &weights_file(&network, config)?)?;
                Ok(Some(Outcome::Finished { epoch, value }))
            }
            dermx_train::Outcome::Stopped if watcher.is_pruned => {
                Ok(Some(Outcome::Pruned { epoch, value }))
            }
            dermx_train::Outcome::Stopped => Ok(None),
        }
    }
}

/// Removes the checkpoints of a trial that has ended, whose run folder is `folder`: nobody goes on from
/// them, and those of a hundred trials fill a disk.
///
/// # Errors
/// A folder that cannot be written to.
pub fn forget_checkpoints(folder: &Path) -> RunResult<()> {
    let Ok(seeds) = std::fs::read_dir(folder) else { return Ok(()) };
    for seed in seeds.filter_map(Result::ok) {
        let checkpoints = seed.path().join("checkpoints");
        match std::fs::remove_dir_all(&checkpoints) {
            Err(error) if checkpoints.is_dir() => {
                return Err(RunError::io(&checkpoints, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn score(objective: Objective, metrics: &EpochMetrics) -> RunResult<f64> {
    let Some(scores) = &metrics.validation else {
        let message =
            "a search goes by scores on validation photos, and there are none; add [split]";
        return Err(RunError::bad_config(message));
    };
    Ok(match objective {
        Objective::MacroF1 => scores.macro_f1,
        Objective::Accuracy => scores.accuracy,
    })
}

/// Writes the training curves, reports each epoch to the search, and asks whether to go on.
struct TrialWatcher<'a> {
    objective: Objective,
    watch: Watch<'a>,
    on_epoch: &'a mut dyn FnMut(&[f64]) -> RunResult<bool>,
    folder: SeedFolder,
    history: Vec<EpochMetrics>,
    is_pruned: bool,
    failure: Option<RunError>,
}

impl TrialWatcher<'_> {
    fn report(&mut self) -> RunResult<()> {
        let scores: Vec<f64> = self
            .history
            .iter()
            .map(|metrics| score(self.objective, metrics))
            .collect::<RunResult<_>>()?;
        self.is_pruned = (self.on_epoch)(&scores)?;
        Ok(())
    }
}

impl Observer for TrialWatcher<'_> {
    fn on_step(&mut self, _: &StepReport) {}

    fn on_epoch(&mut self, history: &[EpochMetrics]) -> Result<(), TrainError> {
        self.history = history.to_vec();
        training_log::write(&self.folder, history)?;
        self.failure = self.report().err();
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.is_pruned || self.failure.is_some() || self.watch.cancel.is_requested()
    }
}
