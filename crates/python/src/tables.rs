//! Scores as a person reads them.

use dermx_data::write_atomic;
use dermx_eval::{EvalRecord, MapScores, MapTable, UNION};
use dermx_report::{
    ReportInput, diagnosis_table, identification_table, localization_table, map_columns,
    parts_table, render, seeds_cell,
};
use dermx_score::{ScoreError, ScoreResult};
use dermx_table::{Cell, Column, Table};
use std::iter::once;
use std::path::{Path, PathBuf};

/// The tables of a record, those with maps first.
pub fn record_tables(record: &EvalRecord) -> Vec<Table> {
    let titled = |title: &str, table: Option<Table>| {
        table.map(|table| Table { title: title.to_owned(), ..table })
    };
    let tables = [
        explanation(record),
        comparands(record),
        titled("Diagnosis", diagnosis_table(record)),
        titled("Where maps are highest", localization_table(record)),
        titled("Share of the maps' mass on what is marked", identification_table(record)),
        titled("Parts of the images, scores of the union", parts_table(record)),
    ];
    tables.into_iter().flatten().collect()
}

/// Maps against masks, with the raters among themselves and the skill.
fn explanation(record: &EvalRecord) -> Option<Table> {
    let [f1, sensitivity, specificity, mass] = map_columns();
    let columns = [f1.label("fuzzy F1"), sensitivity, specificity, mass.label("mass in mask")];
    let mut columns: Vec<Column> = once(Column::text("concept").label("")).chain(columns).collect();
    let has_raters = !record.ceiling.is_empty();
    if has_raters {
        columns.push(Column::score("raters_f1").label("raters' F1"));
        columns.push(Column::score("skill"));
    }
    let row = |name: &str, scores: &MapScores| -> Vec<Cell> {
        let MapScores { f1, sensitivity, specificity, mass, .. } = scores;
        let mut cells = vec![name.into()];
        cells.extend([f1, sensitivity, specificity, mass].map(seeds_cell));
        if has_raters {
            let raters = record.ceiling.get(name).map(|raters| seeds_cell(&raters.f1));
            let skill = record.skill.get(name).map(|relative| seeds_cell(&relative.skill));
            cells.extend([raters, skill].map(|cell| cell.unwrap_or_else(|| None.into())));
        }
        cells
    };
    table("explanation", "Heat maps against masks", columns, &record.explanation, row)
}

/// The fuzzy F1 of maps that never saw a network, and of the raters among themselves.
fn comparands(record: &EvalRecord) -> Option<Table> {
    let names: Vec<&String> = record.baselines.keys().collect();
    let others = once(&record.ceiling).filter(|ceiling| !ceiling.is_empty());
    let tables: Vec<&MapTable> = record.baselines.values().chain(others).collect();
    let mut columns = vec![Column::text("concept").label("")];
    columns.extend(names.iter().map(|name| Column::score(name)));
    columns.extend((tables.len() > names.len()).then(|| Column::score("raters")));
    let row = |name: &str, _: &MapScores| -> Vec<Cell> {
        let scores = tables.iter().map(|table| table.get(name).map(|one| seeds_cell(&one.f1)));
        once(name.into()).chain(scores.map(|cell| cell.unwrap_or_else(|| None.into()))).collect()
    };
    let title = "Fuzzy F1 of maps that never saw a network";
    table("baselines", title, columns, tables.first()?, row)
}

/// A row for each concept of `scores`, that of the union last.
fn table(
    name: &str,
    title: &str,
    columns: Vec<Column>,
    scores: &MapTable,
    row: impl Fn(&str, &MapScores) -> Vec<Cell>,
) -> Option<Table> {
    let mut table = Table::new(name, title, columns);
    for (name, scores) in scores.iter().filter(|(name, _)| *name != UNION) {
        table.push(row(name, scores));
    }
    if let Some(scores) = scores.get(UNION) {
        table.push_summary(row(UNION, scores));
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Writes the page of a record and what it is made of into `folder`; the path of the page.
///
/// # Errors
/// A folder that cannot be written to.
pub fn report_files(record: &EvalRecord, folder: &Path) -> ScoreResult<PathBuf> {
    let name = &record.dataset.name;
    let input = ReportInput {
        title: format!("Heat maps on {name}"),
        run_facts: vec![("Data set".to_owned(), name.clone())],
        evaluation: record.clone(),
        ..ReportInput::default()
    };
    let report = render(&input).map_err(|error| ScoreError::internal(error.to_string()))?;
    for (name, bytes) in &report.files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|error| ScoreError::io(parent, &error))?;
        write_atomic(&path, bytes)?;
    }
    Ok(folder.join("index.html"))
}
