//! `dermx dataset tables`.

use crate::args::TablesArgs;
use crate::dataset_tables::{DIAGNOSIS, DatasetTables, characteristics, localisable};
use crate::error::{CliError, CliResult, ExitKind};
use crate::printed::{self, Comparison};
use crate::run_folder::to_json;
use crate::terminal::print;
use dermx_data::ontology::DIAGNOSES;
use dermx_data::{DermxDataset, Selection};
use dermx_eval::{ClassScores, Score};
use dermx_train::write_atomic;
use serde_json::Value;
use std::fmt::Write;

/// Prints every table that the annotations alone give, and compares them with printed ones.
///
/// # Errors
/// A data set or a file of printed tables that cannot be read, a folder that cannot be written to.
pub fn run(args: &TablesArgs) -> CliResult<()> {
    let dataset = DermxDataset::read(&args.data)?.select(Selection::default());
    let tables = DatasetTables::new(&dataset);
    let mut json = serde_json::to_value(&tables)
        .map_err(|error| CliError::new(ExitKind::Internal, error.to_string()))?;
    let comparisons = match &args.compare {
        Some(path) => printed::compare(&json, &printed::read(path)?),
        None => Vec::new(),
    };
    if args.compare.is_some() {
        json["comparison"] = serde_json::to_value(&comparisons)
            .map_err(|error| CliError::new(ExitKind::Internal, error.to_string()))?;
    }
    let texts = text_tables(&tables);
    let mut markdown = texts.iter().map(TextTable::markdown).collect::<Vec<_>>().join("\n");
    if args.compare.is_some() {
        markdown += &comparison_text(&comparisons);
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

/// A table as text.
struct TextTable {
    name: &'static str,
    title: &'static str,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    fn new(name: &'static str, title: &'static str, header: &[&str]) -> Self {
        Self { name, title, header: header.iter().map(ToString::to_string).collect(), rows: vec![] }
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = vec!["---".to_string(); self.header.len()];
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("**{}**\n\n{}{}{rows}", self.title, line(&self.header), line(&rule))
    }

    fn csv(&self) -> CliResult<Vec<u8>> {
        let internal = |error: String| CliError::new(ExitKind::Internal, error);
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in std::iter::once(&self.header).chain(&self.rows) {
            writer.write_record(row).map_err(|error| internal(error.to_string()))?;
        }
        writer.into_inner().map_err(|error| internal(error.to_string()))
    }
}

const SCORES: [&str; 4] = ["", "F1", "sensitivity", "specificity"];

fn text_tables(tables: &DatasetTables) -> Vec<TextTable> {
    let header = |more: &[&'static str]| [&SCORES[..], more].concat();
    let mut gold = TextTable::new(
        "table_2a",
        "Table 2a: raters against the gold standard. Accepted evaluations; mean and population \
         standard deviation over raters",
        &header(&["raters"]),
    );
    let mut diagnosis = TextTable::new(
        "table_2b",
        "Table 2b: raters against each other, diagnosis. Accepted evaluations; mean and population \
         standard deviation over ordered pairs; 0/0 counts as 0",
        &header(&["pairs", "pairs without a positive"]),
    );
    for label in DIAGNOSES {
        let row = &tables.table_2a[label];
        gold.rows.push(cells(label, &row.scores, &[row.scores.f1.n]));
        let row = &tables.table_2b[label];
        let counts = [row.scores.f1.n, row.pairs_without_positive_reference];
        diagnosis.rows.push(cells(label, &row.scores, &counts));
    }
    let mut presence = TextTable::new(
        "table_3a",
        "Table 3a and appendix Table 1: raters against each other, presence of characteristics. \
         As Table 2b",
        &header(&["pairs", "pairs without a positive", "evaluations", "images"]),
    );
    for label in characteristics() {
        let row = &tables.table_3a[label];
        let counts =
            [row.scores.f1.n, row.pairs_without_positive_reference, row.evaluations, row.images];
        presence.rows.push(cells(label, &row.scores, &counts));
    }
    let mut outlines = TextTable::new(
        "table_3b",
        "Table 3b: raters against each other, outlines. Evaluations with a single diagnosis; mean \
         and sample standard deviation over ordered pairs of raters in an image",
        &header(&["pairs", "without sensitivity"]),
    );
    for label in localisable() {
        let row = &tables.table_3b[label];
        let counts = [row.ordered_pairs, row.scores.sensitivity.undefined];
        outlines.rows.push(cells(label, &row.scores, &counts));
    }
    let beyond_chance = chance_corrected(tables);
    vec![text_counts(tables), images(tables), gold, diagnosis, presence, outlines, beyond_chance]
}

fn chance_corrected(tables: &DatasetTables) -> TextTable {
    let mut table = TextTable::new(
        "chance_corrected",
        "Agreement beyond chance (not in the paper). Accepted evaluations; Cohen's kappa is mean and \
         population standard deviation over pairs of raters",
        &["", "Cohen", "pairs", "undefined", "Fleiss", "images", "Krippendorff"],
    );
    let number = |value: Option<f64>| value.map_or("undefined".to_string(), |v| format!("{v:.2}"));
    for label in [vec![DIAGNOSIS], characteristics()].concat() {
        let row = &tables.chance_corrected[label];
        table.rows.push(vec![
            label.to_string(),
            mean_and_std(&row.cohen_kappa),
            row.cohen_kappa.n.to_string(),
            row.cohen_kappa.undefined.to_string(),
            number(row.fleiss_kappa),
            row.fleiss_images.to_string(),
            number(row.krippendorff_alpha),
        ]);
    }
    table
}

fn text_counts(tables: &DatasetTables) -> TextTable {
    let mut table = TextTable::new("counts", "Counts", &["", "number"]);
    let counts = &tables.counts;
    for (label, number) in [
        ("evaluations", counts.evaluations),
        ("images", counts.images),
        ("discarded evaluations", counts.discarded),
        ("accepted evaluations", counts.accepted_evaluations),
        ("accepted images", counts.accepted_images),
        ("evaluations with several diagnoses", counts.multi_diagnosis_evaluations),
        ("those that other raters do not settle", counts.multi_diagnosis_unresolved),
        ("evaluations with a single diagnosis", counts.single_evaluations),
        ("images with such an evaluation", counts.single_images),
    ] {
        table.rows.push(vec![label.to_string(), number.to_string()]);
    }
    for (name, tally) in [("skin tone", &tables.skin_tone), ("age", &tables.age)] {
        for (value, number) in tally {
            table.rows.push(vec![format!("{name}: {value}"), number.to_string()]);
        }
    }
    table
}

fn images(tables: &DatasetTables) -> TextTable {
    let mut table = TextTable::new(
        "table_1",
        "Table 1 and the DermX row of Table 4: images with a single diagnosis",
        &[&[""], &DIAGNOSES[..]].concat(),
    );
    let dermx = ("DermX (Table 4)".to_string(), tables.table_4_dermx.clone());
    for (label, tally) in tables.table_1.clone().into_iter().chain([dermx]) {
        let number = |class: &&str| tally.get(*class).copied().unwrap_or(0).to_string();
        table.rows.push([vec![label], DIAGNOSES.iter().map(number).collect()].concat());
    }
    table
}

fn cells(label: &str, scores: &ClassScores, counts: &[usize]) -> Vec<String> {
    let scores = [&scores.f1, &scores.sensitivity, &scores.specificity].map(mean_and_std);
    let mut cells = vec![label.to_string()];
    cells.extend(scores);
    cells.extend(counts.iter().map(ToString::to_string));
    cells
}

fn mean_and_std(score: &Score) -> String {
    match (score.mean, score.std) {
        (Some(mean), Some(std)) => format!("{mean:.2} ± {std:.2}"),
        (Some(mean), None) => format!("{mean:.2}"),
        (None, _) => "undefined".to_string(),
    }
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
                "table {}, {}: printed {}, found {found}",
                one.table, difference.cell, difference.printed
            );
        }
    }
    out
}
