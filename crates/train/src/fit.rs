//! The training loop.

use crate::batch::LastBatch;
use crate::checkpoint::{Checkpoint, CheckpointStore, EpochMetrics, TrainState};
use crate::error::TrainError;
use crate::fingerprint::Fingerprint;
use crate::mix::MixConfig;
use crate::monitor::{EarlyStopping, Monitor, Select};
use crate::optimizer::OptimizerConfig;
use crate::photos::Photos;
use crate::run::Run;
use crate::sampling::Sampling;
use crate::schedule::{Schedule, Span};
use burn::tensor::Device;
use dermx_data::AugmentConfig;
use dermx_kernels::Precision;
use dermx_model::Network;

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct FitConfig {
    /// Seed of all that chance decides: which images an epoch sees, their order, augmentation and
    /// mixing, and what the network drops.
    pub seed: u64,
    /// Number of passes over the images.
    pub epochs: u32,
    /// How the images of an epoch are drawn.
    pub sampling: Sampling,
    /// Images a batch. Batch normalization sees one batch at a time.
    pub batch_size: usize,
    /// What becomes of the last images of an epoch, where they are fewer than a batch. Without a choice
    /// they are a batch of their own, but a single image, of which batch normalization would see
    /// little or nothing that varies, joins the batch before.
    pub last_batch: Option<LastBatch>,
    /// Number of batches whose gradients make one step of the optimizer, as one batch of all their
    /// images would; the last step of an epoch takes what is left. 0 is as 1.
    pub accumulation_steps: usize,
    /// Learning rate that the schedule starts from.
    pub learning_rate: f64,
    /// How the learning rate goes on.
    pub schedule: Schedule,
    /// Number of epochs in which the learning rate rises before that.
    pub warmup_epochs: u32,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The largest norm of all gradients together.
    pub clip_norm: Option<f64>,
    /// Decay of the moving average of the weights, which then is what is scored and what results.
    pub ema_decay: Option<f64>,
    /// Weight of each class in the loss.
    pub class_weights: Vec<f32>,
    /// Share of the targets that is spread over all classes.
    pub label_smoothing: f32,
    /// What the convolutions of a training step multiply, on the CPU; validation multiplies
    /// [`Precision::F32`].
    pub precision: Precision,
    /// How images are mixed.
    pub mix: MixConfig,
    /// The score on the validation photos that `select`, `early_stopping` and a schedule that waits
    /// for a plateau go by.
    pub monitor: Option<Monitor>,
    /// Which weights are the result.
    pub select: Select,
    /// When to end before the last epoch.
    pub early_stopping: Option<EarlyStopping>,
    /// Augmentation of the training images.
    pub augment: AugmentConfig,
    /// Number of steps of an epoch after which a checkpoint is saved; without it, and beside it, one
    /// is saved at the end of each epoch.
    pub checkpoint_every: Option<usize>,
    /// Describes the run; checkpoints with another fingerprint are refused.
    pub fingerprint: Fingerprint,
}

impl FitConfig {
    /// The steps of a run on `num_images`.
    pub(crate) fn span(&self, num_images: usize) -> Span {
        Span {
            steps_per_epoch: self.steps_per_epoch(num_images) as u32,
            epochs: self.epochs,
            warmup_epochs: self.warmup_epochs,
        }
    }

    /// What goes by the scores on the validation photos, if anything does.
    fn needs_scores(&self) -> Option<&'static str> {
        let needs = [
            (self.early_stopping.is_some(), "early_stopping"),
            (matches!(self.schedule, Schedule::Plateau { .. }), "train.schedule = \"plateau\""),
            (self.select == Select::Best, "train.select = \"best\""),
        ];
        needs.into_iter().find(|(is_set, _)| *is_set).map(|(_, what)| what)
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
    /// Called once at the start of a resumed run, with what is wrong with each checkpoint that was
    /// passed over.
    fn on_resume(&mut self, state: &TrainState, damaged: &[String]) {
        let _ = (state, damaged);
    }
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
/// learn marked. After every epoch, every `checkpoint_every` steps, and when the observer stops the
/// run, a checkpoint is saved.
///
/// # Errors
/// No images, a choice that goes by validation photos without any, an unreadable photo, checkpoints
/// none of which is whole, a failed write, batch normalization of one value a channel, or training that
/// is not finite: losses, gradients and running statistics are looked at after every batch, weights,
/// what the optimizer keeps and the moving average after every step.
pub fn fit(
    config: &FitConfig,
    sets: Sets<'_>,
    network: Network,
    device: &Device,
    store: &CheckpointStore,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    check(config, &sets)?;
    let latest = store.latest(&config.fingerprint)?;
    let checkpoint = latest.as_ref().map(|found| &found.checkpoint);
    let mut run = Run::start(config, sets, network, device, checkpoint)?;
    if let Some(found) = latest {
        store.clean(&found.folder)?;
        observer.on_resume(&found.checkpoint.state, &found.damaged);
        // What was recorded after the checkpoint is forgotten: it happens again.
        observer.on_epoch(run.history())?;
    }
    while !run.is_over() {
        let flow = run.epoch(observer, Some(store))?;
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

/// What [`replay`] came to.
#[derive(Debug)]
pub struct Replayed {
    /// The finished epochs, those before the checkpoint too.
    pub history: Vec<EpochMetrics>,
    /// The result of the run in inference mode, if it is over.
    pub network: Option<Box<Network>>,
}

/// The epochs up to `last_epoch` once more, from `checkpoint` or from the start; saves nothing. `None`
/// when the observer stopped it.
///
/// `network` is as for [`fit`].
///
/// # Errors
/// As for [`fit`], and a checkpoint that does not fit.
pub fn replay(
    config: &FitConfig,
    sets: Sets<'_>,
    network: Network,
    device: &Device,
    checkpoint: Option<&Checkpoint>,
    last_epoch: u32,
    observer: &mut dyn Observer,
) -> Result<Option<Replayed>, TrainError> {
    check(config, &sets)?;
    let mut run = Run::start(config, sets, network, device, checkpoint)?;
    while run.epochs_done() < last_epoch && !run.is_over() {
        if run.epoch(observer, None)?.is_break() {
            return Ok(None);
        }
        observer.on_epoch(run.history())?;
    }
    let history = run.history().to_vec();
    let network = if run.is_over() { Some(Box::new(run.finish()?)) } else { None };
    Ok(Some(Replayed { history, network }))
}

fn check(config: &FitConfig, sets: &Sets<'_>) -> Result<(), TrainError> {
    if sets.training.photos.is_empty() {
        return Err(TrainError::NoImages("train on"));
    }
    if sets.validation.is_some_and(|set| set.photos.is_empty()) {
        return Err(TrainError::NoImages("validate on"));
    }
    let num_images = sets.training.photos.len();
    if config.images_per_epoch(num_images) == 0 {
        return Err(TrainError::NoBatch { num_images, batch_size: config.batch_size });
    }
    let has_scores = config.monitor.is_some() && sets.validation.is_some();
    match config.needs_scores() {
        Some(what) if !has_scores => Err(TrainError::NoValidation(what)),
        _ => Ok(()),
    }
}
