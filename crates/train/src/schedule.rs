//! How the learning rate changes over a run.

use crate::monitor::Monitor;
use serde::{Deserialize, Serialize};

/// How the learning rate changes after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same at every step.
    Constant,
    /// `lr_t = lr (1 + cos(pi t / T)) / 2` at step `t` of `T`, without restarts (Loshchilov and
    /// Hutter, 2017, <https://arxiv.org/abs/1608.03983>; `torch.optim.lr_scheduler.CosineAnnealingLR`
    /// asked at every step).
    Cosine,
    /// Half cosines that start anew after `epochs` epochs, then `growth` times as many, and so on: `lr_t = min + (lr - min)
    /// (1 + cos(pi t / T_i)) / 2` at step `t` of the `T_i` of a cycle, with `min = end_factor lr` (Loshchilov and Hutter, 2017;
    /// `CosineAnnealingWarmRestarts` asked at every step).
    CosineRestarts {
        /// Number of epochs of the first cycle.
        epochs: u32,
        /// How many times as long each cycle is as the one before.
        growth: u32,
        /// What a cycle ends at, as a part of the learning rate.
        end_factor: f64,
    },
    /// Rises along half a cosine from `start_factor lr` to `lr` in the share `rise` of the steps, and falls along another to
    /// `end_factor lr` (Smith and Topin, 2017, <https://arxiv.org/abs/1708.07120>; `OneCycleLR` with `cycle_momentum=False`).
    OneCycle {
        /// Share of the steps in which it rises.
        rise: f64,
        /// What it starts from, as a part of the learning rate.
        start_factor: f64,
        /// What it ends at, as a part of the learning rate.
        end_factor: f64,
    },
    /// `lr_e = lr factor^floor(e / epochs)` in epoch `e`, from 0 (`StepLR`).
    Step {
        /// Number of epochs from one change to the next.
        epochs: u32,
        /// The factor of each change.
        factor: f64,
    },
    /// Multiplied by `factor` whenever the monitored score has not improved for more than `patience`
    /// epochs (`ReduceLROnPlateau` with `threshold=0`).
    Plateau {
        /// The factor of each change.
        factor: f64,
        /// Number of epochs that may pass without a better score.
        patience: u32,
    },
}

/// The steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Number of optimizer steps in an epoch.
    pub steps_per_epoch: u32,
    /// Number of epochs.
    pub epochs: u32,
    /// Number of epochs in which the learning rate rises: at step `t` of those `W` steps, from 0, it
    /// is `lr (t + 1) / W`, and the schedule starts after them.
    pub warmup_epochs: u32,
}

impl Schedule {
    /// The factor on the learning rate at `step` (from 0), without that of [`PlateauState`].
    pub fn factor(self, step: u32, span: Span) -> f64 {
        let num_warmup = span.warmup_epochs.saturating_mul(span.steps_per_epoch);
        if step < num_warmup {
            return f64::from(step + 1) / f64::from(num_warmup);
        }
        let step = step - num_warmup;
        let num_steps = span.epochs.saturating_mul(span.steps_per_epoch).saturating_sub(num_warmup);
        match self {
            Self::Constant | Self::Plateau { .. } => 1.0,
            Self::Cosine => half_cosine(1.0, 0.0, f64::from(step) / f64::from(num_steps.max(1))),
            Self::CosineRestarts { epochs, growth, end_factor } => {
                let first = epochs.saturating_mul(span.steps_per_epoch).max(1);
                half_cosine(1.0, end_factor, done_of_cycle(step, first, growth))
            }
            Self::OneCycle { rise, start_factor, end_factor } => {
                let (step, last) = (f64::from(step), f64::from(num_steps.saturating_sub(1)));
                let top = rise * f64::from(num_steps) - 1.0;
                match step <= top {
                    true => half_cosine(start_factor, 1.0, step / top.max(1.0)),
                    false => half_cosine(1.0, end_factor, (step - top) / (last - top).max(1.0)),
                }
            }
            Self::Step { epochs, factor } => {
                let num_changes = step / epochs.saturating_mul(span.steps_per_epoch).max(1);
                factor.powi(num_changes as i32)
            }
        }
    }
}

/// From `start` to `end` along half a cosine, of which the part `done` is over.
fn half_cosine(start: f64, end: f64, done: f64) -> f64 {
    end + (start - end) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

/// Which part of its cycle is over at `step`; cycles have `length` steps, then `growth` times as many.
fn done_of_cycle(step: u32, length: u32, growth: u32) -> f64 {
    let (mut step, mut length) = (step, length);
    if growth <= 1 {
        step %= length;
    }
    while step >= length {
        step -= length;
        length = length.saturating_mul(growth);
    }
    f64::from(step) / f64::from(length)
}

/// The state of [`Schedule::Plateau`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlateauState {
    /// The best score so far.
    best: Option<f64>,
    /// Number of epochs since it, or since the last change.
    num_bad: u32,
    /// Product of all changes so far.
    pub factor: f64,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self { best: None, num_bad: 0, factor: 1.0 }
    }
}

impl PlateauState {
    /// Updates the state with the score of an epoch.
    pub fn update(&mut self, value: f64, monitor: Monitor, factor: f64, patience: u32) {
        if self.best.is_none_or(|best| monitor.is_better(value, best, 0.0)) {
            self.best = Some(value);
            self.num_bad = 0;
        } else {
            self.num_bad += 1;
        }
        if self.num_bad > patience {
            self.factor *= factor;
            self.num_bad = 0;
        }
    }
}
