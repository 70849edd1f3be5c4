//! From the input to the files of a report.

use crate::beyond;
use crate::card::{Card, card_table, cards};
use crate::chart::{Chart, charts};
use crate::citation::CiteBox;
use crate::compared::{Compared, compared};
use crate::comparison::{CAVEAT, Verdict, verdict};
use crate::definition::{DEFINITIONS, Definition, READING, definitions};
use crate::drawn::{Drawn, Figure, csv_path, latex_path};
use crate::error::ReportError;
use crate::facts::scoring_facts;
use crate::gallery::{self, Item};
use crate::input::ReportInput;
use crate::matrix::{Matrix, all_seeds, matrices, matrix_tables};
use crate::reliability::reliability;
use crate::seeds::{failures, remarks};
use crate::table::{by_seed, explanation, over_seeds};
use crate::template::Templates;
use crate::{csv, diagnosis, dots, labels, template};
use dermx_eval::NOTICE;
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
    /// Seeds whose training may have failed.
    failures: Vec<String>,
    seed_remarks: Vec<String>,
    /// What the verdict says, as pictures.
    pictures: Vec<Figure>,
    charts: Vec<Figure>,
    learning_rate: String,
    diagnosis: Vec<Drawn>,
    reliability: Option<Figure>,
    all_seeds: Option<Figure>,
    matrices: Vec<Figure>,
    explanation: Option<Drawn>,
    beyond: Vec<Drawn>,
    comparisons: Vec<Compared>,
    gallery: Vec<Item>,
    gallery_choice: String,
    choices: Vec<(&'static str, &'static str)>,
    gradient: String,
    diagnoses: BTreeSet<String>,
    /// Whether somebody outlined something in a photo of the gallery.
    is_outlined: bool,
    /// Whether a photo of the gallery has a prediction.
    is_predicted: bool,
    cite: Option<CiteBox>,
    reading: &'static [(&'static str, &'static str)],
    definitions: &'static [Definition],
    definition_table: String,
    notes: Vec<String>,
}

/// Renders a report; the same input gives the same bytes.
///
/// Files: `index.html` (self-contained, fetches nothing; a script sorts the gallery and enlarges its
/// photos), `report.md`, and what both link to: `tables/*.csv`, `tables/*.tex`, `figures/*.svg`,
/// `gallery/*.jpg`.
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
    files.extend(table_files(input));
    let figures = page.pictures.into_iter().chain(page.charts).chain(page.reliability);
    let figures = figures.chain(page.all_seeds).chain(page.matrices);
    let figures = figures.chain(page.comparisons.into_iter().filter_map(|one| one.figure));
    files.extend(figures.map(|figure| (figure.path, figure.file_svg.into_bytes())));
    files.extend(gallery::files(input));
    Ok(RenderedReport { files })
}

/// Every table of the page in LaTeX and as CSV: the tables for programs, which have a row for each score,
/// and the page's own where there is none of its name.
fn table_files(input: &ReportInput) -> Vec<(String, Vec<u8>)> {
    let mut files = csv::files(input);
    for table in tables(input) {
        let path = csv_path(&table.name);
        if files.iter().all(|(found, _)| *found != path) {
            files.push((path, table.csv()));
        }
        files.push((latex_path(&table.name), table.latex().into_bytes()));
    }
    files
}

/// The tables of the page that have rows, without the definitions, which are prose.
fn tables(input: &ReportInput) -> Vec<Table> {
    let record = &input.evaluation;
    let tables = [card_table(&cards(record)), run_table(input)];
    let seeds = [by_seed(input), over_seeds(record)].into_iter().flatten();
    let tables = tables.into_iter().chain(seeds).chain(diagnosis::tables(record));
    let tables = tables.chain(labels::tables(record)).chain(explanation(input));
    let tables = tables.chain(beyond::tables(record));
    let tables = tables.chain(beyond::comparison_tables(&record.comparisons));
    let tables = tables.chain(matrix_tables(record));
    tables.filter(|table| !table.rows.is_empty()).collect()
}

fn page(input: &ReportInput, templates: &Templates) -> Result<Page, ReportError> {
    let record = &input.evaluation;
    let charts = charts(&input.per_seed);
    let charts =
        charts.iter().map(|chart: &Chart| Figure::draw(templates, template::CURVES, chart));
    let matrices = matrices(record)?;
    let matrices =
        matrices.iter().map(|matrix: &Matrix| Figure::draw(templates, template::MATRIX, matrix));
    let pictures = [dots::leads(record), dots::skill(record)].into_iter().flatten();
    let pictures = pictures.map(|dots| Figure::draw(templates, template::DOTS, &dots));
    let reliability =
        reliability(record).map(|diagram| Figure::draw(templates, template::RELIABILITY, &diagram));
    let all_seeds =
        all_seeds(record)?.map(|matrix| Figure::draw(templates, template::MATRIX, &matrix));
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
        scoring: scoring_facts(record),
        pictures: pictures.collect::<Result<_, _>>()?,
        by_seed: by_seed(input).map(Drawn::from),
        over_seeds: over_seeds(record).map(Drawn::from),
        failures: failures(record),
        seed_remarks: remarks(record),
        learning_rate: learning_rate(input),
        charts: charts.collect::<Result<_, _>>()?,
        diagnosis: (diagnosis::tables(record).into_iter().chain(labels::tables(record)))
            .map(Drawn::from)
            .collect(),
        reliability: reliability.transpose()?,
        all_seeds: all_seeds.transpose()?,
        matrices: matrices.collect::<Result<_, _>>()?,
        explanation: explanation(input).map(Drawn::from),
        beyond: beyond::tables(record).into_iter().map(Drawn::from).collect(),
        comparisons: compared(&record.comparisons, templates)?,
        gallery: gallery::items(input)?,
        gallery_choice: input.gallery_choice.clone(),
        choices: gallery::choices(input),
        gradient: gallery::gradient(input),
        cite: input.citation.as_ref().map(|citation| CiteBox::new(&input.title, citation)),
        diagnoses: gallery::diagnoses(input),
        is_outlined: input.gallery.iter().any(|item| !item.raters.is_empty()),
        is_predicted: input.gallery.iter().any(|item| item.predicted.is_some()),
        reading: &READING,
        definitions: &DEFINITIONS,
        definition_table: definitions().markdown(),
        notes: input.notes.clone(),
    })
}

/// What was run and how it was scored.
fn run_table(input: &ReportInput) -> Table {
    let columns = [Column::text("key").label("Fact"), Column::text("value").label("Value")];
    let mut table = Table::new("run", "", columns);
    for (key, value) in &input.run_facts {
        table.push([key, value].map(Cell::from));
    }
    for (key, value) in scoring_facts(&input.evaluation) {
        table.push([key.into(), value.into()]);
    }
    table
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
            let highest = rates().fold(first, f64::max);
            let at_most = match highest > first.max(last) {
                true => format!(", at most {}", three_digits(highest)),
                false => String::new(),
            };
            let [first, last] = [first, last].map(three_digits);
            format!("Learning rate at the ends of epochs: from {first} to {last}{at_most}.")
        }
        _ => String::new(),
    }
}

/// The value with three significant digits.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}
