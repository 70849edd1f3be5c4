//! Which trials end early.

use crate::trial::Trial;
use dermx_work::Outcome;
use optimizer::Direction;
use optimizer::pruner::{MedianPruner, Pruner as _};
use optimizer::sampler::CompletedTrial;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Ends a trial whose score after an epoch is below the median of the scores that finished trials had
/// after the same epoch.
///
/// # Source
/// Golovin et al., 2017, <https://doi.org/10.1145/3097983.3098043>, as in Optuna; the crate
/// `optimizer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruner {
    /// Number of epochs that every trial gets.
    pub warm_up_epochs: u32,
    /// Number of finished trials that a median is taken of at least.
    pub min_trials: usize,
}

impl Pruner {
    /// Whether `trial` ends after its last epoch; `history` are the earlier trials that may be known
    /// to it.
    pub(crate) fn prunes(&self, trial: &Trial, history: &[&Trial]) -> bool {
        let Some(last) = trial.epochs.len().checked_sub(1) else { return false };
        let finished: Vec<CompletedTrial> =
            history.iter().filter_map(|trial| completed(trial)).collect();
        MedianPruner::new(Direction::Maximize)
            .n_warmup_steps(u64::from(self.warm_up_epochs))
            .n_min_trials(self.min_trials.max(1))
            .should_prune(trial.number as u64, last as u64, &steps(trial), &finished)
    }
}

fn completed(trial: &Trial) -> Option<CompletedTrial> {
    let Some(Outcome::Finished { value, .. }) = trial.outcome else { return None };
    let id = trial.number as u64;
    let mut completed =
        CompletedTrial::new(id, HashMap::new(), HashMap::new(), HashMap::new(), value);
    completed.intermediate_values = steps(trial);
    Some(completed)
}

/// Scores by step; the crate counts steps from 0.
fn steps(trial: &Trial) -> Vec<(u64, f64)> {
    (0..).zip(trial.epochs.iter().copied()).collect()
}
