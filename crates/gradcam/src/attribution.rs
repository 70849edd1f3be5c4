//! Gradients at the image itself.

use crate::error::ExplainError;
use crate::method::Settings;
use crate::probe::Probe;
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, TensorData};

/// Draws the next number of a standard normal distribution for the image at that index of the batch.
///
/// Only [`crate::Method::SmoothGrad`] draws. Each image should have its own stream of numbers, so
/// that its map does not depend on the batch.
pub type Noise<'a> = &'a mut dyn FnMut(usize) -> f32;

/// Logits, and for each value of the images how much of `y(x) - y(0)` it accounts for; signed.
///
/// # Shapes
/// - `images` and the attributions: `[batch, 3, height, width]`
pub(crate) fn integrated_gradients(
    probe: &Probe,
    images: Tensor<4>,
    targets: &[usize],
    num_steps: usize,
) -> Result<(Tensor<2>, Tensor<4>), ExplainError> {
    let logits = probe.logits(&images, targets)?;
    let mut sum = images.zeros_like();
    for step in 0..num_steps {
        let share = (step as f32 + 0.5) / num_steps as f32;
        sum = sum + gradient(probe, images.clone() * share, targets)?;
    }
    Ok((logits, images * (sum / num_steps as f32)))
}

/// The positive part of the sum over colors, `[batch, 1, height, width]`.
pub(crate) fn positive_part(attributions: Tensor<4>) -> Tensor<4> {
    relu(attributions.sum_dim(1))
}

/// Logits and maps `[batch, 1, height, width]`; see [`crate::Method::SmoothGrad`].
pub(crate) fn smooth_grad(
    probe: &Probe,
    images: Tensor<4>,
    targets: &[usize],
    settings: &Settings,
    noise: Noise<'_>,
) -> Result<(Tensor<2>, Tensor<4>), ExplainError> {
    let logits = probe.logits(&images, targets)?;
    let shape = images.dims();
    let num_values: usize = shape[1..].iter().product();
    let sigma = value_range(&images) * (settings.noise_percent as f32 / 100.0);
    let mut sum = images.zeros_like();
    for _ in 0..settings.num_samples {
        let mut draws = Vec::with_capacity(shape[0] * num_values);
        for image_idx in 0..shape[0] {
            draws.extend((0..num_values).map(|_| noise(image_idx)));
        }
        let draws = Tensor::<4>::from_data(TensorData::new(draws, shape), &images.device());
        let noisy = images.clone() + draws * sigma.clone();
        sum = sum + gradient(probe, noisy, targets)?;
    }
    Ok((logits, (sum / settings.num_samples as f32).abs().max_dim(1)))
}

/// Largest minus smallest value of each image, `[batch, 1, 1, 1]`.
fn value_range(images: &Tensor<4>) -> Tensor<4> {
    let max = images.clone().max_dim(3).max_dim(2).max_dim(1);
    let min = images.clone().min_dim(3).min_dim(2).min_dim(1);
    max - min
}

/// `d y / d x` at `images`.
fn gradient(
    probe: &Probe,
    images: Tensor<4>,
    targets: &[usize],
) -> Result<Tensor<4>, ExplainError> {
    let leaf = images.detach().autodiff().require_grad();
    let logits = probe.forward(leaf.clone());
    let gradients = probe.outputs(logits, targets)?.sum().backward();
    leaf.grad(&gradients).ok_or_else(|| ExplainError::NoGradient("the image".to_string()))
}
