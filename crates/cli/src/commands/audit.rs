//! `dermx audit`.

use crate::args::AuditArgs;
use crate::error::{CliError, CliResult};
use crate::printed::{self, Comparison};
use crate::terminal::print;
use dermx_eval::{
    Assignment, ClassScores, ConfusionMatrix, NOTICE, OneVsRest, Score, Spread, best_assignment,
    class_scores_over,
};
use dermx_report::score_cell;
use dermx_score::to_json;
use dermx_table::{Cell, Column, Table};
use dermx_work::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
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

/// What the audit says of one network.
#[derive(Debug, Serialize)]
struct Audit {
    published: Scores,
    corrected: Scores,
    permutation: Vec<usize>,
    evidence: Assignment,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

/// Scores over the runs: mean and sample standard deviation.
#[derive(Debug, Serialize)]
struct Scores {
    accuracy: Score,
    macro_f1: Score,
    table_5: BTreeMap<String, ClassScores>,
}

/// Recomputes scores from confusion matrices as they are and with the classes put right.
///
/// # Errors
/// A file that cannot be read, or matrices that do not fit its classes.
pub fn run(args: &AuditArgs) -> CliResult<()> {
    let matrices = read(&args.matrices)?;
    let printed = args.tables.as_deref().map(printed::read).transpose()?;
    let mut audits = BTreeMap::new();
    for (network, runs) in &matrices.networks {
        let named = |error: dermx_eval::EvalError| {
            CliError::bad_data(&args.matrices, format!("network `{network}`: {error}"))
        };
        let runs: Result<Vec<ConfusionMatrix>, _> =
            runs.iter().cloned().map(ConfusionMatrix::from_rows).collect();
        let mut audit = audit(&runs.map_err(named)?, &matrices).map_err(named)?;
        let table = PRINTED.iter().find(|(name, _)| name == network);
        if let (Some(printed), Some((_, table))) = (&printed, table) {
            let ours = serde_json::to_value(&audit.published.table_5)
                .map_err(|error| CliError::new(Failure::Internal, error.to_string()))?;
            audit.comparison = Some(printed::compare_table(table, &ours, printed));
        }
        audits.insert(network.clone(), audit);
    }
    match args.json {
        true => print(to_json(&audits)?),
        false => print(text(&audits, &matrices)),
    }
}

fn read(path: &Path) -> CliResult<Matrices> {
    let bytes = std::fs::read(path).map_err(|error| CliError::io(path, &error))?;
    let matrices: Matrices =
        serde_json::from_slice(&bytes).map_err(|error| CliError::bad_data(path, error))?;
    let orders = [Some(&matrices.test_order), matrices.train_order.as_ref()];
    let num_classes = matrices.test_order.len();
    for order in orders.into_iter().flatten() {
        let distinct: std::collections::BTreeSet<&String> = order.iter().collect();
        if distinct.len() != num_classes {
            let message = format!("classes {order:?}: expected {num_classes} different names");
            return Err(CliError::bad_data(path, message));
        }
    }
    for (network, runs) in &matrices.networks {
        if let Some(run) = runs.iter().position(|run| run.len() != num_classes) {
            let message = format!(
                "network `{network}`, run {run}: found {} rows, expected {num_classes}",
                runs[run].len()
            );
            return Err(CliError::bad_data(path, message));
        }
    }
    Ok(matrices)
}

fn audit(runs: &[ConfusionMatrix], matrices: &Matrices) -> Result<Audit, dermx_eval::EvalError> {
    let evidence = best_assignment(runs)?;
    let corrected: Result<Vec<ConfusionMatrix>, _> =
        runs.iter().map(|run| run.with_predictions(&evidence.permutation)).collect();
    let published_names = matrices.train_order.as_ref().unwrap_or(&matrices.test_order);
    Ok(Audit {
        published: scores(runs, published_names),
        corrected: scores(&corrected?, &matrices.test_order),
        permutation: evidence.permutation.clone(),
        evidence,
        comparison: None,
    })
}

fn scores(runs: &[ConfusionMatrix], names: &[String]) -> Scores {
    let over = |score: fn(&ConfusionMatrix) -> Option<f64>| {
        Score::over(&runs.iter().map(score).collect::<Vec<_>>())
    };
    let row = |class_idx: usize| {
        let units: Vec<OneVsRest> = runs.iter().map(|run| run.class_scores(class_idx)).collect();
        class_scores_over(&units, Spread::Sample)
    };
    Scores {
        accuracy: over(ConfusionMatrix::accuracy),
        macro_f1: over(ConfusionMatrix::macro_f1),
        table_5: names.iter().enumerate().map(|(idx, name)| (name.clone(), row(idx))).collect(),
    }
}

fn text(audits: &BTreeMap<String, Audit>, matrices: &Matrices) -> String {
    let mut out = format!("{NOTICE}\n");
    for (network, audit) in audits {
        // Writing into a string cannot fail.
        let _ = network_text(&mut out, network, audit, &matrices.test_order);
    }
    out
}

fn network_text(
    out: &mut String,
    network: &str,
    audit: &Audit,
    classes: &[String],
) -> std::fmt::Result {
    let Audit { published, corrected, permutation, evidence, comparison } = audit;
    writeln!(out, "\n{network}: {} runs, {} images in all", evidence.matrices, evidence.images)?;
    let moved: Vec<String> = permutation
        .iter()
        .enumerate()
        .filter(|(class, idx)| class != *idx)
        .map(|(class, idx)| format!("output {idx} is {}", classes[class]))
        .collect();
    match moved.is_empty() {
        true => writeln!(out, "no other assignment of the classes has more images right")?,
        false => writeln!(out, "another assignment fits better: {}", moved.join(", "))?,
    }
    writeln!(
        out,
        "images right: {} as published, {} with the best assignment, {} with the next best; best \
         in {} of {} runs taken alone",
        evidence.right_as_given,
        evidence.right,
        evidence.right_second,
        evidence.matrices_agreeing,
        evidence.matrices
    )?;
    out.push_str(&scores_table(published, corrected, classes).terminal());
    if let Some(Comparison { table, matching, cells, different }) = comparison {
        writeln!(out, "printed Table {table}: {matching} of {cells} cells as published")?;
        for difference in different {
            writeln!(out, "  {}: printed {}", difference.cell, difference.printed)?;
        }
    }
    Ok(())
}

/// Scores as published beside corrected ones.
fn scores_table(published: &Scores, corrected: &Scores, classes: &[String]) -> Table {
    let columns = [
        Column::text("score"),
        Column::mean_and_std("as_published"),
        Column::mean_and_std("corrected"),
    ];
    let mut table = Table::new("audit", "", columns);
    let mut push = |name: String, pick: &dyn Fn(&Scores) -> Cell| {
        table.push([name.into(), pick(published), pick(corrected)]);
    };
    push("accuracy".to_string(), &|scores| score_cell(&scores.accuracy));
    push("macro-F1".to_string(), &|scores| score_cell(&scores.macro_f1));
    for class in classes {
        let absent = || Cell::Undefined(String::new());
        push(format!("F1 {class}"), &|scores| {
            scores.table_5.get(class).map_or_else(absent, |row| score_cell(&row.f1))
        });
    }
    table
}
