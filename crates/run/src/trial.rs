//! One trial: an ordinary run without an evaluation, watched by the search.

use crate::config::{Config, Objective};
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::fitting::{fit_config, kept_epoch, starting_network, weights_file};
use crate::image_manifests::{self, TRAIN};
use crate::memory;
use crate::run_folder::{Place, RunFolder, SPLIT, SeedFolder};
use crate::session::BackendKind;
use crate::training_data::TrainingData;
use crate::{thresholds, training_log};
use dermx_data::{refuse_link, write_atomic};
use dermx_train::{CheckpointStore, EpochMetrics, Observer, Outcome, StepReport, TrainError, fit};
use dermx_work::{Ended, GoOn, Kept, OnEpoch, Watch};
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

impl Attempt<'_> {
    /// Runs the trial to its end, from its checkpoint if it has one. `on_epoch` gets the scores of all
    /// finished epochs, and says whether the trial goes on, or ends because others did better.
    ///
    /// # Errors
    /// Training that is not finite, a full disk.
    pub fn run(&self, on_epoch: &mut OnEpoch<'_>) -> RunResult<Ended<()>> {
        let Self { config, data, objective, context, .. } = *self;
        let none = || RunError::bad_config("run.seeds: expected at least one");
        let seed = *config.run.seeds.first().ok_or_else(none)?;
        refuse_link(self.folder).map_err(|error| RunError::io(self.folder, &error))?;
        let resume = self.folder.join("config.toml").exists();
        // Who may do the trial, the search or the claim has decided, wherever it ran before.
        let run = Some(self.folder);
        let place = Place { run, resume, steals_lock: true, ..Place::default() };
        let folder = RunFolder::open(&place, config, context.session)?;
        let seed_folder = folder.seed(seed)?;
        folder.write(SPLIT, &data.split_csv())?;
        let files = data.files();
        let manifest = image_manifests::record(&folder, TRAIN, &data.root, &files, false)?.now;
        data.expect(&manifest)?;
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
        if context.session.kind() == BackendKind::Cpu {
            memory::check(config, &network, data.training.images.images.len())?;
        }
        let fit_config =
            fit_config(config, seed, data, (&manifest, &data.split_csv()), context.session)?;
        let store = CheckpointStore::with_files(seed_folder.checkpoints(), context.session.files());
        let held = context.watch.hold();
        let result = fit(&fit_config, data.sets(), network, context.device(), &store, &mut watcher);
        drop(held);
        if let Some(failure) = watcher.failure {
            return Err(failure);
        }
        let kept = match kept_epoch(config, &watcher.history) {
            Some(metrics) => Some(Kept { epoch: metrics.epoch, value: score(objective, metrics)? }),
            None => None,
        };
        match result? {
            Outcome::Finished(network) => {
                write_atomic(&seed_folder.weights(), &weights_file(&network, config)?)?;
                thresholds::write(config, data, &network, context.device(), &seed_folder)?;
                Ok(Ended::Finished { kept, output: () })
            }
            Outcome::Stopped if watcher.is_pruned => Ok(Ended::Cut { kept }),
            Outcome::Stopped => Ok(Ended::Stopped),
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
    on_epoch: &'a mut OnEpoch<'a>,
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
        self.is_pruned = (self.on_epoch)(&scores) == GoOn::No;
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
