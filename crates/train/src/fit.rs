//! The training loop.

use crate::adam::AdamConfig;
use crate::checkpoint::{CheckpointStore, EpochMetrics};
use crate::error::TrainError;
use crate::monitor::{EarlyStopping, Monitor, Select};
use crate::photos::Photos;
use crate::run::Run;
use burn::tensor::Device;
use dermx_data::AugmentConfig;
use dermx_model::Network;
use serde::{Deserialize, Serialize};

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct FitConfig {
    /// Seed of the order of images, of their augmentation, and of what the network drops.
    pub seed: u64,
    /// Number of passes over the images.
    pub epochs: u32,
    /// Images a step; the last step of an epoch takes what is left.
    pub batch_size: usize,
    /// Learning rate that the schedule starts from.
    pub learning_rate: f64,
    /// How the learning rate goes on.
    pub schedule: Schedule,
    /// The optimizer.
    pub adam: AdamConfig,
    /// Weight of each class in the loss.
    pub class_weights: Vec<f32>,
    /// The score on the validation photos that `select` and `early_stopping` go by.
    pub monitor: Option<Monitor>,
    /// Which weights are the result.
    pub select: Select,
    /// When to end before the last epoch.
    pub early_stopping: Option<EarlyStopping>,
    /// Augmentation of the training images.
    pub augment: AugmentConfig,
    /// Describes the run; checkpoints with another fingerprint are refused.
    pub fingerprint: String,
}

impl FitConfig {
    /// What goes by the scores on the validation photos, if anything does.
    fn needs_scores(&self) -> Option<&'static str> {
        let needs = [
            (self.early_stopping.is_some(), "early_stopping"),
            (self.select == Select::Best, "train.select = \"best\""),
        ];
        needs.into_iter().find(|(is_set, _)| *is_set).map(|(_, what)| what)
    }
}

/// How the learning rate changes over a run of `T` steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same at every step.
    Constant,
    /// `lr_t = lr (1 + cos(pi t / T)) / 2`, without warm-up or restarts (Loshchilov and Hutter,
    /// 2017, <https://arxiv.org/abs/1608.03983>).
    Cosine,
}

impl Schedule {
    /// The factor on the learning rate at `step` (from 0) of `num_steps`.
    pub fn factor(self, step: u32, num_steps: u32) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => {
                let done = f64::from(step) / f64::from(num_steps.max(1));
                0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        }
    }
}

/// Photos with their classes.
#[derive(Debug, Clone, Copy)]
pub struct LabelledPhotos<'a> {
    /// The photos.
    pub photos: &'a Photos,
    /// The class of each photo.
    pub class_idx: &'a [usize],
}

/// What a run sees.
#[derive(Debug, Clone, Copy)]
pub struct Sets<'a> {
    /// What the network learns from.
    pub training: LabelledPhotos<'a>,
    /// What it is scored on after every epoch: never augmented, and never learned from.
    pub validation: Option<LabelledPhotos<'a>>,
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// The epoch, from 1.
    pub epoch: u32,
    /// The step in the epoch, from 1.
    pub step: usize,
    /// Number of steps in an epoch.
    pub num_steps: usize,
    /// Weighted loss of the step.
    pub loss: f64,
    /// Number of images in the step.
    pub num_images: usize,
}

/// Who watches a run, and may stop it.
pub trait Observer {
    /// Called after every step.
    fn on_step(&mut self, report: &StepReport);
    /// Called after every epoch with all finished epochs, and once at the start of a resumed run.
    ///
    /// # Errors
    /// Whatever keeps the observer from recording them; it ends the run.
    fn on_epoch(&mut self, history: &[EpochMetrics]) -> Result<(), TrainError>;
    /// Asked after every step: `true` makes the run save and stop.
    fn should_stop(&self) -> bool;
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// All epochs are done; the network is in inference mode.
    Finished(Box<Network>),
    /// The observer stopped it; the last checkpoint holds everything.
    Stopped,
}

/// Trains `network`, from its newest checkpoint if there is one.
///
/// `network` comes from a plain device, with its starting weights and with the parameters that may
/// learn marked. After every epoch, and when the observer stops the run, a checkpoint is saved.
///
/// # Errors
/// No images, a choice that goes by validation photos without any, an unreadable photo or
/// checkpoint, a failed write, or a loss that is not finite.
pub fn fit(
    config: &FitConfig,
    sets: Sets<'_>,
    network: Network,
    device: &Device,
    store: &CheckpointStore,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    check(config, &sets)?;
    let mut run = Run::start(config, sets, network, device, store)?;
    if run.epochs_done() > 0 {
        observer.on_epoch(run.history())?;
    }
    while !run.is_over() {
        let flow = run.epoch(observer)?;
        store.save(&run.checkpoint())?;
        if flow.is_break() {
            return Ok(Outcome::Stopped);
        }
        observer.on_epoch(run.history())?;
        if observer.should_stop() && !run.is_over() {
            return Ok(Outcome::Stopped);
        }
    }
    Ok(Outcome::Finished(Box::new(run.finish()?)))
}

fn check(config: &FitConfig, sets: &Sets<'_>) -> Result<(), TrainError> {
    if sets.training.photos.is_empty() {
        return Err(TrainError::NoImages("train on"));
    }
    if sets.validation.is_some_and(|set| set.photos.is_empty()) {
        return Err(TrainError::NoImages("validate on"));
    }
    let has_scores = config.monitor.is_some() && sets.validation.is_some();
    match config.needs_scores() {
        Some(what) if !has_scores => Err(TrainError::NoValidation(what)),
        _ => Ok(()),
    }
}
