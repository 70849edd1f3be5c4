//! Several labels an image: binary cross-entropy of each.

use super::{Loss, Objective, Pass};
use crate::error::TrainError;
use crate::labelled::{LabelledPhotos, Sets};
use crate::metrics::ValidationMetrics;
use crate::targets::BatchTargets;
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Tensor, TensorData};

/// Binary cross-entropy of the labels of each image, which are [`crate::Columns`] of 0 and 1 in the order of the
/// logits; see [`label_cross_entropy`].
///
/// In scores an image has the labels whose logit is not negative (probability from 1/2 on), and counts as right
/// if all of its labels are.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiLabel {
    /// Weight of the images that have the label beside that of those that have it not, for each label.
    pub pos_weight: Vec<f32>,
}

impl Objective for MultiLabel {
    fn loss(&self, pass: &Pass<'_>) -> Result<Loss, TrainError> {
        let BatchTargets { classes, share, columns, .. } = pass.targets;
        let num_labels = self.pos_weight.len();
        let [batch, num_logits] = pass.logits.dims();
        if num_logits != num_labels || columns.len() != classes.len() * num_labels {
            let message = format!(
                "found {num_logits} logits and {} values for {batch} images of {num_labels} labels",
                columns.len()
            );
            return Err(TrainError::Objective(message));
        }
        let targets = pass.constant(mixed(columns, num_labels, *share), [batch, num_labels]);
        Ok(label_cross_entropy(pass.logits.clone(), targets, &self.pos_weight).into())
    }

    fn check(&self, sets: &Sets<'_>) -> Result<(), TrainError> {
        let num_labels = self.pos_weight.len();
        let training = counts(sets.training, num_labels)?;
        let names = sets.training.targets.map_or(&[][..], |targets| &targets.columns.names);
        if let Some((name, _)) = names.iter().zip(&training).find(|(_, count)| **count == 0) {
            return Err(TrainError::Objective(format!("no training image has the label `{name}`")));
        }
        // Else neither a label nor a threshold of it can be scored.
        let validation = sets.validation.map(|set| counts(set, num_labels)).transpose()?;
        if validation.is_some_and(|counts| counts.iter().all(|count| *count == 0)) {
            let message = "no validation image has a label".to_string();
            return Err(TrainError::Objective(message));
        }
        Ok(())
    }

    fn photo_weights(&self, set: LabelledPhotos<'_>) -> Option<Vec<f64>> {
        Some(inverse_frequencies(labels(set), self.pos_weight.len()))
    }

    fn num_correct(&self, logits: &[f32], targets: &BatchTargets) -> usize {
        let width = self.pos_weight.len().max(1);
        let rows = logits.chunks_exact(width).zip(targets.columns.chunks_exact(width));
        rows.filter(|(logits, gold)| is_right(logits, gold)).count()
    }

    fn score(
        &self,
        logits: &[f32],
        _num_logits: usize,
        set: LabelledPhotos<'_>,
    ) -> ValidationMetrics {
        ValidationMetrics::of_labels(logits, labels(set), self.pos_weight.len())
    }
}

/// Whether all labels are right.
pub(crate) fn is_right(logits: &[f32], gold: &[f32]) -> bool {
    logits.iter().zip(gold).all(|(logit, gold)| (*logit >= 0.0) == (*gold > 0.0))
}

fn labels<'a>(set: LabelledPhotos<'a>) -> &'a [f32] {
    set.targets.map_or(&[], |targets| &targets.columns.values)
}

/// Number of images with each label.
fn counts(set: LabelledPhotos<'_>, num_labels: usize) -> Result<Vec<usize>, TrainError> {
    let labels = labels(set);
    if labels.len() != set.photos.len() * num_labels {
        let (found, photos) = (labels.len(), set.photos.len());
        let message = format!("found {found} values for {photos} images of {num_labels} labels");
        return Err(TrainError::Objective(message));
    }
    Ok(positives(labels, num_labels))
}

/// Number of images with each label.
///
/// # Shapes
/// `labels` is `[images, num_labels]` in row-major order, 0 or 1.
pub fn positives(labels: &[f32], num_labels: usize) -> Vec<usize> {
    let mut counts = vec![0; num_labels];
    for row in labels.chunks_exact(num_labels.max(1)) {
        row.iter().zip(&mut counts).for_each(|(value, count)| *count += usize::from(*value > 0.0));
    }
    counts
}

/// `negatives / positives` of each label, so that images with and without it weigh the same together.
///
/// A label that no image has gets weight 1: it never counts.
///
/// # Shapes
/// `labels` is `[images, num_labels]` in row-major order, 0 or 1.
///
/// # Source
/// PyTorch, `torch.nn.BCEWithLogitsLoss`, on `pos_weight`.
pub fn balanced_pos_weight(labels: &[f32], num_labels: usize) -> Vec<f32> {
    let num_images = labels.len() / num_labels.max(1);
    let weight = |count: usize| match count {
        0 => 1.0,
        _ => ((num_images - count) as f64 / count as f64) as f32,
    };
    positives(labels, num_labels).into_iter().map(weight).collect()
}

/// For each image the sum over its labels of one over the number of images with that label; images without a
/// label count as if that were one.
fn inverse_frequencies(labels: &[f32], num_labels: usize) -> Vec<f64> {
    let rows = || labels.chunks_exact(num_labels.max(1));
    let has_none = |row: &[f32]| row.iter().all(|value| *value == 0.0);
    let num_without = rows().filter(|row| has_none(row)).count() as f64;
    let counts = positives(labels, num_labels);
    let weight = |row: &[f32]| match has_none(row) {
        true => 1.0 / num_without,
        false => {
            let own = row.iter().zip(&counts).filter(|(value, _)| **value > 0.0);
            own.map(|(_, count)| 1.0 / *count as f64).sum()
        }
    };
    rows().map(weight).collect()
}

/// Labels of images that are mixed: `share` of the image's own, and `1 - share` of those of the image before it (of
/// the first, the last).
fn mixed(labels: &[f32], num_labels: usize, share: f32) -> Vec<f32> {
    if share == 1.0 {
        return labels.to_vec();
    }
    let start = labels.len().saturating_sub(num_labels);
    let before = labels[start..].iter().chain(labels);
    labels.iter().zip(before).map(|(own, other)| share * own + (1.0 - share) * other).collect()
}

/// `-mean_il (w_l t_il log s(z_il) + (1 - t_il) log s(-z_il))`, with s the logistic function and w the
/// `pos_weight`.
///
/// # Shapes
/// - `logits`, `targets`: `[images, labels]`, the latter in \[0, 1\]
/// - `pos_weight`: one for each label
/// - output: `[1]`
///
/// # Source
/// PyTorch, `torch.nn.BCEWithLogitsLoss(pos_weight=w)`.
pub fn label_cross_entropy(logits: Tensor<2>, targets: Tensor<2>, pos_weight: &[f32]) -> Tensor<1> {
    let weights = TensorData::new(pos_weight.to_vec(), [1, pos_weight.len()]);
    let weights = Tensor::<2>::from_data(weights, &logits.device());
    let absent = targets.clone().neg() + 1.0;
    let found = log_sigmoid(logits.clone()) * targets * weights;
    (found + log_sigmoid(logits.neg()) * absent).mean().neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four images of three labels: two have the first, one of them the second, too; the last has none.
    const LABELS: [f32; 12] = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];

    #[test]
    fn weights_by_hand() {
        assert_eq!(positives(&LABELS, 3), [2, 1, 1]);
        // Without over with: 2/2, 3/1, 3/1.
        assert_eq!(balanced_pos_weight(&LABELS, 3), [1.0, 3.0, 3.0]);
        assert_eq!(balanced_pos_weight(&[0.0, 0.0], 1), [1.0]);
        // 1/2; 1/2 + 1/1; 1/1; of the one without a label 1/1.
        assert_eq!(inverse_frequencies(&LABELS, 3), [0.5, 1.5, 1.0, 1.0]);
    }

    #[test]
    fn a_mixed_image_has_a_share_of_the_labels_before_it() {
        let labels = [1.0, 0.0, 0.0, 1.0];
        assert_eq!(mixed(&labels, 2, 1.0), labels);
        assert_eq!(mixed(&labels, 2, 0.75), [0.75, 0.25, 0.25, 0.75]);
    }

    #[test]
    fn an_image_is_right_if_all_its_labels_are() {
        assert!(is_right(&[0.0, -0.5], &[1.0, 0.0]));
        assert!(!is_right(&[0.0, 0.5], &[1.0, 0.0]));
    }
}
