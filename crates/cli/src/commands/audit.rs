//! `dermx audit`.

use crate::args::AuditArgs;
use crate::error::CliResult;
use crate::terminal::print;
use dermx_eval::{NOTICE, Score};
use dermx_score::to_json;
use dermx_study::{Audit, AuditScores, Audits, PrintedComparison, audit};
use std::fmt::Write;

/// Recomputes scores from confusion matrices as they are and with the classes put right.
///
/// # Errors
/// A file that cannot be read, or matrices that do not fit its classes.
pub fn run(args: &AuditArgs) -> CliResult<()> {
    let audits = audit(&args.matrices, args.tables.as_deref())?;
    match args.json {
        true => print(to_json(&audits.networks)?),
        false => print(text(&audits)),
    }
}

fn text(audits: &Audits) -> String {
    let mut out = format!("{NOTICE}\n");
    for (network, audit) in &audits.networks {
        // Writing into a string cannot fail.
        let _ = network_text(&mut out, network, audit, &audits.classes);
    }
    out
}

fn network_text(
    out: &mut String,
    network: &str,
    audit: &Audit,
    classes: &[String],
) -> std::fmt::Result {
    let score = |score: &Score| match (score.mean, score.std) {
        (Some(mean), Some(std)) => format!("{mean:.3} +- {std:.3}"),
        (Some(mean), None) => format!("{mean:.3}"),
        (None, _) => "undefined".to_string(),
    };
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
    writeln!(out, "{:<24}{:>18}{:>18}", "", "as published", "corrected")?;
    for (name, published, corrected) in [
        ("accuracy", &published.accuracy, &corrected.accuracy),
        ("macro-F1", &published.macro_f1, &corrected.macro_f1),
    ] {
        writeln!(out, "{name:<24}{:>18}{:>18}", score(published), score(corrected))?;
    }
    for class in classes {
        let f1 = |scores: &AuditScores| {
            scores.table_5.get(class).map_or(String::new(), |row| score(&row.f1))
        };
        writeln!(out, "{:<24}{:>18}{:>18}", format!("F1 {class}"), f1(published), f1(corrected))?;
    }
    if let Some(PrintedComparison { table, matching, cells, different }) = comparison {
        writeln!(out, "printed Table {table}: {matching} of {cells} cells as published")?;
        for difference in different {
            writeln!(out, "  {}: printed {}", difference.cell, difference.printed)?;
        }
    }
    Ok(())
}
