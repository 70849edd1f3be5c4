//! The sections of a configuration that say how to train.

use super::document::Document;
use super::sections::section;
use dermx_kernels::Precision;
use dermx_train::{
    AdamConfig, EarlyStopping, LastBatch, MixConfig, Monitor, OptimizerConfig, Sampling, Schedule,
    Select, SgdConfig, balanced_class_weights, class_weights,
};
use serde::{Deserialize, Serialize};

/// Weight of each class in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeighting {
    /// `max_k(count_k) / count_c`.
    MaxOverCount,
    /// `n / (k count_c)` of `n` images and `k` classes.
    Balanced,
    /// 1 for every class.
    None,
}

/// Name of an optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerName {
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW,
    /// Stochastic gradient descent.
    Sgd,
}

/// Name of a schedule of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleName {
    /// The same at every step.
    Constant,
    /// Half a cosine, down to 0.
    Cosine,
    /// Times a factor every few epochs.
    Step,
    /// Times a factor when the monitored score gets no better.
    Plateau,
}

section! {
    /// `[train]`: the loop.
    TrainSection {
        /// Images a batch, which is what batch normalization sees.
        batch_size: usize,
        /// What becomes of the last images of an epoch, where they are fewer than a batch: `"keep"` as
        /// a batch of their own, `"drop"`, or `"merge"` into the batch before. Without this key they
        /// are kept, but a single image is merged: batch normalization needs more.
        last_batch: Option<LastBatch>,
        /// Number of batches whose gradients make one step of the optimizer; 1 without this key.
        accumulation_steps: Option<usize>,
        /// Which images an epoch sees: `"shuffle"`, also without this key, every image once;
        /// `"balanced"` every class equally often.
        sampling: Option<Sampling>,
        /// Which optimizer.
        optimizer: OptimizerName,
        /// Learning rate that the schedule starts from.
        learning_rate: f64,
        /// Which schedule of the learning rate.
        schedule: ScheduleName,
        /// Number of epochs in which the learning rate rises before that, step by step.
        warmup_epochs: Option<u32>,
        /// Schedule `"step"`: number of epochs from one change to the next.
        step_epochs: Option<u32>,
        /// Schedule `"step"`: the factor of each change.
        step_factor: Option<f64>,
        /// Schedule `"plateau"`: number of epochs that may pass without a better score.
        plateau_patience: Option<u32>,
        /// Schedule `"plateau"`: the factor of each change.
        plateau_factor: Option<f64>,
        /// Decay of Adam's first moment.
        beta_1: f32,
        /// Decay of Adam's second moment.
        beta_2: f32,
        /// Adam's epsilon.
        epsilon: f32,
        /// SGD: share of the last movement that is kept.
        momentum: Option<f32>,
        /// SGD: whether the gradient is looked up ahead of the movement.
        nesterov: Option<bool>,
        /// How much weights decay: `"adamw"` takes it off the weights, the others add it to the
        /// gradient. Frozen weights stay.
        weight_decay: Option<f32>,
        /// The largest norm of all gradients together.
        clip_norm: Option<f64>,
        /// Decay of a moving average of the weights, which is then scored and written instead.
        ema_decay: Option<f64>,
        /// Weight of each class in the loss.
        class_weights: ClassWeighting,
        /// The largest weight of a class.
        class_weight_cap: Option<f32>,
        /// Share of the targets that is spread over all classes.
        label_smoothing: Option<f32>,
        /// What the convolutions of a training step multiply: `"f32"`, also without this key, or
        /// `"bf16"`, bfloat16 with sums and weights of 32 bits.
        precision: Option<Precision>,
        /// Mixes images pixel by pixel, with a share from the beta distribution (alpha, alpha).
        mixup_alpha: Option<f64>,
        /// Mixes rectangles of images, likewise; with both, each batch by one of the two.
        cutmix_alpha: Option<f64>,
        /// Score on the validation photos that `select`, `[early_stopping]` and the schedule
        /// `"plateau"` go by: `"loss"`, `"accuracy"`, `"macro_f1"`.
        monitor: Option<Monitor>,
        /// Which weights are the result: `"last"`, also without this key, or `"best"`.
        select: Option<Select>,
    }
}

section! {
    /// `[early_stopping]`: ends a run that no longer gets better by `train.monitor`.
    EarlyStoppingSection {
        /// Number of epochs without a better one after which the run ends.
        patience: u32,
        /// An epoch is better if its score is better by more than this.
        min_delta: f64,
    }
}

impl EarlyStoppingSection {
    /// When to stop.
    pub const fn stopping(&self) -> EarlyStopping {
        EarlyStopping { patience: self.patience, min_delta: self.min_delta }
    }
}

impl TrainSection {
    /// The optimizer.
    pub fn optimizer(&self) -> OptimizerConfig {
        let Self { beta_1, beta_2, epsilon, .. } = *self;
        let weight_decay = self.weight_decay.unwrap_or(0.0);
        let adam = AdamConfig { beta_1, beta_2, epsilon, weight_decay };
        let momentum = self.momentum.unwrap_or(0.0);
        let nesterov = self.nesterov.unwrap_or(false);
        match self.optimizer {
            OptimizerName::Adam => OptimizerConfig::Adam(adam),
            OptimizerName::AdamW => OptimizerConfig::AdamW(adam),
            OptimizerName::Sgd => {
                OptimizerConfig::Sgd(SgdConfig { momentum, nesterov, weight_decay })
            }
        }
    }

    /// The schedule; `None` if it lacks a key.
    pub fn schedule(&self) -> Option<Schedule> {
        Some(match self.schedule {
            ScheduleName::Constant => Schedule::Constant,
            ScheduleName::Cosine => Schedule::Cosine,
            ScheduleName::Step => {
                Schedule::Step { epochs: self.step_epochs?, factor: self.step_factor? }
            }
            ScheduleName::Plateau => {
                Schedule::Plateau { factor: self.plateau_factor?, patience: self.plateau_patience? }
            }
        })
    }

    /// Weight of each class in the loss, for classes of these numbers of images.
    pub fn class_weights(&self, counts: &[usize]) -> Vec<f32> {
        let weights = match self.class_weights {
            ClassWeighting::MaxOverCount => class_weights(counts),
            ClassWeighting::Balanced => balanced_class_weights(counts),
            ClassWeighting::None => vec![1.0; counts.len()],
        };
        let cap = self.class_weight_cap.unwrap_or(f32::INFINITY);
        weights.into_iter().map(|weight| weight.min(cap)).collect()
    }

    /// How images are mixed.
    pub const fn mix(&self) -> MixConfig {
        MixConfig { mixup_alpha: self.mixup_alpha, cutmix_alpha: self.cutmix_alpha }
    }
}
