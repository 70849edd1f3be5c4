//! Cross-entropy, plain and focal.

use super::{Loss, Objective, Pass};
use crate::error::TrainError;
use burn::tensor::{Tensor, activation::log_softmax};

/// Weighted cross-entropy of one class an image; see [`targets`] and [`cross_entropy`].
#[derive(Debug, Clone, PartialEq)]
pub struct CrossEntropy {
    /// Weight of each class.
    pub class_weights: Vec<f32>,
    /// Share of the targets that is spread over all classes.
    pub label_smoothing: f32,
    /// The exponent of the focal loss, which makes little of images that are learned already; 0 is
    /// plain cross-entropy.
    pub focal_gamma: f32,
}

impl CrossEntropy {
    /// Plain cross-entropy of `num_classes`.
    pub fn plain(num_classes: usize) -> Self {
        Self { class_weights: vec![1.0; num_classes], label_smoothing: 0.0, focal_gamma: 0.0 }
    }

    /// The loss of the classes, `[1]`.
    pub(super) fn of(&self, pass: &Pass<'_>) -> Tensor<1> {
        let Self { class_weights, label_smoothing, focal_gamma } = self;
        let (classes, share) = (&pass.targets.classes, pass.targets.share);
        let shape = [classes.len(), class_weights.len()];
        let targets = targets(classes, share, class_weights, *label_smoothing);
        let targets = pass.constant(targets, shape);
        match *focal_gamma {
            0.0 => cross_entropy(pass.logits.clone(), targets),
            gamma => focal(pass.logits.clone(), targets, gamma),
        }
    }
}

impl Objective for CrossEntropy {
    fn loss(&self, pass: &Pass<'_>) -> Result<Loss, TrainError> {
        Ok(self.of(pass).into())
    }
}

/// The focal loss, `-sum_i sum_c (1 - p_ic)^gamma t_ic log p_ic / B`.
///
/// # Shapes
/// - `logits`, `targets`: `[batch, num_classes]`, the latter of [`targets`]
/// - output: `[1]`
///
/// # Source
/// Lin et al., 2017, <https://arxiv.org/abs/1708.02002>, equation 5, of several classes.
fn focal(logits: Tensor<2>, targets: Tensor<2>, gamma: f32) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let log_p = log_softmax(logits, 1);
    // A probability of 1 would have an infinite gradient for gamma below 1.
    let rest = (log_p.clone().exp().neg() + 1.0).clamp_min(1e-7);
    (rest.powf_scalar(gamma) * log_p * targets).sum().neg() / batch as f32
}

/// Weight of each class, `max_k(count_k) / count_c`.
///
/// A class without images gets weight 0: it never occurs in a batch.
///
/// # Source
/// The DermX study's `calc_class_weights`.
pub fn class_weights(counts: &[usize]) -> Vec<f32> {
    let max = counts.iter().copied().max().unwrap_or(0) as f32;
    counts.iter().map(|&count| if count == 0 { 0.0 } else { max / count as f32 }).collect()
}

/// Weight of each class, `n / (k count_c)` with `n` images of `k` classes: their mean over the
/// images is 1.
///
/// A class without images gets weight 0 and does not count.
///
/// # Source
/// scikit-learn, `compute_class_weight("balanced")`.
pub fn balanced_class_weights(counts: &[usize]) -> Vec<f32> {
    let num_images = counts.iter().sum::<usize>() as f64;
    let num_classes = counts.iter().filter(|&&count| count > 0).count() as f64;
    let weight = |&count: &usize| match count {
        0 => 0.0,
        _ => (num_images / (num_classes * count as f64)) as f32,
    };
    counts.iter().map(weight).collect()
}

/// The target of each class of each image times its weight: `w_c t_c`, `[classes.len(), num_classes]`
/// in row-major order.
///
/// `t` is `share` at the image's own class and `1 - share` at that of the image before it (of the
/// first, the last), with which it may be mixed; then smoothed to `(1 - s) t + s / K`, as
/// `torch.nn.CrossEntropyLoss(label_smoothing=s)` does.
pub fn targets(
    classes: &[usize],
    share: f32,
    class_weights: &[f32],
    label_smoothing: f32,
) -> Vec<f32> {
    let num_classes = class_weights.len();
    let rest = label_smoothing / num_classes as f32;
    let mut targets = Vec::with_capacity(classes.len() * num_classes);
    let last = classes.last().copied().unwrap_or_default();
    let before = std::iter::once(last).chain(classes.iter().copied());
    for (&class, other) in classes.iter().zip(before) {
        let mut row = vec![0.0; num_classes];
        row[class] += share;
        row[other] += 1.0 - share;
        let smoothed = row.iter().map(|value| (1.0 - label_smoothing) * value + rest);
        targets.extend(smoothed.zip(class_weights).map(|(value, weight)| value * weight));
    }
    targets
}

/// Weighted cross-entropy as Keras reduces it: `-sum_i sum_c t_ic log p_ic / B` with `B` the number
/// of images. For plain classes that is `sum_i w(y_i) l_i / B` (PyTorch's default divides by
/// `sum_i w(y_i)`).
///
/// # Shapes
/// - `logits`, `targets`: `[batch, num_classes]`, the latter of [`targets`]
/// - output: `[1]`
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    // Summed over classes first: all but one of an image's terms are zero, so that the sum is exact.
    let likelihood = (log_softmax(logits, 1) * targets).sum_dim(1);
    likelihood.reshape([batch]).sum().neg() / batch as f32
}
