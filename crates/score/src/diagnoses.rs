//! `diagnoses.csv`: gold and predicted class of each scored image.

use dermx_table::csv;

/// The name of the file.
pub const DIAGNOSES: &str = "diagnoses.csv";

/// An image whose diagnosis is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// The image.
    pub image_id: String,
    /// Index of its gold class.
    pub gold_idx: usize,
    /// Index of the predicted class, which counts as another's where classes are exchanged.
    pub predicted_idx: usize,
    /// Probability of each class, exchanged as the prediction is; empty where they are not known of every image.
    pub probabilities: Vec<f64>,
    /// Logit of each class up to a constant, exchanged likewise; empty as the probabilities are.
    pub logits: Vec<f64>,
}

/// The text of the file: `image_id,gold,predicted`, by names of `classes`. It reads back as
/// predictions.
pub fn diagnoses_csv(diagnoses: &[Diagnosis], classes: &[String]) -> Vec<u8> {
    let header = ["image_id", "gold", "predicted"].map(str::to_string).to_vec();
    let class = |idx: usize| classes.get(idx).cloned().unwrap_or_default();
    let row =
        |one: &Diagnosis| vec![one.image_id.clone(), class(one.gold_idx), class(one.predicted_idx)];
    csv(std::iter::once(header).chain(diagnoses.iter().map(row)))
}
