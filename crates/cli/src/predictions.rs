//! `predictions.csv`: one line for each image.

use crate::error::{CliError, CliResult};
use crate::text_table;
use dermx_train::argmax;
use std::path::Path;

/// The prediction for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The image.
    pub image_id: String,
    /// Its gold class, if known.
    pub gold: Option<String>,
    /// The class with the largest logit.
    pub predicted: String,
    /// Probability of the predicted class, if known.
    pub probability: Option<f64>,
}

/// An image with its logits, before it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    /// The image.
    pub image_id: String,
    /// Its gold class, if known.
    pub gold: Option<String>,
    /// One logit for each class.
    pub values: Vec<f32>,
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
///
/// # Errors
/// A row that does not have one logit for each class.
pub fn to_csv(rows: &[Logits], classes: &[String], with_logits: bool) -> CliResult<Vec<u8>> {
    let mut header = vec!["image_id".to_string(), "gold".to_string(), "predicted".to_string()];
    header.extend(classes.iter().map(|class| format!("p_{class}")));
    if with_logits {
        header.extend(classes.iter().map(|class| format!("logit_{class}")));
    }
    let mut records = vec![header];
    for row in rows {
        let predicted = classes.get(argmax(&row.values)).cloned().unwrap_or_default();
        let gold = row.gold.clone().unwrap_or_default();
        let mut record = vec![row.image_id.clone(), gold, predicted];
        record.extend(softmax(&row.values).iter().map(|p| format!("{p:.9}")));
        if with_logits {
            record.extend(row.values.iter().map(ToString::to_string));
        }
        records.push(record);
    }
    text_table::to_csv(&records)
}

/// Reads the columns `image_id`, `predicted` and, if there, `gold` and `p_<predicted>`.
///
/// # Errors
/// A file that cannot be read, a missing column, a short row, or an image that occurs twice.
pub fn read_csv(path: &Path) -> CliResult<Vec<Prediction>> {
    let text = std::fs::read(path).map_err(|error| CliError::io(path, &error))?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let headers = reader.headers().map_err(|error| CliError::bad_data(path, error))?.clone();
    let column = |name: &str| headers.iter().position(|header| header.trim() == name);
    let required = |name: &str| {
        column(name).ok_or_else(|| {
            let found = headers.iter().collect::<Vec<_>>().join(", ");
            CliError::bad_data(path, format!("there is no column `{name}`; found: {found}"))
        })
    };
    let (image_column, predicted_column) = (required("image_id")?, required("predicted")?);
    let gold_column = column("gold");
    let mut predictions: Vec<Prediction> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (row_idx, record) in reader.records().enumerate() {
        let record = record.map_err(|error| CliError::bad_data(path, error))?;
        let row = row_idx + 2;
        let text = |idx: usize| record.get(idx).unwrap_or("").trim().to_string();
        let predicted = text(predicted_column);
        let image_id = text(image_column);
        if predicted.is_empty() || image_id.is_empty() {
            let message = format!("row {row}: `image_id` and `predicted` must not be empty");
            return Err(CliError::bad_data(path, message));
        }
        if !seen.insert(image_id.clone()) {
            let message = format!("row {row}: image `{image_id}` occurs twice");
            return Err(CliError::bad_data(path, message));
        }
        let probability = column(&format!("p_{predicted}")).and_then(|idx| text(idx).parse().ok());
        let gold = gold_column.map(text).filter(|gold| !gold.is_empty());
        predictions.push(Prediction { image_id, gold, predicted, probability });
    }
    Ok(predictions)
}

#[cfg(test)]
mod tests {
    use super::{Logits, argmax, read_csv, softmax, to_csv};

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
            Logits { image_id: "x".into(), gold: Some("B".into()), values: vec![0.0, 1.5] },
            Logits { image_id: "y \"q\"".into(), gold: None, values: vec![2.0, 1.0] },
        ];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), to_csv(&rows, &classes, true).unwrap()).unwrap();
        let read = read_csv(file.path()).unwrap();
        assert_eq!(read[0].predicted, "B");
        assert_eq!(read[0].gold.as_deref(), Some("B"));
        assert_eq!(
            (read[1].image_id.as_str(), read[1].predicted.as_str()),
            ("y \"q\"", "A, with comma")
        );
        assert_eq!(read[1].gold, None);
        assert!((read[0].probability.unwrap() - 0.817_574_476).abs() < 1e-9);
    }
}
