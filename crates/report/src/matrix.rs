//! Confusion matrices as heat tables.

use crate::error::ReportError;
use crate::score_text::readable;
use dermx_eval::{CountedConfusions, EvalRecord};
use dermx_table::{Column, Table};
use serde::Serialize;
use std::iter::once;

const CELL_WIDTH: f64 = 78.0;
const CELL_HEIGHT: f64 = 50.0;
const LABEL_WIDTH: f64 = 128.0;
const LABEL_HEIGHT: f64 = 76.0;
const LINE_HEIGHT: f64 = 14.0;
const LINE_CHARS: usize = 13;
const MAX_LINES: usize = 3;
/// From this share on a cell is dark enough to carry light text.
const DARK_SHARE: f64 = 0.7;

/// One matrix in drawing units.
#[derive(Debug, Serialize)]
pub struct Matrix {
    name: String,
    /// `Seed 3`.
    pub title: String,
    description: String,
    width: f64,
    height: f64,
    cell_width: f64,
    cell_height: f64,
    middle_x: f64,
    middle_y: f64,
    rows: Vec<Label>,
    columns: Vec<Label>,
    cells: Vec<Cell>,
}

#[derive(Debug, Serialize)]
struct Label {
    name: String,
    lines: Vec<LabelLine>,
}

#[derive(Debug, Serialize)]
struct LabelLine {
    x: f64,
    y: f64,
    text: String,
}

#[derive(Debug, Serialize)]
struct Cell {
    x: f64,
    y: f64,
    count: u64,
    share: String,
    percent: String,
    dark: bool,
    right: bool,
    gold: String,
    predicted: String,
}

/// Every matrix of the record, named by its seed.
///
/// # Errors
///
/// [`ReportError::Matrix`] where rows or columns do not fit the classes.
pub fn matrices(record: &EvalRecord) -> Result<Vec<Matrix>, ReportError> {
    let matrices = record.confusion_matrices().iter().enumerate();
    matrices
        .map(|(network_idx, CountedConfusions { seed, classes, counts })| {
            check(network_idx, counts, classes.len())?;
            let classes: Vec<String> = classes.iter().map(|class| readable(class)).collect();
            let (name, title) = label_of(network_idx, *seed);
            Ok(draw(counts, &classes, name, title))
        })
        .collect()
}

/// The sum of the matrices of all seeds, with the spread of each share over the seeds; `None` below two seeds.
///
/// # Errors
///
/// As [`matrices`].
pub fn all_seeds(record: &EvalRecord) -> Result<Option<Matrix>, ReportError> {
    let Some((classes, seeds)) = same_classes(record) else { return Ok(None) };
    for (network_idx, counts) in seeds.iter().enumerate() {
        check(network_idx, counts, classes.len())?;
    }
    let cells = summed(&seeds);
    let sums: Vec<Vec<u64>> =
        cells.iter().map(|row| row.iter().map(|cell| cell.count).collect()).collect();
    let classes: Vec<String> = classes.iter().map(|class| readable(class)).collect();
    let mut matrix = draw(&sums, &classes, ALL_SEEDS.to_owned(), "All seeds".to_owned());
    for (cell, sum) in matrix.cells.iter_mut().zip(cells.iter().flatten()) {
        cell.percent = sum.percent();
    }
    Ok(Some(matrix))
}

/// The name of the matrix over all seeds.
const ALL_SEEDS: &str = "confusion_all_seeds";

/// `counts[gold][predicted]` of one network.
type Counts = Vec<Vec<u64>>;

/// The counts of each network, where there are several of the same classes.
fn same_classes(record: &EvalRecord) -> Option<(&Vec<String>, Vec<&Counts>)> {
    let matrices = record.confusion_matrices();
    let classes = &matrices.first()?.classes;
    let is_same = matrices.iter().all(|matrix| matrix.classes == *classes);
    let counts = matrices.iter().map(|matrix| &matrix.counts).collect();
    (matrices.len() > 1 && is_same).then_some((classes, counts))
}

/// A cell over all seeds.
struct Sum {
    /// Sum of the seeds' images.
    count: u64,
    /// Mean of the seeds' shares of the row, and their sample standard deviation.
    share: f64,
    std: f64,
}

impl Sum {
    fn percent(&self) -> String {
        format!("{:.0}% ± {:.0}", 100.0 * self.share, 100.0 * self.std)
    }
}

/// The cells of matrices of one size.
fn summed(seeds: &[&Counts]) -> Vec<Vec<Sum>> {
    let num_classes = seeds.first().map_or(0, |counts| counts.len());
    let cell = |gold: usize, predicted: usize| {
        let share = |counts: &&Counts| {
            let total = counts[gold].iter().sum::<u64>().max(1);
            counts[gold][predicted] as f64 / total as f64
        };
        let shares: Vec<f64> = seeds.iter().map(share).collect();
        Sum {
            count: seeds.iter().map(|counts| counts[gold][predicted]).sum(),
            share: dermx_eval::mean(&shares).unwrap_or(0.0),
            std: dermx_eval::sample_std(&shares).unwrap_or(0.0),
        }
    };
    let row = |gold: usize| (0..num_classes).map(|predicted| cell(gold, predicted)).collect();
    (0..num_classes).map(row).collect()
}

/// The table of [`all_seeds`]; `None` below two seeds.
fn sum_table(record: &EvalRecord) -> Option<Table> {
    let (classes, seeds) = same_classes(record)?;
    let is_square = |counts: &&Counts| check(0, counts, classes.len()).is_ok();
    if !seeds.iter().all(is_square) {
        return None;
    }
    let title = "Confusion matrix, all seeds: sums of images by gold and predicted class, in brackets the share \
                 of the row ± its sample standard deviation over seeds.";
    let columns = classes.iter().map(|class| Column::text(class).label(readable(class)));
    let mut table =
        Table::new(ALL_SEEDS, title, once(Column::text("gold").label("Gold")).chain(columns));
    for (class, row) in classes.iter().zip(summed(&seeds)) {
        let cells = row.iter().map(|sum| format!("{} ({})", sum.count, sum.percent()).into());
        table.push(once(readable(class).into()).chain(cells));
    }
    Some(table)
}

/// Every matrix of the record as a table, that over all seeds first: gold classes in rows.
pub fn matrix_tables(record: &EvalRecord) -> Vec<Table> {
    let matrices = record.confusion_matrices().iter().enumerate();
    let tables = matrices.map(|(network_idx, CountedConfusions { seed, classes, counts })| {
        let (name, title) = label_of(network_idx, *seed);
        let title = format!("Confusion matrix, {title}: images by gold and predicted class.");
        let columns = classes.iter().map(|class| Column::count(class).label(readable(class)));
        let mut table =
            Table::new(name, title, once(Column::text("gold").label("Gold")).chain(columns));
        for (class, row) in classes.iter().zip(counts) {
            table.push(once(readable(class).into()).chain(row.iter().copied().map(Into::into)));
        }
        table
    });
    sum_table(record).into_iter().chain(tables).collect()
}

/// File name and title of a matrix: its seed, or its number where the seed is not known.
fn label_of(network_idx: usize, seed: Option<u64>) -> (String, String) {
    match (seed, network_idx + 1) {
        (Some(seed), _) => (format!("confusion_seed_{seed}"), format!("Seed {seed}")),
        (None, number) => (format!("confusion_{number}"), format!("Network {number}")),
    }
}

fn check(network_idx: usize, counts: &[Vec<u64>], num_classes: usize) -> Result<(), ReportError> {
    let found: Vec<usize> = counts.iter().map(Vec::len).collect();
    if found.len() == num_classes && found.iter().all(|length| *length == num_classes) {
        return Ok(());
    }
    Err(ReportError::Matrix { network_idx, found, num_classes })
}

fn draw(counts: &[Vec<u64>], classes: &[String], name: String, title: String) -> Matrix {
    let num_classes = classes.len() as f64;
    let (plot_width, plot_height) = (num_classes * CELL_WIDTH, num_classes * CELL_HEIGHT);
    let right: u64 = counts.iter().enumerate().filter_map(|(idx, row)| row.get(idx)).sum();
    let total: u64 = counts.iter().flatten().sum();
    Matrix {
        description: format!(
            "Confusion matrix, {title}: gold classes in rows, predicted classes in columns; \
             {right} of {total} images right."
        ),
        name,
        title,
        width: LABEL_WIDTH + plot_width + 2.0,
        height: LABEL_HEIGHT + plot_height + 2.0,
        cell_width: CELL_WIDTH,
        cell_height: CELL_HEIGHT,
        middle_x: LABEL_WIDTH + plot_width / 2.0,
        middle_y: LABEL_HEIGHT + plot_height / 2.0,
        rows: classes.iter().enumerate().map(|(idx, class)| row_label(class, idx)).collect(),
        columns: classes.iter().enumerate().map(|(idx, class)| column_label(class, idx)).collect(),
        cells: cells(counts, classes),
    }
}

fn cells(counts: &[Vec<u64>], classes: &[String]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (gold_idx, (row, gold)) in counts.iter().zip(classes).enumerate() {
        let total = row.iter().sum::<u64>().max(1) as f64;
        for (predicted_idx, (count, predicted)) in row.iter().zip(classes).enumerate() {
            let share = *count as f64 / total;
            cells.push(Cell {
                x: LABEL_WIDTH + predicted_idx as f64 * CELL_WIDTH,
                y: LABEL_HEIGHT + gold_idx as f64 * CELL_HEIGHT,
                count: *count,
                share: format!("{share:.3}"),
                percent: format!("{:.0}%", 100.0 * share),
                dark: share >= DARK_SHARE,
                right: gold_idx == predicted_idx,
                gold: gold.clone(),
                predicted: predicted.clone(),
            });
        }
    }
    cells
}

fn row_label(class: &str, idx: usize) -> Label {
    let lines = wrap(class);
    let middle = LABEL_HEIGHT + (idx as f64 + 0.5) * CELL_HEIGHT;
    let first = middle - (lines.len() as f64 - 1.0) / 2.0 * LINE_HEIGHT + 4.0;
    label(class, lines, LABEL_WIDTH - 10.0, first)
}

fn column_label(class: &str, idx: usize) -> Label {
    let lines = wrap(class);
    let first = LABEL_HEIGHT - 10.0 - (lines.len() as f64 - 1.0) * LINE_HEIGHT;
    label(class, lines, LABEL_WIDTH + (idx as f64 + 0.5) * CELL_WIDTH, first)
}

fn label(class: &str, lines: Vec<String>, x: f64, first_y: f64) -> Label {
    let place = |(idx, text)| LabelLine { x, y: first_y + idx as f64 * LINE_HEIGHT, text };
    Label { name: class.to_owned(), lines: lines.into_iter().enumerate().map(place).collect() }
}

/// A name in at most three short lines; what does not fit is cut and marked.
fn wrap(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in name.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE_CHARS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let is_cut = lines.len() > MAX_LINES;
    lines.truncate(MAX_LINES);
    let num_lines = lines.len();
    let shorten = |(idx, line): (usize, String)| {
        let overflow = is_cut && idx + 1 == num_lines;
        if line.chars().count() <= LINE_CHARS && !overflow {
            return line;
        }
        line.chars().take(LINE_CHARS - 1).chain(['…']).collect()
    };
    lines.into_iter().enumerate().map(shorten).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dermx_eval::DiagnosisScores;

    #[test]
    fn long_class_names_wrap_and_are_cut() {
        assert_eq!(wrap("Seborrheic dermatitis"), ["Seborrheic", "dermatitis"]);
        assert_eq!(wrap("Viral warts"), ["Viral warts"]);
        assert_eq!(wrap("abcdefghijklmnop"), ["abcdefghijkl…"]);
        assert_eq!(
            wrap("aaaaaaaaaa bbbbbbbbbb cccccccccc dd ee"),
            ["aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc d…"]
        );
    }

    fn record(seed: Option<u64>, counts: Vec<Vec<u64>>) -> EvalRecord {
        let classes = vec!["a".into(), "b".into()];
        let confusion_matrices = vec![CountedConfusions { seed, classes, counts }];
        let diagnosis = DiagnosisScores { confusion_matrices, ..DiagnosisScores::default() };
        EvalRecord { diagnosis: Some(diagnosis), ..EvalRecord::default() }
    }

    #[test]
    fn shares_are_of_the_gold_row() {
        // Row 0: 3 of 4 right, row 1: no image at all.
        let matrix = &matrices(&record(Some(7), vec![vec![3, 1], vec![0, 0]])).unwrap()[0];
        let percents: Vec<&str> = matrix.cells.iter().map(|cell| cell.percent.as_str()).collect();
        assert_eq!(percents, ["75%", "25%", "0%", "0%"]);
        assert_eq!((matrix.name.as_str(), matrix.title.as_str()), ("confusion_seed_7", "Seed 7"));
    }

    #[test]
    fn seeds_add_up_with_the_spread_of_their_shares() {
        // Row 0: 3 of 4 and 1 of 4 right: 4 images, share (0.75 + 0.25) / 2, std sqrt(2 * 0.0625).
        let mut both = record(Some(1), vec![vec![3, 1], vec![0, 0]]);
        assert!(all_seeds(&both).unwrap().is_none());
        let other = record(Some(2), vec![vec![1, 3], vec![0, 0]]).diagnosis.unwrap();
        both.diagnosis.as_mut().unwrap().confusion_matrices.extend(other.confusion_matrices);
        let matrix = all_seeds(&both).unwrap().unwrap();
        let shown: Vec<(u64, &str)> =
            matrix.cells.iter().map(|cell| (cell.count, cell.percent.as_str())).collect();
        assert_eq!(shown, [(4, "50% ± 35"), (4, "50% ± 35"), (0, "0% ± 0"), (0, "0% ± 0")]);
        assert!(matrix.description.contains("4 of 8 images right"), "{}", matrix.description);
        let tables = matrix_tables(&both);
        assert_eq!(tables[0].name, "confusion_all_seeds");
        assert_eq!(tables[0].rows[0].cells[1], dermx_table::Cell::from("4 (50% ± 35)"));
        assert_eq!(tables.len(), 3);
    }

    #[test]
    fn matrix_of_the_wrong_shape_is_an_error_that_names_it() {
        let message = matrices(&record(None, vec![vec![3, 1], vec![0]])).unwrap_err().to_string();
        assert!(message.contains("confusion matrix 0 has row lengths [2, 1]"), "{message}");
    }
}
