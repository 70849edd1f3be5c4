//! How far raters agree.

use crate::call::run;
use crate::dataset::Dataset;
use crate::scores::Scores;
use dermx_agreement::{AgreementTables, Bootstrap, DatasetTables, Options, Overrides, Row, Rows};
use dermx_report::score_cell;
use dermx_score::{ScoreError, ScoreResult, Variable, to_json};
use dermx_study::in_study_layout;
use dermx_table::{Cell, Column, Table};
use pyo3::prelude::*;

/// The tables of agreement of a data set, see `dermx.agreement`.
#[pyfunction]
pub fn agreement(
    py: Python<'_>,
    dataset: &Dataset,
    by: Vec<String>,
    min_images: usize,
    bootstrap: usize,
    seed: u64,
) -> PyResult<Scores> {
    let dataset = dataset.shared();
    let bootstrap = Bootstrap { num_resamples: bootstrap, seed };
    let options = Options { overrides: Overrides::default(), by, min_images, bootstrap };
    run(py, |_| {
        check_attributes(&options.by, &dataset)?;
        let tables = DatasetTables::new(&dataset, &options)?;
        let json = serde_json::to_value(&tables)
            .map_err(|error| ScoreError::internal(error.to_string()))?;
        let json = if tables.study.is_some() { in_study_layout(json) } else { json };
        Ok(Scores::of_agreement(to_json(&json)?, drawn(&tables.agreement)))
    })
}

/// Only attributes that the images have part them.
fn check_attributes(by: &[String], dataset: &dermx_data::Dataset) -> ScoreResult<()> {
    let choices = dermx_score::ScoringChoices {
        by: by.iter().map(|name| Variable::Attribute(name.clone())).collect(),
        ..dermx_score::ScoringChoices::default()
    };
    choices.check(dataset)
}

/// The main tables.
fn drawn(tables: &AgreementTables) -> Vec<Table> {
    let all = [
        ("gold", "Raters against the gold classes", &tables.gold),
        ("diagnosis", "Raters among themselves: class", &tables.diagnosis),
        ("presence", "Raters among themselves: presence of concepts", &tables.presence),
        ("outlines", "Raters among themselves: where concepts are", &tables.outlines),
    ];
    let drawn = all.into_iter().map(|(name, title, rows)| table(name, title, rows));
    drawn.filter(|table| !table.rows.is_empty()).collect()
}

fn table(name: &str, title: &str, rows: &Rows) -> Table {
    let score = |name: &str| Column::score(name);
    let columns = [
        Column::text("label").label(""),
        score("f1").label("F1"),
        score("sensitivity"),
        score("specificity"),
        Column::count("units"),
        Column::count("images"),
    ];
    let mut table = Table::new(name, title, columns);
    for (label, Row { scores, units, images, .. }) in rows {
        let cells: [Cell; 3] = match scores {
            Some(one) => [&one.f1, &one.sensitivity, &one.specificity].map(score_cell),
            None => [(); 3].map(|()| Cell::Undefined("too few".to_owned())),
        };
        let counts = [*units, *images].map(Cell::from);
        table.push([label.into()].into_iter().chain(cells).chain(counts));
    }
    table
}
