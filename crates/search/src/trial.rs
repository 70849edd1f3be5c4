//! A trial.

use crate::space::Params;
use dermx_work::Outcome;

/// One set of parameters, and how it went.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its number, from 0.
    pub number: usize,
    /// What it tries.
    pub params: Params,
    /// The score after each epoch; higher is better.
    pub epochs: Vec<f64>,
    /// How it ended, if it did.
    pub outcome: Option<Outcome>,
}

impl Trial {
    /// Its score: that of the epoch whose weights are the result.
    pub const fn score(&self) -> Option<f64> {
        match self.outcome {
            Some(Outcome::Finished { value, .. } | Outcome::Pruned { value, .. }) => Some(value),
            _ => None,
        }
    }
}
