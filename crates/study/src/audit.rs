//! The audit of published confusion matrices: scores as they are, and with the classes put right.

use crate::assignment::{Assignment, best_assignment};
use crate::error::{StudyError, StudyResult};
use crate::printed::{PrintedComparison, compare_table, read_printed};
use dermx_data::json;
use dermx_eval::{
    ClassScores, ConfusionMatrix, EvalRecord, OneVsRest, Score, Spread, class_scores_over,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The tables in which the paper prints a network's scores.
const PRINTED: [(&str, &str); 2] = [("resnet50", "5a"), ("efficientnet_b4", "5b")];

/// A file of confusion matrices.
#[derive(Debug, Deserialize)]
struct Matrices {
    /// Names of the true classes.
    test_order: Vec<String>,
    /// Names that the study gave its table rows; those of the true classes when not given.
    train_order: Option<Vec<String>>,
    /// `[run][true][predicted]` by network.
    networks: BTreeMap<String, Vec<Vec<Vec<u64>>>>,
}

/// What the audit says of each network.
#[derive(Debug, Clone, PartialEq)]
pub struct Audits {
    /// By network.
    pub networks: BTreeMap<String, Audit>,
    /// Names of the true classes.
    pub classes: Vec<String>,
}

/// What the audit says of one network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Scores with the classes as they were published.
    pub published: AuditScores,
    /// Scores with the assignment that has the most images right.
    pub corrected: AuditScores,
    /// The prediction that counts as class 0, as class 1, ... in `corrected`.
    pub permutation: Vec<usize>,
    /// What speaks for it.
    pub evidence: Assignment,
    /// `published` beside the printed table, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<PrintedComparison>,
}

/// Scores over the runs: mean and sample standard deviation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditScores {
    /// Share of images that are right.
    pub accuracy: Score,
    /// Mean of the classes' F1.
    pub macro_f1: Score,
    /// The study's Table 5: scores by class.
    pub table_5: BTreeMap<String, ClassScores>,
}

/// Recomputes scores from the confusion matrices in the file `matrices`, or of the run whose `eval.json` it is, as they are and with the classes
/// put right, and compares them with the file `tables` of printed ones.
///
/// # Errors
/// A file that cannot be read, or matrices that do not fit its classes.
pub fn audit(matrices: &Path, tables: Option<&Path>) -> StudyResult<Audits> {
    let read = read(matrices)?;
    let printed = tables.map(read_printed).transpose()?;
    let mut networks = BTreeMap::new();
    for (network, runs) in &read.networks {
        let named = |error: &dyn std::fmt::Display| {
            StudyError::invalid(matrices, format!("network `{network}`: {error}"))
        };
        let runs: Result<Vec<ConfusionMatrix>, _> =
            runs.iter().cloned().map(ConfusionMatrix::from_rows).collect();
        let runs = runs.map_err(|error| named(&error))?;
        let mut audit = audit_runs(&runs, &read).map_err(|error| named(&error))?;
        let table = PRINTED.iter().find(|(name, _)| name == network);
        if let (Some(printed), Some((_, table))) = (&printed, table) {
            let ours =
                serde_json::to_value(&audit.published.table_5).map_err(|error| named(&error))?;
            audit.comparison = Some(compare_table(table, &ours, printed));
        }
        networks.insert(network.clone(), audit);
    }
    Ok(Audits { networks, classes: read.test_order })
}

/// What tells an `eval.json` from a file of matrices.
#[derive(Deserialize)]
#[allow(dead_code, reason = "that it is there is enough")]
struct Scores {
    diagnosis: IgnoredAny,
}

/// The confusion matrices of all seeds of a scored run.
fn of_record(record: EvalRecord) -> Matrices {
    let matrices = record.diagnosis.map(|scores| scores.confusion_matrices).unwrap_or_default();
    let runs = matrices.into_iter().map(|matrix| matrix.counts).collect();
    Matrices {
        test_order: record.classes,
        train_order: None,
        networks: [("network".to_owned(), runs)].into(),
    }
}

fn read(path: &Path) -> StudyResult<Matrices> {
    let bytes = std::fs::read(path).map_err(|error| StudyError::io(path, &error))?;
    let is_record = serde_json::from_slice::<Scores>(&bytes).is_ok();
    let matrices: Matrices = match is_record {
        true => of_record(json::parse(path, &bytes)?),
        false => json::parse(path, &bytes)?,
    };
    let orders = [Some(&matrices.test_order), matrices.train_order.as_ref()];
    let num_classes = matrices.test_order.len();
    for order in orders.into_iter().flatten() {
        let distinct: BTreeSet<&String> = order.iter().collect();
        if distinct.len() != num_classes {
            let message = format!("classes {order:?}: expected {num_classes} different names");
            return Err(StudyError::invalid(path, message));
        }
    }
    for (network, runs) in &matrices.networks {
        if let Some(run) = runs.iter().position(|run| run.len() != num_classes) {
            let message = format!(
                "network `{network}`, run {run}: found {} rows, expected {num_classes}",
                runs[run].len()
            );
            return Err(StudyError::invalid(path, message));
        }
    }
    Ok(matrices)
}

fn audit_runs(runs: &[ConfusionMatrix], matrices: &Matrices) -> StudyResult<Audit> {
    let evidence = best_assignment(runs)?;
    let corrected: Result<Vec<ConfusionMatrix>, _> =
        runs.iter().map(|run| run.with_predictions(&evidence.permutation)).collect();
    let corrected = corrected.map_err(|error| StudyError::Matrices(error.to_string()))?;
    let published_names = matrices.train_order.as_ref().unwrap_or(&matrices.test_order);
    Ok(Audit {
        published: scores(runs, published_names),
        corrected: scores(&corrected, &matrices.test_order),
        permutation: evidence.permutation.clone(),
        evidence,
        comparison: None,
    })
}

fn scores(runs: &[ConfusionMatrix], names: &[String]) -> AuditScores {
    let over = |score: fn(&ConfusionMatrix) -> Option<f64>| {
        Score::over(&runs.iter().map(score).collect::<Vec<_>>())
    };
    let row = |class_idx: usize| {
        let units: Vec<OneVsRest> = runs.iter().map(|run| run.class_scores(class_idx)).collect();
        class_scores_over(&units, Spread::Sample)
    };
    AuditScores {
        accuracy: over(ConfusionMatrix::accuracy),
        macro_f1: over(ConfusionMatrix::macro_f1),
        table_5: names.iter().enumerate().map(|(idx, name)| (name.clone(), row(idx))).collect(),
    }
}
