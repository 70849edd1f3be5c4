//! Decisions by validation scores: which weights are the result, and when to stop.

use crate::metrics::ValidationMetrics;
use serde::{Deserialize, Serialize};

/// A score on the validation photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// The loss; less is better.
    Loss,
    /// The accuracy; more is better.
    Accuracy,
    /// The macro-F1; more is better.
    MacroF1,
}

impl Monitor {
    /// The score.
    pub const fn value(self, metrics: &ValidationMetrics) -> f64 {
        match self {
            Self::Loss => metrics.loss,
            Self::Accuracy => metrics.accuracy,
            Self::MacroF1 => metrics.macro_f1,
        }
    }

    /// Whether `value` is better than `best` by more than `min_delta`.
    pub fn is_better(self, value: f64, best: f64, min_delta: f64) -> bool {
        match self {
            Self::Loss => value + min_delta < best,
            Self::Accuracy | Self::MacroF1 => value - min_delta > best,
        }
    }
}

/// Which weights are the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Select {
    /// Those after the last epoch.
    Last,
    /// Those after the best epoch.
    Best,
}

/// Ends a run whose score no longer improves, as Keras' `EarlyStopping`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// Number of epochs without improvement after which the run ends; 0 means 1.
    pub patience: u32,
    /// An epoch is better if its score is better by more than this.
    pub min_delta: f64,
}

/// The best epoch so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Its score.
    pub value: f64,
}

impl EarlyStopping {
    /// Whether the run ends after epoch `epochs_done`.
    pub fn is_over(&self, best: &Best, epochs_done: u32) -> bool {
        epochs_done - best.epoch >= self.patience.max(1)
    }
}
