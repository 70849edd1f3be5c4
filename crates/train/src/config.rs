//! How to train.

use crate::fingerprint::Fingerprint;
use crate::last_batch::{LastBatch, batch_sizes};
use crate::mix::MixConfig;
use crate::monitor::{EarlyStopping, Monitor, Select};
use crate::objective::Objective;
use crate::optimizer::{OptimizerConfig, ParameterGroups};
use crate::sampling::Sampling;
use crate::schedule::{Schedule, Span};
use dermx_data::AugmentConfig;
use dermx_kernels::Precision;
use std::sync::Arc;

/// How to train.
#[derive(Debug, Clone)]
pub struct FitConfig {
    /// Seed of all random numbers: which images an epoch sees, their order, augmentation and mixing,
    /// and dropout.
    pub seed: u64,
    /// Number of passes over the images.
    pub epochs: u32,
    /// How the images of an epoch are drawn.
    pub sampling: Sampling,
    /// Number of images in a batch. Batch normalization takes its statistics from one batch at a
    /// time.
    pub batch_size: usize,
    /// What happens to the last images of an epoch if they do not fill a batch. `None`: they are a
    /// smaller batch, except that a single image joins the batch before it, because the statistics of
    /// batch normalization mean little for one image.
    pub last_batch: Option<LastBatch>,
    /// Number of batches whose gradients are averaged for one step of the optimizer, as if they were
    /// one large batch. The last step of an epoch takes the batches that are left. 0 means 1.
    pub accumulation_steps: usize,
    /// Learning rate at the start of the schedule.
    pub learning_rate: f64,
    /// How the learning rate changes after the warm-up.
    pub schedule: Schedule,
    /// Number of epochs at the start in which the learning rate rises to `learning_rate`.
    pub warmup_epochs: u32,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// What differs between parameters.
    pub parameter_groups: ParameterGroups,
    /// The largest norm of all gradients together.
    pub clip_norm: Option<f64>,
    /// Number of steps of the whole run that may be skipped because a loss, a gradient, a running
    /// statistic, a weight or a moment was not finite; the next one ends the run. A skipped step leaves
    /// no trace in the network or the optimizer. 0: the first ends the run. Otherwise each step begins
    /// with a copy of weights and moments.
    pub max_skipped_steps: usize,
    /// Decay of the moving average of the weights. If set, the average is what is validated and what
    /// the run returns.
    pub ema_decay: Option<f64>,
    /// The first epoch, from 1, whose weights at its end count in the mean of the weights of epochs. If
    /// set, from then on the mean is what is validated and what the run returns. Running statistics are
    /// averaged as weights are.
    pub swa_start: Option<u32>,
    /// What is learned by.
    pub objective: Arc<dyn Objective>,
    /// Number type of the convolutions in a training step, on the CPU. Validation always uses
    /// [`Precision::F32`].
    pub precision: Precision,
    /// How images are mixed.
    pub mix: MixConfig,
    /// The validation score used by `select`, `early_stopping` and [`Schedule::Plateau`].
    pub monitor: Option<Monitor>,
    /// Which weights are the result.
    pub select: Select,
    /// Whether and when a run ends before its last epoch.
    pub early_stopping: Option<EarlyStopping>,
    /// Augmentation of the training images.
    pub augment: AugmentConfig,
    /// Number of steps after which a checkpoint is saved within an epoch. One is saved at the end of
    /// each epoch in any case.
    pub checkpoint_every: Option<usize>,
    /// Describes the run; checkpoints with another fingerprint are refused.
    pub fingerprint: Fingerprint,
}

impl FitConfig {
    /// Numbers of images of an epoch's batches, for `num_images` images.
    pub(crate) fn batch_sizes(&self, num_images: usize) -> Vec<usize> {
        batch_sizes(num_images, self.batch_size.max(1), self.last_batch)
    }

    /// Number of images that an epoch sees of `num_images`.
    pub fn images_per_epoch(&self, num_images: usize) -> usize {
        self.batch_sizes(num_images).iter().sum()
    }

    /// Number of the optimizer's steps in an epoch of `num_images`.
    pub(crate) fn steps_per_epoch(&self, num_images: usize) -> usize {
        self.batch_sizes(num_images).len().div_ceil(self.accumulation_steps.max(1))
    }

    /// Whether an epoch of `num_images` has a batch of one image.
    pub(crate) fn has_batch_of_one(&self, num_images: usize) -> bool {
        self.batch_sizes(num_images).contains(&1)
    }

    /// The steps of a run on `num_images`.
    pub(crate) fn span(&self, num_images: usize) -> Span {
        Span {
            steps_per_epoch: self.steps_per_epoch(num_images) as u32,
            epochs: self.epochs,
            warmup_epochs: self.warmup_epochs,
        }
    }

    /// The first setting that needs validation scores, if any does.
    pub(crate) fn needs_scores(&self) -> Option<&'static str> {
        let needs = [
            (self.early_stopping.is_some(), "early_stopping"),
            (matches!(self.schedule, Schedule::Plateau { .. }), "train.schedule = \"plateau\""),
            (self.select == Select::Best, "train.select = \"best\""),
        ];
        needs.into_iter().find(|(is_set, _)| *is_set).map(|(_, what)| what)
    }
}
