//! `dermx dataset tables`.

use crate::args::TablesArgs;
use crate::error::{CliError, CliResult};
use crate::output;
use crate::terminal::print;
use dermx_agreement::{Bootstrap, DatasetTables, Options};
use dermx_data::{Dataset, MaskSource, Selection, did_you_mean, write_atomic};
use dermx_run::all_tables;
use dermx_score::{to_json, warn_of_left_out};
use dermx_study::{PrintedComparison, compare_tables, in_study_layout, read_printed};
use dermx_table::{Cell, Column, Table};
use dermx_work::Failure;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Prints every table that the annotations alone give, and compares them with printed ones.
///
/// # Errors
/// A data set or a file of printed tables that cannot be read, a folder that cannot be written to.
pub fn run(args: &TablesArgs) -> CliResult<()> {
    let inputs = output::inputs([Some(args.data.as_path()), args.compare.as_deref()]);
    let out = args.out.as_ref().map(|out| output::folder(out, args.overwrite, &inputs, is_table));
    let out = out.transpose()?;
    let selection = Selection { images: args.images, rounds: args.rounds };
    let dataset = dermx_formats::open(&args.data)?;
    warn_of_left_out(&dataset);
    if dataset.schema().study.is_none()
        && (args.compare.is_some() || args.masks == MaskSource::Files)
    {
        let message = format!(
            "{}: --compare and --masks files are about the tables and files of DermX",
            args.data.display()
        );
        return Err(CliError::new(Failure::Usage, message));
    }
    check_attributes(&args.by, &dataset)?;
    let dataset = dataset.select(selection);
    let dataset = dataset.with_mask_source(args.masks)?;
    let options = Options {
        overrides: args.choices.overrides(),
        by: args.by.clone(),
        min_images: args.min_images,
        bootstrap: Bootstrap { num_resamples: args.bootstrap, seed: args.seed },
    };
    let tables = DatasetTables::new(&dataset, &options)?;
    let json = to_value(&tables)?;
    let mut json = if tables.study.is_some() { in_study_layout(json) } else { json };
    let mut all = all_tables(&tables, &dataset);
    let mut conclusion = String::new();
    if let Some(path) = &args.compare {
        let comparisons = compare_tables(&json, &read_printed(path)?);
        all.extend(comparison_tables(&comparisons));
        let sum =
            |number: fn(&PrintedComparison) -> usize| comparisons.iter().map(number).sum::<usize>();
        conclusion = format!("\n{} / {}\n", sum(|one| one.matching), sum(|one| one.cells));
        let by_name: BTreeMap<&String, &PrintedComparison> =
            comparisons.iter().map(|one| (&one.table, one)).collect();
        json["comparison_with_paper"] = to_value(&by_name)?;
    }
    let text = |render: fn(&Table) -> String| {
        all.iter().map(render).collect::<Vec<_>>().join("\n") + &conclusion
    };
    if let Some(out) = out {
        let made = out.path();
        write_atomic(&made.join("tables.json"), &to_json(&json)?)?;
        write_atomic(&made.join("tables.md"), text(Table::markdown).as_bytes())?;
        for table in &all {
            write_atomic(&made.join(format!("{}.csv", table.name)), &table.csv())?;
        }
        out.finish()?;
    }
    match args.json {
        true => print(to_json(&json)?),
        false => print(text(Table::terminal)),
    }
}

/// Whether tables are written into the file of this name: beside `tables.json` there are no other CSV files.
fn is_table(path: &Path) -> bool {
    let is_flat = path.components().count() == 1;
    let names = ["tables.json", "tables.md"];
    is_flat
        && (path.extension().is_some_and(|extension| extension == "csv")
            || names.iter().any(|name| path == Path::new(name)))
}

/// Only attributes that the images have part them.
fn check_attributes(by: &[String], dataset: &Dataset) -> CliResult<()> {
    let known = &dataset.schema().image_attributes;
    let Some(unknown) = by.iter().find(|name| !known.contains(name)) else { return Ok(()) };
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let there = match names.as_slice() {
        [] => "the images have none".to_owned(),
        names => format!("there are {}", names.join(", ")),
    };
    let near = did_you_mean(unknown, &names);
    Err(CliError::new(Failure::Usage, format!("--by {unknown}: no such attribute{near}; {there}")))
}

fn to_value(value: &impl Serialize) -> CliResult<Value> {
    serde_json::to_value(value).map_err(|error| CliError::new(Failure::Internal, error.to_string()))
}

/// How many printed cells were found again, and those that were not.
fn comparison_tables(comparisons: &[PrintedComparison]) -> Vec<Table> {
    let columns = [Column::text("table"), Column::count("matching"), Column::count("cells")];
    let mut found = Table::new("comparison", "Printed cells found again", columns);
    let columns = [Column::text("table"), Column::text("cell")];
    let columns = columns.into_iter().chain(["printed", "found"].map(Column::number));
    let mut different = Table::new("comparison_differences", "Printed cells that differ", columns);
    for one in comparisons {
        found.push([(&one.table).into(), one.matching.into(), one.cells.into()]);
        for difference in &one.different {
            different.push([
                (&one.table).into(),
                (&difference.cell).into(),
                difference.printed.into(),
                Cell::number_or(difference.found, "no such cell"),
            ]);
        }
    }
    let tables = [Some(found), (!different.rows.is_empty()).then_some(different)];
    tables.into_iter().flatten().collect()
}
