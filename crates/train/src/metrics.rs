//! Scores of logits against gold classes, or several labels.

use crate::objective::is_right;
use serde::{Deserialize, Serialize};

/// Scores on the validation photos.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValidationMetrics {
    /// Mean cross-entropy, without class weights or label smoothing; of several labels the mean over images and
    /// labels of the binary cross-entropy, without weights.
    #[serde(rename = "val_loss")]
    pub loss: f64,
    /// Share of the images whose largest logit was their class; of several labels, whose labels were all right.
    #[serde(rename = "val_accuracy")]
    pub accuracy: f64,
    /// Mean of the classes' or labels' F1, without those that have neither gold nor predicted images.
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
        let num_images = gold.len() as f64;
        Self {
            loss: loss / num_images,
            accuracy: f64::from(hits.iter().sum::<u32>()) / num_images,
            macro_f1: macro_f1(&hits, &sizes),
        }
    }
}

impl ValidationMetrics {
    /// The scores of `logits` against several labels an image, where a logit that is not negative gives the label.
    ///
    /// Loss of an image and a label: `log(1 + exp(z)) - t z`; F1 of a label: `2 TP / (2 TP + FP + FN)`.
    ///
    /// # Shapes
    /// `logits` and `gold` are `[images, num_labels]` in row-major order, the latter 0 or 1, with a 1 somewhere.
    pub fn of_labels(logits: &[f32], gold: &[f32], num_labels: usize) -> Self {
        let (mut loss, mut num_right) = (0.0, 0_u32);
        let (mut hits, mut sizes) = (vec![0_u32; num_labels], vec![0_u32; num_labels]);
        let width = num_labels.max(1);
        for (logits, gold) in logits.chunks_exact(width).zip(gold.chunks_exact(width)) {
            num_right += u32::from(is_right(logits, gold));
            for (label, (&logit, &gold)) in logits.iter().zip(gold).enumerate() {
                loss += binary_cross_entropy(f64::from(logit), f64::from(gold));
                let (predicted, gold) = (logit >= 0.0, gold > 0.0);
                hits[label] += u32::from(predicted && gold);
                sizes[label] += u32::from(predicted) + u32::from(gold);
            }
        }
        let num_images = (gold.len() / width) as f64;
        Self {
            loss: loss / gold.len() as f64,
            accuracy: f64::from(num_right) / num_images,
            macro_f1: macro_f1(&hits, &sizes),
        }
    }
}

/// Mean of `2 hits / size`, without classes of size 0.
fn macro_f1(hits: &[u32], sizes: &[u32]) -> f64 {
    let scores = std::iter::zip(hits, sizes).filter(|(_, size)| **size > 0);
    let f1: Vec<f64> = scores.map(|(&hits, &size)| f64::from(2 * hits) / f64::from(size)).collect();
    f1.iter().sum::<f64>() / f1.len() as f64
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

/// `log(1 + exp(z)) - t z`.
fn binary_cross_entropy(logit: f64, gold: f64) -> f64 {
    logit.max(0.0) + (-logit.abs()).exp().ln_1p() - gold * logit
}
