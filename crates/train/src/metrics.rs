//! Scores of logits against gold classes.

use serde::{Deserialize, Serialize};

/// Scores on the validation photos.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValidationMetrics {
    /// Mean cross-entropy, without class weights or label smoothing.
    #[serde(rename = "val_loss")]
    pub loss: f64,
    /// Share of the images whose largest logit was their class.
    #[serde(rename = "val_accuracy")]
    pub accuracy: f64,
    /// Mean of the classes' F1, without the classes that have neither gold nor predicted images.
    #[serde(rename = "val_macro_f1")]
    pub macro_f1: f64,
}

impl ValidationMetrics {
    /// The scores of `logits` (rows of `num_classes`) against the classes `gold`.
    ///
    /// Loss of an image: `log sum_k exp(z_k) - z_gold`; F1 of a class: `2 TP / (2 TP + FP + FN)`.
    pub fn new(logits: &[f32], gold: &[usize], num_classes: usize) -> Self {
        let mut loss = 0.0;
        let (mut hits, mut sizes) = (vec![0_u32; num_classes], vec![0_u32; num_classes]);
        for (row, &gold) in logits.chunks_exact(num_classes.max(1)).zip(gold) {
            let predicted = argmax(row);
            loss += cross_entropy(row, gold);
            hits[gold] += u32::from(predicted == gold);
            sizes[gold] += 1;
            sizes[predicted] += 1;
        }
        let scores = std::iter::zip(&hits, &sizes).filter(|(_, size)| **size > 0);
        let f1: Vec<f64> =
            scores.map(|(&hits, &size)| f64::from(2 * hits) / f64::from(size)).collect();
        let num_images = gold.len() as f64;
        Self {
            loss: loss / num_images,
            accuracy: f64::from(hits.iter().sum::<u32>()) / num_images,
            macro_f1: f1.iter().sum::<f64>() / f1.len() as f64,
        }
    }
}

/// Index of the largest value; the first of several.
pub fn argmax(row: &[f32]) -> usize {
    (0..row.len()).fold(0, |best, idx| if row[idx] > row[best] { idx } else { best })
}

fn cross_entropy(row: &[f32], gold: usize) -> f64 {
    let max = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = row.iter().map(|&logit| (f64::from(logit) - max).exp()).sum();
    sum.ln() + max - f64::from(row[gold])
}
