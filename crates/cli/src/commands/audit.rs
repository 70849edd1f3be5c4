//! `dermx audit`.

use crate::args::AuditArgs;
use crate::error::CliResult;
use crate::terminal::print;
use dermx_eval::NOTICE;
use dermx_report::score_cell;
use dermx_score::to_json;
use dermx_study::{Audit, AuditScores, Audits, PrintedComparison, audit};
use dermx_table::{Cell, Column, Table};
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
    if let Some(PrintedComparison { table, matching, cells, different }) = comparison {
        writeln!(out, "printed Table {table}: {matching} of {cells} cells as published")?;
        for difference in different {
            writeln!(out, "  {}: printed {}", difference.cell, difference.printed)?;
        }
    }
    Ok(())
}

/// Scores as published beside corrected ones.
fn scores_table(published: &AuditScores, corrected: &AuditScores, classes: &[String]) -> Table {
    let columns = [
        Column::text("score"),
        Column::mean_and_std("as_published"),
        Column::mean_and_std("corrected"),
    ];
    let mut table = Table::new("audit", "", columns);
    let mut push = |name: String, pick: &dyn Fn(&AuditScores) -> Cell| {
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
