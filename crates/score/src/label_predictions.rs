//! `predictions.csv` where an image may have several labels, or none.

use crate::error::ScoreResult;
use crate::predictions::{ImageLogits, PROBABILITY, rows_csv};
use dermx_data::text::{MAX_EXCERPT, shortened};
use dermx_data::{CsvLine, CsvTable};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What stands between the labels of an image.
pub const LABEL_SEPARATOR: &str = "|";

/// The probability of a label: `1 / (1 + exp(-z))`.
pub fn sigmoid(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

/// Places of the labels whose probability reaches their threshold.
pub fn labels_given(logits: &[f32], thresholds: &[f64]) -> Vec<usize> {
    let reaches = |(&logit, &threshold): (&f32, &f64)| sigmoid(logit) >= threshold;
    let pairs = logits.iter().zip(thresholds).enumerate();
    pairs.filter(|(_, pair)| reaches(*pair)).map(|(label, _)| label).collect()
}

/// The CSV text of `rows` as [`crate::predictions_csv`] has it, with every label that reaches its threshold in the
/// column `predicted`, and all gold labels in `gold`, between them [`LABEL_SEPARATOR`].
pub fn label_predictions_csv(
    rows: &[ImageLogits],
    labels: &[String],
    thresholds: &[f64],
    with_logits: bool,
) -> Vec<u8> {
    let predicted = |logits: &[f32]| {
        let given = labels_given(logits, thresholds).into_iter();
        let names: Vec<&str> =
            given.filter_map(|label| Some(labels.get(label)?.as_str())).collect();
        names.join(LABEL_SEPARATOR)
    };
    let probabilities = |logits: &[f32]| logits.iter().map(|&logit| sigmoid(logit)).collect();
    rows_csv(rows, labels, with_logits, predicted, probabilities)
}

/// The predictions of images with any number of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelPredictions {
    /// The file that they are of, for messages.
    pub path: PathBuf,
    /// By image.
    pub rows: BTreeMap<String, LabelPrediction>,
}

/// The prediction for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelPrediction {
    /// Whether it is given each label.
    pub predicted: Vec<bool>,
    /// Probability of each label.
    pub probabilities: Vec<f64>,
}

impl LabelPredictions {
    /// Reads the columns `image_id`, `predicted` and `p_<label>` of each of `labels`.
    ///
    /// # Errors
    /// A file that cannot be read, or is against the rules of [`CsvTable`]; with its line: a missing column, an image
    /// that occurs twice, an unknown label, a number that is no probability.
    pub fn read(path: &Path, labels: &[String]) -> ScoreResult<Self> {
        let table = CsvTable::read(path)?;
        let [image_idx, predicted_idx] = table.positions(["image_id", "predicted"])?;
        let columns: Vec<String> =
            labels.iter().map(|label| format!("{PROBABILITY}{label}")).collect();
        let places = table.positions_of(&columns.iter().map(String::as_str).collect::<Vec<_>>())?;
        let mut rows = BTreeMap::new();
        for row in table.rows() {
            let image_id = row.cells[image_idx].clone();
            let one = LabelPrediction {
                predicted: given(&table, row, predicted_idx, labels)?,
                probabilities: probabilities(&table, row, &places)?,
            };
            if rows.insert(image_id.clone(), one).is_some() {
                let image_id = shortened(&row.cells[image_idx], MAX_EXCERPT);
                let message = format!("image `{image_id}` occurs twice; remove one of the rows");
                return Err(table.invalid(row.line, "image_id", message).into());
            }
        }
        Ok(Self { path: path.to_path_buf(), rows })
    }
}

fn given(
    table: &CsvTable,
    row: &CsvLine,
    column_idx: usize,
    labels: &[String],
) -> ScoreResult<Vec<bool>> {
    let mut given = vec![false; labels.len()];
    let names = row.cells[column_idx].split(LABEL_SEPARATOR).map(str::trim);
    for name in names.filter(|name| !name.is_empty()) {
        let Some(label) = labels.iter().position(|label| label == name) else {
            let name = shortened(name, MAX_EXCERPT);
            let message = format!("`{name}` is not a label; there are: {}", labels.join(", "));
            return Err(table.invalid(row.line, &table.columns()[column_idx], message).into());
        };
        given[label] = true;
    }
    Ok(given)
}

fn probabilities(table: &CsvTable, row: &CsvLine, places: &[usize]) -> ScoreResult<Vec<f64>> {
    let probability = |&place: &usize| {
        let found = table.number(row, place)?;
        found.filter(|p| (0.0..=1.0).contains(p)).ok_or_else(|| {
            let column = &table.columns()[place];
            let cell = shortened(&row.cells[place], MAX_EXCERPT);
            let message = format!("found `{cell}`; expected a probability from 0 to 1");
            table.invalid(row.line, column, message).into()
        })
    };
    places.iter().map(probability).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> [String; 2] {
        ["crust", "scale"].map(str::to_string)
    }

    #[test]
    fn each_label_has_a_probability_and_a_threshold_of_its_own() {
        // 1 / (1 + 1/3) and 1 / (1 + 3).
        let logits = [3f32.ln(), -(3f32.ln())];
        let found = logits.map(sigmoid);
        assert!((found[0] - 0.75).abs() < 1e-7 && (found[1] - 0.25).abs() < 1e-7);
        assert_eq!(labels_given(&logits, &[0.5, 0.2]), [0, 1]);
        assert_eq!(labels_given(&logits, &[0.8, 0.5]), [0_usize; 0]);
        assert_eq!(labels_given(&[0.0], &[0.5]), [0], "a threshold belongs to it");
        assert_eq!([-200.0, 200.0].map(sigmoid), [1.0 / (1.0 + 200f64.exp()), 1.0]);
    }

    #[test]
    fn what_was_written_reads_back() {
        let row = |image_id: &str, gold: &str, values: [f32; 2]| ImageLogits {
            image_id: image_id.into(),
            gold: Some(gold.into()),
            values: values.into(),
        };
        let rows = [row("a", "crust|scale", [1.0, 2.0]), row("b", "", [-1.0, -2.0])];
        let file = tempfile::NamedTempFile::new().unwrap();
        let csv = label_predictions_csv(&rows, &labels(), &[0.5, 0.5], true);
        let text = String::from_utf8(csv.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "image_id,gold,predicted,p_crust,p_scale,logit_crust,logit_scale");
        assert_eq!(lines[1], "a,crust|scale,crust|scale,0.731058579,0.880797078,1,2");
        assert_eq!(lines[2], "b,,,0.268941421,0.119202922,-1,-2");
        std::fs::write(file.path(), csv).unwrap();
        let read = LabelPredictions::read(file.path(), &labels()).unwrap();
        assert_eq!(read.rows["a"].predicted, [true, true]);
        assert_eq!(read.rows["b"].predicted, [false, false]);
        assert_eq!(read.rows["b"].probabilities, [0.268_941_421, 0.119_202_922]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            LabelPredictions::read(file.path(), &labels()).unwrap_err().to_string()
        };
        let head = "image_id,predicted,p_crust,p_scale\n";
        assert!(read("image_id,predicted,p_crust\n").contains("no column `p_scale`"));
        assert!(read(&format!("{head}a,rust,0,0\n")).contains("`rust` is not a label"));
        assert!(read(&format!("{head}a,,2,0\n")).contains("line 2, column `p_crust`: found `2`"));
        assert!(read(&format!("{head}a,,,0\n")).contains("found ``; expected a probability"));
        assert!(read(&format!("{head}a,,0,0\na,,0,0\n")).contains("occurs twice"));
    }
}
