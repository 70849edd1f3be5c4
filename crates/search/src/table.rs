//! The trials from best to worst.

use crate::space::Params;
use crate::trial::Trial;
use dermx_work::Outcome;
use serde::Serialize;

/// One trial of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its place, from 1.
    pub rank: usize,
    /// Its number.
    pub trial: usize,
    /// `finished`, `pruned`, `failed` or `unfinished`.
    pub state: &'static str,
    /// The score of the epoch whose weights are the result.
    pub value: Option<f64>,
    /// That epoch.
    pub epoch: Option<u32>,
    /// Number of epochs that ran.
    pub num_epochs: usize,
    /// What it tried.
    pub params: Params,
    /// What went wrong, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The trials from best to worst: finished ones by score, then pruned ones by score, then others; equal
/// ones in their order.
pub fn ranking(trials: &[Trial]) -> Vec<Row> {
    let mut rows: Vec<Row> = trials.iter().map(row).collect();
    rows.sort_by(|one, other| {
        let class = |row: &Row| match row.state {
            "finished" => 0,
            "pruned" => 1,
            "failed" => 2,
            _ => 3,
        };
        let value = |row: &Row| row.value.unwrap_or(f64::NEG_INFINITY);
        class(one)
            .cmp(&class(other))
            .then(value(other).total_cmp(&value(one)))
            .then(one.trial.cmp(&other.trial))
    });
    for (row_idx, row) in rows.iter_mut().enumerate() {
        row.rank = row_idx + 1;
    }
    rows
}

fn row(trial: &Trial) -> Row {
    let (state, epoch, reason) = match &trial.outcome {
        None => ("unfinished", None, None),
        Some(Outcome::Finished { epoch, .. }) => ("finished", Some(*epoch), None),
        Some(Outcome::Pruned { epoch, .. }) => ("pruned", Some(*epoch), None),
        Some(Outcome::Failed { reason }) => ("failed", None, Some(reason.clone())),
    };
    Row {
        rank: 0,
        trial: trial.number,
        state,
        value: trial.score(),
        epoch,
        num_epochs: trial.epochs.len(),
        params: trial.params.clone(),
        reason,
    }
}
