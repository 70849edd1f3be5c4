//! From the input to the files of a report.

use crate::beyond;
use crate::card::{Card, cards};
use crate::chart::{Chart, charts};
use crate::comparison::{CAVEAT, Verdict, verdict};
use crate::definition::{DEFINITIONS, Definition, READING};
use crate::error::ReportError;
use crate::gallery::{self, Item};
use crate::input::ReportInput;
use crate::matrix::{Matrix, matrices};
use crate::score_text::readable;
use crate::seeds::remarks;
use crate::table::{Table, by_seed, diagnosis, explanation, over_seeds};
use crate::template::Templates;
use crate::{csv, template};
use dermx_eval::{EvalRecord, NOTICE};
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
    by_seed: Option<Table>,
    over_seeds: Option<Table>,
    seed_remarks: Vec<String>,
    charts: Vec<Figure>,
    learning_rate: String,
    diagnosis: Option<Table>,
    matrices: Vec<Figure>,
    explanation: Option<Table>,
    beyond: Vec<Table>,
    gallery: Vec<Item>,
    diagnoses: BTreeSet<String>,
    reading: &'static [(&'static str, &'static str)],
    definitions: &'static [Definition],
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
    files.extend(csv::files(input).into_iter().map(|(path, text)| (path, text.into_bytes())));
    let figures = page.charts.into_iter().chain(page.matrices);
    files.extend(figures.map(|figure| (figure.path, figure.file_svg.into_bytes())));
    files.extend(gallery::files(input));
    Ok(RenderedReport { files })
}

fn page(input: &ReportInput, templates: &Templates) -> Result<Page, ReportError> {
    let record = &input.evaluation;
    let charts = charts(&input.per_seed);
    let charts = charts.iter().map(|chart: &Chart| templates.figure(template::CURVES, chart));
    let matrices = matrices(record)?;
    let matrices =
        matrices.iter().map(|matrix: &Matrix| templates.figure(template::MATRIX, matrix));
    Ok(Page {
        title: input.title.clone(),
        notice: NOTICE,
        verdict: verdict(record),
        caveat: CAVEAT,
        cards: cards(record),
        facts: input.run_facts.clone(),
        scoring: scoring(record),
        by_seed: by_seed(input),
        over_seeds: over_seeds(record),
        seed_remarks: remarks(record),
        learning_rate: learning_rate(input),
        charts: charts.map(|figure| figure.map(Figure::from)).collect::<Result<_, _>>()?,
        diagnosis: diagnosis(record),
        matrices: matrices.map(|figure| figure.map(Figure::from)).collect::<Result<_, _>>()?,
        explanation: explanation(input),
        beyond: beyond::tables(record),
        gallery: gallery::items(input)?,
        diagnoses: gallery::diagnoses(input),
        reading: &READING,
        definitions: &DEFINITIONS,
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
