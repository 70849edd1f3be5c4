//! From the input to the files of a report.

use crate::beyond;
use crate::card::{Card, card_table, cards};
use crate::chart::{Chart, charts};
use crate::comparison::{CAVEAT, Verdict, verdict};
use crate::definition::{READING, definitions};
use crate::error::ReportError;
use crate::gallery::{self, Item};
use crate::input::ReportInput;
use crate::matrix::{Matrix, matrices, matrix_tables};
use crate::score_text::readable;
use crate::seeds::remarks;
use crate::table::{by_seed, diagnosis, explanation, over_seeds};
use crate::template::Templates;
use crate::{csv, template};
use dermx_eval::{EvalRecord, NOTICE};
use dermx_table::{Cell, Column, Table};
use serde::Serialize;
use std::collections::BTreeSet;

/// A report as files in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedReport {
    /// Path relative to the report's folder, with `/` between parts, and contents.
    pub files: Vec<(String, Vec<u8>)>,
}

/// What the templates see.
#[derive(Debug, Serialize)]
struct Page {
    title: String,
    notice: &'static str,
    verdict: Verdict,
    caveat: &'static str,
    cards: Vec<Card>,
    facts: Vec<(String, String)>,
    scoring: Vec<(String, String)>,
    summary: Drawn,
    run: Drawn,
    by_seed: Option<Drawn>,
    over_seeds: Option<Drawn>,
    seed_remarks: Vec<String>,
    charts: Vec<Figure>,
    learning_rate: String,
    diagnosis: Option<Drawn>,
    matrices: Vec<Figure>,
    explanation: Option<Drawn>,
    beyond: Vec<Drawn>,
    gallery: Vec<Item>,
    diagnoses: BTreeSet<String>,
    reading: &'static [(&'static str, &'static str)],
    definitions: Drawn,
    notes: Vec<String>,
}

/// A drawing, for the page and as a file of its own.
#[derive(Debug, Serialize)]
struct Figure {
    path: String,
    description: String,
    inline_svg: String,
    #[serde(skip)]
    file_svg: String,
}

/// A table in the forms of the page.
#[derive(Debug, Serialize)]
struct Drawn {
    html: String,
    markdown: String,
}

impl From<Table> for Drawn {
    fn from(table: Table) -> Self {
        Self { html: table.html(), markdown: table.markdown() }
    }
}

/// Renders a report; the same input gives the same bytes.
///
/// Files: `index.html` (self-contained, fetches nothing; a script sorts the gallery), `report.md`,
/// `tables/*.csv`, and what the Markdown shows: `figures/*.svg`, `gallery/*.jpg`.
///
/// # Errors
///
/// [`ReportError`] where a confusion matrix does not fit the classes or a picture is no JPEG.
pub fn render(input: &ReportInput) -> Result<RenderedReport, ReportError> {
    let templates = Templates::new()?;
    let page = page(input, &templates)?;
    let mut files = vec![
        ("index.html".to_owned(), templates.render(template::PAGE, &page)?.into_bytes()),
        ("report.md".to_owned(), templates.render(template::MARKDOWN, &page)?.into_bytes()),
    ];
    files.extend(csv::files(input));
    let figures = page.charts.into_iter().chain(page.matrices);
    files.extend(figures.map(|figure| (figure.path, figure.file_svg.into_bytes())));
    files.extend(gallery::files(input));
    Ok(RenderedReport { files })
}

/// The tables of the page in LaTeX, as files beside those in CSV: `tables/*.tex`.
pub fn latex_files(input: &ReportInput) -> Vec<(String, Vec<u8>)> {
    let record = &input.evaluation;
    let tables = [card_table(&cards(record)), run_table(input)];
    let some = [by_seed(input), over_seeds(record), diagnosis(record), explanation(input)];
    let tables = tables.into_iter().chain(some.into_iter().flatten());
    let tables = tables.chain(beyond::tables(record)).chain(matrix_tables(record));
    let with_rows = tables.filter(|table| !table.rows.is_empty());
    with_rows
        .map(|table| (format!("tables/{}.tex", table.name), table.latex().into_bytes()))
        .collect()
}

fn page(input: &ReportInput, templates: &Templates) -> Result<Page, ReportError> {
    let record = &input.evaluation;
    let charts = charts(&input.per_seed);
    let charts = charts.iter().map(|chart: &Chart| templates.figure(template::CURVES, chart));
    let matrices = matrices(record)?;
    let matrices =
        matrices.iter().map(|matrix: &Matrix| templates.figure(template::MATRIX, matrix));
    let cards = cards(record);
    Ok(Page {
        title: input.title.clone(),
        notice: NOTICE,
        verdict: verdict(record),
        caveat: CAVEAT,
        summary: card_table(&cards).into(),
        run: run_table(input).into(),
        cards,
        facts: input.run_facts.clone(),
        scoring: scoring(record),
        by_seed: by_seed(input).map(Drawn::from),
        over_seeds: over_seeds(record).map(Drawn::from),
        seed_remarks: remarks(record),
        learning_rate: learning_rate(input),
        charts: charts.map(|figure| figure.map(Figure::from)).collect::<Result<_, _>>()?,
        diagnosis: diagnosis(record).map(Drawn::from),
        matrices: matrices.map(|figure| figure.map(Figure::from)).collect::<Result<_, _>>()?,
        explanation: explanation(input).map(Drawn::from),
        beyond: beyond::tables(record).into_iter().map(Drawn::from).collect(),
        gallery: gallery::items(input)?,
        diagnoses: gallery::diagnoses(input),
        reading: &READING,
        definitions: definitions().into(),
        notes: input.notes.clone(),
    })
}

impl From<template::Drawing> for Figure {
    fn from(drawing: template::Drawing) -> Self {
        Self {
            path: format!("figures/{}.svg", drawing.name),
            description: drawing.description,
            inline_svg: drawing.inline_svg,
            file_svg: drawing.file_svg,
        }
    }
}

/// What was run and how it was scored.
fn run_table(input: &ReportInput) -> Table {
    let columns = [Column::text("key").label("Fact"), Column::text("value").label("Value")];
    let mut table = Table::new("run", "", columns);
    for (key, value) in &input.run_facts {
        table.push([key, value].map(Cell::from));
    }
    for (key, value) in scoring(&input.evaluation) {
        table.push([format!("scoring: {key}").into(), value.into()]);
    }
    table
}

fn scoring(record: &EvalRecord) -> Vec<(String, String)> {
    let scoring = record.scoring.iter();
    scoring
        .map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (readable(key), text)
        })
        .collect()
}

/// The learning rate in words; empty without curves.
fn learning_rate(input: &ReportInput) -> String {
    let points = || input.per_seed.iter().flat_map(|seed| &seed.curves);
    let rates = || points().map(|point| point.learning_rate).filter(|rate| rate.is_finite());
    let (first, last) = (rates().next(), rates().next_back());
    match (first, last) {
        (Some(first), Some(_)) if rates().all(|rate| rate == first) => {
            format!("Learning rate {first} throughout.")
        }
        (Some(first), Some(last)) => {
            format!("Learning rate from {} to {}.", three_digits(first), three_digits(last))
        }
        _ => String::new(),
    }
}

/// The value with three significant digits.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}
