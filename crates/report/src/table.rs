//! The tables of the page; HTML and Markdown are drawn from the same cells.

use crate::comparison::RATERS;
use crate::input::ReportInput;
use crate::score_text::{
    ABSENT, ScoreText, count_range, decimal, defined, interval, join, readable, spread_meaning,
};
use dermx_eval::{EvalRecord, MapScores, MapTable, RelativeScores, Score, UNION};
use serde::Serialize;

/// A table with one heading cell in each row.
#[derive(Debug, Serialize)]
pub struct Table {
    caption: String,
    /// Headings that join columns; empty where no column needs one.
    groups: Vec<Group>,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Group {
    label: String,
    span: usize,
}

#[derive(Debug, Serialize)]
struct Column {
    label: String,
    /// The label with its group, for tables without joined headings.
    full_label: String,
    starts_group: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    heading: String,
    cells: Vec<Cell>,
    /// Whether the row sums up the others.
    is_summary: bool,
}

/// What a table shows in one place.
#[derive(Debug, Default, Serialize)]
pub struct Cell {
    text: String,
    spread: String,
    note: String,
    is_best: bool,
    starts_group: bool,
}

impl Table {
    /// Columns from (group, labels); the first holds the headings of the rows.
    pub fn new(caption: String, groups: &[(&str, &[&str])]) -> Self {
        let mut table = Self { caption, groups: vec![], columns: vec![], rows: vec![] };
        for (group, labels) in groups {
            table.groups.push(Group { label: (*group).to_owned(), span: labels.len() });
            for (idx, label) in labels.iter().enumerate() {
                table.columns.push(Column {
                    label: (*label).to_owned(),
                    full_label: crate::score_text::join(group, label),
                    starts_group: idx == 0 && !group.is_empty(),
                });
            }
        }
        if table.groups.iter().all(|group| group.label.is_empty()) {
            table.groups.clear();
        }
        table
    }

    /// Adds a row.
    pub fn push(&mut self, heading: &str, mut cells: Vec<Cell>, is_summary: bool) {
        for (cell, column) in cells.iter_mut().zip(self.columns.iter().skip(1)) {
            cell.starts_group = column.starts_group;
        }
        self.rows.push(Row { heading: heading.to_owned(), cells, is_summary });
    }
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn with_spread(text: String, spread: String) -> Self {
        Self { text, spread, ..Self::default() }
    }

    /// A share of images: with its interval, which stands where there is no spread.
    pub fn share(score: Option<&Score>) -> Self {
        let cell = Self::score(score);
        let interval = score.map(interval).unwrap_or_default();
        let spread = join(&cell.spread, &interval);
        Self { spread, ..cell }
    }

    pub fn score(score: Option<&Score>) -> Self {
        let Some(score) = score else { return Self::text(ABSENT) };
        let ScoreText { mean, spread, note } = ScoreText::new(score);
        Self { text: mean, spread, note, ..Self::default() }
    }
}

/// Diagnosis by class; `None` without predictions.
pub fn diagnosis(record: &EvalRecord) -> Option<Table> {
    let diagnosis = record.diagnosis.as_ref().filter(|one| !one.classes.is_empty())?;
    let caption = format!(
        "Diagnosis by class. {} Sensitivity and specificity are shares of images, with their \
         95 % interval (Wilson's).",
        spread_meaning(record)
    );
    let labels = ["Class", "Images", "F1", "Sensitivity", "Specificity"];
    let mut table = Table::new(caption, &[("", &labels)]);
    let listed = record.classes.iter().filter(|class| diagnosis.classes.contains_key(*class));
    let others = diagnosis.classes.keys().filter(|class| !record.classes.contains(class));
    for class in listed.chain(others) {
        let Some(scores) = diagnosis.classes.get(class) else { continue };
        let mut cells = vec![Cell::text(count_range(&class_images(record, class)))];
        cells.push(Cell::score(Some(&scores.f1)));
        cells.extend([&scores.sensitivity, &scores.specificity].map(|one| Cell::share(Some(one))));
        table.push(&readable(class), cells, false);
    }
    let absent = || Cell::text(ABSENT);
    let macro_f1 = Cell::score(Some(&diagnosis.macro_f1));
    table.push("Macro (mean of the classes)", vec![absent(), macro_f1, absent(), absent()], true);
    Some(table)
}

/// Number of gold images of the class in each confusion matrix.
fn class_images(record: &EvalRecord, class: &String) -> Vec<u64> {
    let rows = record.confusion_matrices().iter().filter_map(|matrix| {
        let class_idx = matrix.classes.iter().position(|name| name == class)?;
        matrix.counts.get(class_idx)
    });
    rows.map(|row| row.iter().sum()).collect()
}

/// Explanations by characteristic, the network beside each baseline; `None` without maps.
pub fn explanation(input: &ReportInput) -> Option<Table> {
    let record = &input.evaluation;
    if record.explanation.is_empty() {
        return None;
    }
    let caption = format!(
        "Heat maps against experts' masks by characteristic. {} A row counts one mask \
         of one rater in one image. Bold: the highest mean of network and baselines.",
        spread_meaning(record)
    );
    let names: Vec<String> = record.baselines.keys().map(|name| readable(name)).collect();
    let mut groups: Vec<(&str, &[&str])> = vec![
        ("", &["Characteristic", "Rows", "Undefined"]),
        ("Network", &["F1", "Sensitivity", "Specificity", "Mass"]),
    ];
    groups.extend(names.iter().map(|name| (name.as_str(), &["F1", "Mass"][..])));
    if !record.ceiling.is_empty() {
        groups.push((RATERS, &["F1", "Mass"]));
        groups.push(("", &["Skill"]));
    }
    let mut table = Table::new(caption, &groups);
    let names = record.explanation.keys().filter(|name| *name != UNION);
    for name in names {
        table.push(&readable(name), map_cells(input, name), false);
    }
    if record.explanation.contains_key(UNION) {
        table.push(UNION, map_cells(input, UNION), true);
    }
    Some(table)
}

fn map_cells(input: &ReportInput, name: &str) -> Vec<Cell> {
    let record = &input.evaluation;
    let network = record.explanation.get(name);
    let rivals: Vec<Option<&MapScores>> =
        record.baselines.values().map(|table| table.get(name)).collect();
    let best = |pick: fn(&MapScores) -> &Score| best_mean(network, &rivals, pick);
    let (best_f1, best_mass) = (best(|s| &s.f1), best(|s| &s.mass));
    let cell = |scores: Option<&MapScores>, pick: fn(&MapScores) -> &Score, best: Option<f64>| {
        let score = scores.map(pick);
        let is_best = best.is_some() && score.and_then(defined) == best;
        Cell { is_best, ..Cell::score(score) }
    };
    let (rows, undefined) = row_counts(input, name);
    let mut cells = vec![
        Cell::text(rows),
        Cell::text(undefined),
        cell(network, |s| &s.f1, best_f1),
        cell(network, |s| &s.sensitivity, None),
        cell(network, |s| &s.specificity, None),
        cell(network, |s| &s.mass, best_mass),
    ];
    for rival in &rivals {
        cells.extend([cell(*rival, |s| &s.f1, best_f1), cell(*rival, |s| &s.mass, best_mass)]);
    }
    if !record.ceiling.is_empty() {
        let raters = record.ceiling.get(name);
        cells.extend([cell(raters, |s| &s.f1, None), cell(raters, |s| &s.mass, None)]);
        cells.push(skill_cell(record.skill.get(name)));
    }
    cells
}

/// The skill, with its interval where there is no spread over seeds.
fn skill_cell(relative: Option<&RelativeScores>) -> Cell {
    let Some(RelativeScores { skill, .. }) = relative else { return Cell::text(ABSENT) };
    let cell = Cell::score(Some(skill));
    match cell.spread.is_empty() {
        true => Cell { spread: interval(skill), ..cell },
        false => cell,
    }
}

/// The largest mean, if there are two to choose from.
fn best_mean(
    network: Option<&MapScores>,
    rivals: &[Option<&MapScores>],
    pick: fn(&MapScores) -> &Score,
) -> Option<f64> {
    let all = std::iter::once(&network).chain(rivals).flatten();
    let means: Vec<f64> = all.filter_map(|scores| defined(pick(scores))).collect();
    let best = means.iter().copied().max_by(f64::total_cmp);
    best.filter(|_| means.len() > 1)
}

/// Number of rows of one network, and which of its scores were undefined how often.
fn row_counts(input: &ReportInput, name: &str) -> (String, String) {
    let tables: Vec<&MapTable> = match (input.per_seed.is_empty(), input.evaluation.seeds.len()) {
        (false, _) => input.per_seed.iter().map(|seed| &seed.record.explanation).collect(),
        (true, 0 | 1) => vec![&input.evaluation.explanation],
        _ => Vec::new(),
    };
    let scores: Vec<&MapScores> = tables.into_iter().filter_map(|table| table.get(name)).collect();
    let count = |pick: fn(&MapScores) -> usize| -> Vec<u64> {
        scores.iter().map(|scores| pick(scores) as u64).collect()
    };
    let rows = count_range(&count(|s| s.f1.n + s.f1.undefined));
    let undefined = [
        ("F1", count(|s| s.f1.undefined)),
        ("sensitivity", count(|s| s.sensitivity.undefined)),
        ("specificity", count(|s| s.specificity.undefined)),
        ("mass", count(|s| s.mass.undefined)),
    ];
    let some = undefined.iter().filter(|(_, counts)| counts.iter().any(|count| *count > 0));
    let some: Vec<String> =
        some.map(|(score, counts)| format!("{score} {}", count_range(counts))).collect();
    match (scores.is_empty(), some.is_empty()) {
        (true, _) => (rows, ABSENT.to_owned()),
        (false, true) => (rows, "0".to_owned()),
        (false, false) => (rows, some.join(", ")),
    }
}

/// Diagnosis over the seeds, with each measure of its spread; `None` below two seeds.
pub fn over_seeds(record: &EvalRecord) -> Option<Table> {
    let diagnosis = record.diagnosis.as_ref().filter(|_| record.seeds.len() > 1)?;
    let main = [
        ("Accuracy", &diagnosis.accuracy),
        ("Balanced accuracy", &diagnosis.balanced_accuracy),
        ("Macro F1", &diagnosis.macro_f1),
    ];
    let main = main.into_iter().map(|(name, score)| (name.to_owned(), score));
    let classes = record.classes.iter().filter_map(|class| {
        Some((format!("F1 of {}", readable(class)), &diagnosis.classes.get(class)?.f1))
    });
    let rows: Vec<(String, &Score)> = main.chain(classes).collect();
    let labels = ["Score", "Mean", "Sample std", "Population std", "95 % over images"];
    let caption = "Spread over seeds, by n − 1 and by n, and the interval of the mean over other test \
                   images: Wilson's of the accuracy, the bootstrap's of the others.";
    let mut table = Table::new(caption.to_owned(), &[("", &labels)]);
    for (name, score) in rows {
        let number = |value: Option<f64>| Cell::text(value.map_or(ABSENT.to_owned(), decimal));
        let range =
            score.interval.map(|[low, high]| format!("{} to {}", decimal(low), decimal(high)));
        let range = Cell::text(range.unwrap_or_else(|| ABSENT.to_owned()));
        let [sample, population] = [score.std, score.population_std].map(number);
        table.push(&name, vec![number(defined(score)), sample, population, range], false);
    }
    Some(table)
}

/// The main scores of each seed; `None` below two seeds.
pub fn by_seed(input: &ReportInput) -> Option<Table> {
    if input.per_seed.len() < 2 {
        return None;
    }
    let labels = ["Seed", "Accuracy", "Macro F1", "Union F1", "Union mass"];
    let mut table = Table::new("The main scores of each seed.".to_owned(), &[("", &labels)]);
    for seed in &input.per_seed {
        let union = seed.record.explanation.get(UNION);
        let diagnosis = seed.record.diagnosis.as_ref();
        let cells = vec![
            Cell::score(diagnosis.map(|one| &one.accuracy)),
            Cell::score(diagnosis.map(|one| &one.macro_f1)),
            Cell::score(union.map(|scores| &scores.f1)),
            Cell::score(union.map(|scores| &scores.mass)),
        ];
        table.push(&seed.seed.to_string(), cells, false);
    }
    Some(table)
}
