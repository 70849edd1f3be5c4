//! `predictions.csv`: one line for each image.

use crate::error::ScoreResult;
use dermx_data::CsvTable;
use dermx_eval::Calibration;
use dermx_table::csv;
use std::path::{Path, PathBuf};

/// What the name of a column of probabilities begins with.
pub(crate) const PROBABILITY: &str = "p_";

/// What the name of a column of logits begins with.
const LOGIT: &str = "logit_";

/// The prediction for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The line in its file, from 1.
    pub line: usize,
    /// The image, as the file names it.
    pub image_id: String,
    /// Its gold class, if known.
    pub gold: Option<String>,
    /// The class with the largest logit.
    pub predicted: String,
    /// Probability of the predicted class, if known.
    pub probability: Option<f64>,
    /// The number for each class of [`Predictions::classes`]; NaN where there is none.
    pub probabilities: Vec<f64>,
    /// The logit of each class of [`Predictions::classes`] (`logit_CLASS`); NaN where there is none.
    pub logits: Vec<f64>,
}

/// What a network, or another program, said of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// The file that they are of, for messages.
    pub path: PathBuf,
    /// One for each image.
    pub rows: Vec<Prediction>,
    /// The classes that have a column of probabilities (`p_CLASS`), in order. What is there is looked at when it
    /// is scored: a table may have such columns of other things.
    pub classes: Vec<String>,
    /// What validation images said of how sure they should be, if somebody asked them.
    pub calibration: Option<Calibration>,
}

impl Predictions {
    /// Reads a table of predictions, see [`read_predictions`].
    ///
    /// # Errors
    /// As [`read_predictions`].
    pub fn read(path: &Path) -> ScoreResult<Self> {
        let table = CsvTable::read(path)?;
        let columns = table.columns().iter().enumerate();
        let (places, classes): (Vec<usize>, Vec<String>) = columns
            .filter_map(|(idx, name)| Some((idx, name.strip_prefix(PROBABILITY)?.to_string())))
            .unzip();
        let logit = |class: &String| table.find_column(&format!("{LOGIT}{class}"));
        let logits: Vec<Option<usize>> = classes.iter().map(logit).collect();
        let rows = rows(&table, &places, &logits)?;
        Ok(Self { path: path.to_path_buf(), rows, classes, calibration: None })
    }
}

/// An image with its logits, before it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageLogits {
    /// The image.
    pub image_id: String,
    /// Its gold class, if known.
    pub gold: Option<String>,
    /// One logit for each class.
    pub values: Vec<f32>,
}

/// Index of the largest value; the first of several.
pub fn argmax(row: &[f32]) -> usize {
    (0..row.len()).fold(0, |best, idx| if row[idx] > row[best] { idx } else { best })
}

/// Probabilities of `logits`: `exp(z_k - max z) / sum_j exp(z_j - max z)`.
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> =
        logits.iter().map(|&logit| (f64::from(logit) - f64::from(max)).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

/// The CSV text of `rows`: `image_id,gold,predicted,p_<class>...`, then `logit_<class>...`.
/// Each row has one logit for each class.
pub fn predictions_csv(rows: &[ImageLogits], classes: &[String], with_logits: bool) -> Vec<u8> {
    let predicted = |logits: &[f32]| classes.get(argmax(logits)).cloned().unwrap_or_default();
    rows_csv(rows, classes, with_logits, predicted, softmax)
}

/// The CSV text of `rows`, of whose logits `predicted` and `probabilities` make the other columns.
pub(crate) fn rows_csv(
    rows: &[ImageLogits],
    classes: &[String],
    with_logits: bool,
    predicted: impl Fn(&[f32]) -> String,
    probabilities: impl Fn(&[f32]) -> Vec<f64>,
) -> Vec<u8> {
    let mut header = vec!["image_id".to_string(), "gold".to_string(), "predicted".to_string()];
    header.extend(classes.iter().map(|class| format!("{PROBABILITY}{class}")));
    if with_logits {
        header.extend(classes.iter().map(|class| format!("{LOGIT}{class}")));
    }
    let mut records = vec![header];
    for row in rows {
        let gold = row.gold.clone().unwrap_or_default();
        let mut record = vec![row.image_id.clone(), gold, predicted(&row.values)];
        record.extend(probabilities(&row.values).iter().map(|p| format!("{p:.9}")));
        if with_logits {
            record.extend(row.values.iter().map(ToString::to_string));
        }
        records.push(record);
    }
    csv(&records)
}

/// Reads the columns `image_id`, `predicted` and, if there, `gold` and `p_<class>`.
///
/// # Errors
/// A file that cannot be read, or is against the rules of [`CsvTable`]; with its line: a missing
/// column, an empty cell, an image that occurs twice.
pub fn read_predictions(path: &Path) -> ScoreResult<Vec<Prediction>> {
    Ok(Predictions::read(path)?.rows)
}

/// The rows of `table`, which has probabilities in the columns at `places`, and `logits` in those that there are.
fn rows(
    table: &CsvTable,
    places: &[usize],
    logits: &[Option<usize>],
) -> ScoreResult<Vec<Prediction>> {
    let [image_idx, predicted_idx] = table.positions(["image_id", "predicted"])?;
    let gold_idx = table.find_column("gold");
    let mut predictions: Vec<Prediction> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for row in table.rows() {
        let [image_id, predicted] = [image_idx, predicted_idx].map(|idx| row.cells[idx].clone());
        for (name, cell) in [("image_id", &image_id), ("predicted", &predicted)] {
            if cell.is_empty() {
                return Err(table.invalid(row.line, name, "found nothing; fill it in").into());
            }
        }
        if !seen.insert(image_id.clone()) {
            let message = format!("image `{image_id}` occurs twice; remove one of the rows");
            return Err(table.invalid(row.line, "image_id", message).into());
        }
        let probability = match table.find_column(&format!("{PROBABILITY}{predicted}")) {
            Some(idx) => table.number(row, idx)?,
            None => None,
        };
        let gold = gold_idx.map(|idx| row.cells[idx].clone()).filter(|gold| !gold.is_empty());
        let number = |&place: &usize| row.cells[place].parse().unwrap_or(f64::NAN);
        let probabilities = places.iter().map(number).collect();
        let logits = logits.iter().map(|place| place.as_ref().map_or(f64::NAN, number)).collect();
        let line = row.line;
        predictions.push(Prediction {
            line,
            image_id,
            gold,
            predicted,
            probability,
            probabilities,
            logits,
        });
    }
    Ok(predictions)
}

#[cfg(test)]
mod tests {
    use super::{ImageLogits, Predictions, argmax, predictions_csv, read_predictions, softmax};

    #[test]
    fn softmax_of_log_one_and_log_three_is_a_quarter_and_three_quarters() {
        let probabilities = softmax(&[0.0, 3f32.ln()]);
        assert!((probabilities[0] - 0.25).abs() < 1e-7 && (probabilities[1] - 0.75).abs() < 1e-7);
    }

    #[test]
    fn softmax_of_large_logits_is_finite() {
        assert_eq!(softmax(&[1000.0, 0.0]), [1.0, 0.0]);
    }

    #[test]
    fn of_equal_logits_the_first_wins() {
        assert_eq!(argmax(&[1.0, 2.0, 2.0]), 1);
    }

    #[test]
    fn what_was_written_reads_back() {
        let classes = ["A, with comma".to_string(), "B".to_string()];
        let rows = [
            ImageLogits { image_id: "x".into(), gold: Some("B".into()), values: vec![0.0, 1.5] },
            ImageLogits { image_id: "y \"q\"".into(), gold: None, values: vec![2.0, 1.0] },
        ];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), predictions_csv(&rows, &classes, true)).unwrap();
        let read = read_predictions(file.path()).unwrap();
        assert_eq!(read[0].predicted, "B");
        assert_eq!(read[0].gold.as_deref(), Some("B"));
        assert_eq!(
            (read[1].image_id.as_str(), read[1].predicted.as_str()),
            ("y \"q\"", "A, with comma")
        );
        assert_eq!(read[1].gold, None);
        assert!((read[0].probability.unwrap() - 0.817_574_476).abs() < 1e-9);
        let read = Predictions::read(file.path()).unwrap();
        assert_eq!(read.classes, classes);
        let p = &read.rows[0].probabilities;
        assert!((p[0] + p[1] - 1.0).abs() < 1e-9 && Some(p[1]) == read.rows[0].probability);
        assert_eq!(read.rows[0].logits, [0.0, 1.5]);
        std::fs::write(file.path(), predictions_csv(&rows, &classes, false)).unwrap();
        let read = Predictions::read(file.path()).unwrap();
        assert!(read.rows[0].logits.iter().all(|logit| logit.is_nan()));
    }
}
