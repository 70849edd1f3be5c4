//! The training loss.

use burn::tensor::{Int, Tensor, activation::log_softmax};

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

/// Weighted cross-entropy as Keras reduces it: `sum_i w(y_i) l_i / B`, with `l_i` the
/// cross-entropy of image `i` and `B` the number of images (PyTorch divides by `sum_i w(y_i)`).
///
/// # Shapes
/// - `logits`: `[batch, num_classes]`
/// - `targets`, `weights`: `[batch]`
/// - output: `[1]`
pub fn weighted_cross_entropy(
    logits: Tensor<2>,
    targets: Tensor<1, Int>,
    weights: Tensor<1>,
) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let log_likelihood = log_softmax(logits, 1).gather(1, targets.reshape([batch, 1]));
    (log_likelihood.reshape([batch]) * weights).sum().neg() / batch as f32
}
