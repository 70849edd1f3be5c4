//! A trial: a unit that is done for its scores.

use crate::error::WorkError;
use crate::failure::Failure;
use crate::unit::{Ended, Kept, Kind, OnEpoch, Resolved, Task, Work};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Outcome {
    /// It ran as long as its configuration says.
    Finished {
        /// The epoch whose weights are the result, from 1.
        epoch: u32,
        /// Its score.
        value: f64,
    },
    /// It was worse than others and was ended.
    Pruned {
        /// The epoch whose weights would have been the result.
        epoch: u32,
        /// Its score.
        value: f64,
    },
    /// Training did not work with these parameters.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

/// How a trial went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndedTrial {
    /// The score after each epoch.
    pub epochs: Vec<f64>,
    /// How it ended.
    pub outcome: Outcome,
}

impl EndedTrial {
    /// As a user reads it.
    pub fn text(&self) -> String {
        match &self.outcome {
            Outcome::Finished { epoch, value } | Outcome::Pruned { epoch, value } => {
                format!("{value:.6} on the validation photos, epoch {epoch}")
            }
            Outcome::Failed { reason } => format!("failed: {reason}"),
        }
    }
}

/// Does a trial in `folder`, from its checkpoint if it has one; `None` when it was stopped on request.
///
/// Numbers that are not finite, and a fault of the program, are a failure of the trial: others may do
/// better.
///
/// # Errors
/// Everything else that keeps it from being done: missing data, a full disk.
pub fn run_trial<W: Work + ?Sized>(
    work: &W,
    config: &Resolved,
    folder: &Path,
    on_epoch: &mut OnEpoch<'_>,
) -> Result<Option<EndedTrial>, WorkError> {
    let mut epochs = Vec::new();
    let mut noted = |scores: &[f64]| {
        epochs = scores.to_vec();
        on_epoch(scores)
    };
    let task = Task { kind: Kind::Trial, config, folder };
    let outcome = match catch_unwind(AssertUnwindSafe(|| work.run(&task, &mut noted))) {
        Ok(Ok(Ended::Finished { kept, .. })) => {
            let Kept { epoch, value } = kept.unwrap_or(NONE_KEPT);
            Outcome::Finished { epoch, value }
        }
        Ok(Ok(Ended::Cut { kept })) => {
            let Kept { epoch, value } = kept.unwrap_or(NONE_KEPT);
            Outcome::Pruned { epoch, value }
        }
        Ok(Ok(Ended::Stopped)) => return Ok(None),
        Ok(Err(error)) if error.failure() == Failure::Internal => {
            Outcome::Failed { reason: error.to_string() }
        }
        Ok(Err(error)) => return Err(error),
        Err(panic) => Outcome::Failed { reason: work.reason(panic.as_ref()) },
    };
    Ok(Some(EndedTrial { epochs, outcome }))
}

/// Of a trial without an epoch that counts.
const NONE_KEPT: Kept = Kept { epoch: 0, value: 0.0 };
