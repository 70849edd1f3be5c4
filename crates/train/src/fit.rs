//! The training loop.

use crate::checkpoint::{Checkpoint, CheckpointStore, EpochMetrics};
use crate::config::FitConfig;
use crate::error::TrainError;
use crate::labelled::Sets;
use crate::observer::Observer;
use crate::run::Run;
use burn::tensor::Device;
use dermx_model::Network;

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
/// `network` is on a device without autodiff, has its starting weights, and has its trainable
/// parameters marked ([`dermx_model::set_trainable`]). After every epoch, every `checkpoint_every`
/// steps, and when the observer stops the run, a checkpoint is saved.
///
/// # Errors
/// No images; a setting that needs validation scores without validation photos; a photo that cannot
/// be read; checkpoints of which none is intact; a failed write; batch normalization of a single
/// value for each channel; values that are infinite or not a number. Losses, gradients and running
/// statistics are checked after every batch; weights, the optimizer's state and the moving average
/// after every step.
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
        // Epochs recorded after the checkpoint are dropped: they are trained again.
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

/// The result of [`replay`].
#[derive(Debug)]
pub struct Replayed {
    /// The finished epochs, those before the checkpoint too.
    pub history: Vec<EpochMetrics>,
    /// The result of the run in inference mode, if it is over.
    pub network: Option<Box<Network>>,
}

/// Repeats the epochs up to `last_epoch`, from `checkpoint` or from the start, and saves nothing.
/// `None` if the observer stopped it.
///
/// `network` is as for [`fit`].
///
/// # Errors
/// As for [`fit`]; besides, a checkpoint that does not fit `network`.
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
    config.objective.check(sets)?;
    let has_scores = config.monitor.is_some() && sets.validation.is_some();
    match config.needs_scores() {
        Some(what) if !has_scores => Err(TrainError::NoValidation(what)),
        _ => Ok(()),
    }
}
