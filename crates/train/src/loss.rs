//! The training loss.

use burn::tensor::{Tensor, activation::log_softmax};

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
