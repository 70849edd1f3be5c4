//! `dermx dataset tables`.

use crate::args::TablesArgs;
use crate::error::{CliError, CliResult};
use crate::printed::{self, Comparison};
use crate::tables_text::text_tables;
use crate::terminal::print;
use dermx_agreement::{Bootstrap, DatasetTables, Options};
use dermx_data::{DermxDataset, Selection, write_atomic};
use dermx_score::{TextTable, to_json, warn_of_left_out};
use dermx_work::Failure;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Prints every table that the annotations alone give, and compares them with printed ones.
///
/// # Errors
/// A data set or a file of printed tables that cannot be read, a folder that cannot be written to.
pub fn run(args: &TablesArgs) -> CliResult<()> {
    let selection = Selection { images: args.images, rounds: args.rounds };
    let dataset = DermxDataset::read(&args.data)?;
    warn_of_left_out(&dataset);
    let dataset = dataset.select(selection);
    let dataset = dataset.with_mask_source(args.masks)?;
    let options = Options {
        overrides: args.choices.overrides(),
        by: args.by.clone(),
        min_images: args.min_images,
        bootstrap: Bootstrap { num_resamples: args.bootstrap, seed: args.seed },
    };
    let tables = DatasetTables::new(&dataset, &options)?;
    let mut json = to_value(&tables)?;
    let texts = text_tables(&tables);
    let mut markdown = texts.iter().map(TextTable::markdown).collect::<Vec<_>>().join("\n");
    if let Some(path) = &args.compare {
        let comparisons = printed::compare(&json, &printed::read(path)?);
        markdown += &comparison_text(&comparisons);
        let by_name: BTreeMap<&String, &Comparison> =
            comparisons.iter().map(|one| (&one.table, one)).collect();
        json["comparison_with_paper"] = to_value(&by_name)?;
    }
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).map_err(|error| CliError::io(out, &error))?;
        write_atomic(&out.join("tables.json"), &to_json(&json)?)?;
        write_atomic(&out.join("tables.md"), markdown.as_bytes())?;
        for table in &texts {
            write_atomic(&out.join(format!("{}.csv", table.name)), &table.csv()?)?;
        }
    }
    match args.json {
        true => print(to_json(&json)?),
        false => print(markdown),
    }
}

fn to_value(value: &impl Serialize) -> CliResult<Value> {
    serde_json::to_value(value).map_err(|error| CliError::new(Failure::Internal, error.to_string()))
}

fn comparison_text(comparisons: &[Comparison]) -> String {
    let mut out =
        "\n**Printed cells found again**\n\n| table | matching | cells |\n| --- | --- | --- |\n"
            .to_string();
    let sum = |number: fn(&Comparison) -> usize| comparisons.iter().map(number).sum::<usize>();
    // Writing into a string cannot fail.
    for one in comparisons {
        let _ = writeln!(out, "| {} | {} | {} |", one.table, one.matching, one.cells);
    }
    let _ = writeln!(out, "\n{} / {}", sum(|one| one.matching), sum(|one| one.cells));
    for one in comparisons {
        for difference in &one.different {
            let found = difference.found.map_or(Value::Null, Value::from);
            let _ = writeln!(
                out,
                "{}, {}: printed {}, found {found}",
                one.table, difference.cell, difference.printed
            );
        }
    }
    out
}
