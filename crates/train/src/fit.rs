//! The training loop.

use crate::adam::{Adam, AdamConfig};
use crate::chance::Chance;
use crate::checkpoint::{Checkpoint, CheckpointStore, EpochMetrics, TrainState};
use crate::error::TrainError;
use crate::fingerprint::Fingerprint;
use crate::loss::weighted_cross_entropy;
use crate::photos::{Photos, images_to_tensor};
use crate::prefetch::prefetch;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use dermx_data::{AugmentConfig, Random};
use dermx_model::{Network, export_weights, import_weights, write_safetensors};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

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
    /// Augmentation of the training images.
    pub augment: AugmentConfig,
    /// Number of steps of an epoch after which a checkpoint is saved; without it, and beside it, one
    /// is saved at the end of each epoch.
    pub checkpoint_every: Option<usize>,
    /// Describes the run; checkpoints with another fingerprint are refused.
    pub fingerprint: Fingerprint,
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

/// Images with their classes.
#[derive(Debug, Clone, Copy)]
pub struct TrainingSet<'a> {
    /// The photos.
    pub photos: &'a Photos,
    /// The class of each photo.
    pub class_idx: &'a [usize],
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
/// No images, an unreadable photo, checkpoints none of which is whole, a failed write, or a loss
/// that is not finite.
pub fn fit(
    config: &FitConfig,
    set: TrainingSet<'_>,
    network: Network,
    device: &Device,
    store: &CheckpointStore,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    if set.photos.is_empty() {
        return Err(TrainError::NoImages("train on"));
    }
    let latest = store.latest(&config.fingerprint)?;
    let mut run =
        Run::start(config, set, network, device, latest.as_ref().map(|found| &found.checkpoint))?;
    if let Some(found) = latest {
        store.clean(&found.folder)?;
        observer.on_resume(&run.state, &found.damaged);
        // What was recorded after the checkpoint is forgotten: it happens again.
        observer.on_epoch(&run.state.history)?;
    }
    while run.state.epochs_done < config.epochs {
        let flow = run.epoch(observer, Some(store))?;
        store.save(&run.checkpoint())?;
        if flow.is_break() {
            return Ok(Outcome::Stopped);
        }
        observer.on_epoch(&run.state.history)?;
        if observer.should_stop() && run.state.epochs_done < config.epochs {
            return Ok(Outcome::Stopped);
        }
    }
    Ok(Outcome::Finished(Box::new(run.network.valid())))
}

/// The epochs up to `last_epoch` once more, from `checkpoint` or from the start; saves nothing. `None`
/// when the observer stopped it.
///
/// `network` is as for [`fit`].
///
/// # Errors
/// No images, an unreadable photo, a checkpoint that does not fit, or a loss that is not finite.
pub fn replay(
    config: &FitConfig,
    set: TrainingSet<'_>,
    network: Network,
    device: &Device,
    checkpoint: Option<&Checkpoint>,
    last_epoch: u32,
    observer: &mut dyn Observer,
) -> Result<Option<Vec<EpochMetrics>>, TrainError> {
    if set.photos.is_empty() {
        return Err(TrainError::NoImages("train on"));
    }
    let mut run = Run::start(config, set, network, device, checkpoint)?;
    while run.state.epochs_done < last_epoch {
        if run.epoch(observer, None)?.is_break() {
            return Ok(None);
        }
        observer.on_epoch(&run.state.history)?;
    }
    Ok(Some(run.state.history))
}

struct Run<'a> {
    config: &'a FitConfig,
    set: TrainingSet<'a>,
    device: Device,
    network: Network,
    chance: Chance,
    adam: Adam,
    state: TrainState,
}

impl<'a> Run<'a> {
    fn start(
        config: &'a FitConfig,
        set: TrainingSet<'a>,
        network: Network,
        device: &Device,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self, TrainError> {
        let mut run = Self {
            config,
            set,
            device: device.clone().autodiff(),
            network: network.clone(),
            chance: Chance::new(&network, config.seed),
            adam: Adam::new(config.adam),
            state: TrainState { fingerprint: config.fingerprint.clone(), ..TrainState::default() },
        };
        if let Some(checkpoint) = checkpoint {
            run.network = import_weights(network, &checkpoint.weights)?;
            let num_steps = checkpoint.state.optimizer_steps;
            run.adam = Adam::import(config.adam, num_steps, &checkpoint.optimizer)?;
            run.state = checkpoint.state.clone();
        }
        run.network = run.network.train();
        Ok(run)
    }

    /// Goes on to the end of the current epoch, or to where the observer stops it.
    fn epoch(
        &mut self,
        observer: &mut dyn Observer,
        store: Option<&CheckpointStore>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let epoch = self.state.epochs_done + 1;
        let order = self.order(epoch);
        let batches: Vec<&[usize]> = order.chunks(self.config.batch_size.max(1)).collect();
        let (photos, config) = (self.set.photos, self.config);
        let mut flow = ControlFlow::Continue(());
        prefetch(
            &batches[self.state.steps_done..],
            |batch| {
                let planes = photos.augmented_batch(batch, &config.augment, config.seed, epoch);
                planes.map_err(TrainError::from)
            },
            |batch, planes| {
                let loss = self.step(batch, planes)?;
                observer.on_step(&StepReport {
                    epoch,
                    step: self.state.steps_done,
                    num_steps: batches.len(),
                    loss,
                    num_images: batch.len(),
                });
                // After the last step the epoch is finished first; the caller saves and asks then.
                if self.state.steps_done == batches.len() {
                    return Ok(flow);
                }
                if observer.should_stop() {
                    flow = ControlFlow::Break(());
                } else if self.is_checkpoint_due()
                    && let Some(store) = store
                {
                    store.save(&self.checkpoint())?;
                }
                Ok(flow)
            },
        )?;
        if flow.is_continue() {
            self.finish_epoch(epoch)?;
        }
        Ok(flow)
    }

    /// One optimizer step; the loss of its batch.
    fn step(&mut self, batch: &[usize], planes: Vec<f32>) -> Result<f64, TrainError> {
        let classes: Vec<usize> = batch.iter().map(|&idx| self.set.class_idx[idx]).collect();
        let images = images_to_tensor(planes, batch.len(), self.set.photos.size(), &self.device);
        let epoch = self.state.epochs_done + 1;
        let ids: Vec<&str> = batch.iter().map(|&idx| self.set.photos.id(idx)).collect();
        let logits = self
            .network
            .forward_tapped(images, &mut |name, x| self.chance.apply(name, x, epoch, &ids));
        let targets: Vec<i32> = classes.iter().map(|&class| class as i32).collect();
        let weights: Vec<f32> =
            classes.iter().map(|&class| self.config.class_weights[class]).collect();
        let loss = weighted_cross_entropy(
            logits.clone(),
            Tensor::<1, Int>::from_data(TensorData::new(targets, [batch.len()]), &self.device),
            Tensor::<1>::from_data(TensorData::new(weights, [batch.len()]), &self.device),
        );
        let value = f64::from(first_value(loss.clone()));
        if !value.is_finite() {
            return Err(self.non_finite(value, batch));
        }
        let gradients = loss.backward();
        let network = self.network.clone();
        self.network = self.adam.step(network, &gradients, self.learning_rate());
        self.state.steps_done += 1;
        self.state.optimizer_steps = self.adam.num_steps();
        let sums = &mut self.state.sums;
        sums.loss += value * batch.len() as f64;
        sums.num_correct += num_correct(logits, &classes);
        sums.num_images += batch.len();
        Ok(value)
    }

    /// Learning rate of the next step.
    fn learning_rate(&self) -> f64 {
        let steps_per_epoch = self.set.photos.len().div_ceil(self.config.batch_size.max(1));
        let num_steps = self.config.epochs * steps_per_epoch as u32;
        let factor = self.config.schedule.factor(self.adam.num_steps(), num_steps);
        self.config.learning_rate * factor
    }

    fn finish_epoch(&mut self, epoch: u32) -> Result<(), TrainError> {
        let sums = std::mem::take(&mut self.state.sums);
        let weights = write_safetensors(&export_weights(&self.network))?;
        self.state.history.push(EpochMetrics {
            epoch,
            train_loss: sums.loss / sums.num_images as f64,
            train_accuracy: sums.num_correct as f64 / sums.num_images as f64,
            learning_rate: self.learning_rate(),
            num_images: sums.num_images,
            weights_hash: blake3::hash(&weights).to_string(),
        });
        self.state.epochs_done = epoch;
        self.state.steps_done = 0;
        Ok(())
    }

    /// Whether a checkpoint inside the epoch is due after the step just made.
    fn is_checkpoint_due(&self) -> bool {
        let every = self.config.checkpoint_every;
        every.is_some_and(|every| self.state.steps_done.is_multiple_of(every.max(1)))
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            state: self.state.clone(),
            weights: export_weights(&self.network),
            optimizer: self.adam.export(),
        }
    }

    /// The order of the images in `epoch`, a function of (seed, epoch).
    fn order(&self, epoch: u32) -> Vec<usize> {
        let mut order = self.set.photos.indices();
        Random::new(self.config.seed, "order", u64::from(epoch), "").shuffle(&mut order);
        order
    }

    fn non_finite(&self, loss: f64, batch: &[usize]) -> TrainError {
        let ids: Vec<&str> = batch.iter().map(|&idx| self.set.photos.id(idx)).collect();
        TrainError::NonFinite {
            loss,
            epoch: self.state.epochs_done + 1,
            step: self.state.steps_done + 1,
            images: ids.join(", "),
        }
    }
}

fn first_value(tensor: Tensor<1>) -> f32 {
    tensor.into_data().iter::<f32>().next().unwrap_or(f32::NAN)
}

fn num_correct(logits: Tensor<2>, classes: &[usize]) -> usize {
    let num_classes = logits.dims()[1];
    let values: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let rows = values.chunks(num_classes.max(1));
    rows.zip(classes).filter(|(row, class)| argmax(row) == **class).count()
}

/// Index of the largest value; the first of several.
pub fn argmax(row: &[f32]) -> usize {
    (0..row.len()).fold(0, |best, idx| if row[idx] > row[best] { idx } else { best })
}
