//! What batch normalization is given, and what it returns.

use super::values::{Route, Values};
use crate::Activation;
use crate::cpu::{self, Norm, ScaleAndShift};
use burn::tensor::Tensor;

/// A normalization with given statistics, `(x - mean) / sqrt(var + epsilon) * gamma + beta`.
///
/// # Shapes
/// All tensors are `[channels]`.
#[derive(Debug, Clone)]
pub struct Normalization {
    /// Scale.
    pub gamma: Tensor<1>,
    /// Shift.
    pub beta: Tensor<1>,
    /// Mean of each channel, a constant.
    pub mean: Tensor<1>,
    /// Variance of each channel, a constant.
    pub var: Tensor<1>,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Normalization {
    pub(super) fn route(&self, residual: Option<&Tensor<4>>) -> Route {
        let tensors = [&self.gamma, &self.beta, &self.mean, &self.var].map(Route::of);
        let residual = residual.map_or(Route::Kernels, Route::of);
        tensors.into_iter().fold(residual, Route::max)
    }

    /// The same as `x * scale + shift`.
    pub(super) fn scale_and_shift(&self) -> ScaleAndShift {
        let [gamma, beta, mean, var] =
            [&self.gamma, &self.beta, &self.mean, &self.var].map(|one| Values::of(one.clone()));
        let norm = Norm {
            gamma: gamma.as_slice(),
            beta: beta.as_slice(),
            epsilon: self.epsilon as f32,
            activation: Activation::None,
        };
        cpu::scale_and_shift(&norm, mean.as_slice(), var.as_slice())
    }
}

/// What [`super::batch_norm`] returns.
#[derive(Debug, Clone)]
pub struct BatchNormOutput {
    /// `[batch, height, width, channels]`.
    pub out: Tensor<4>,
    /// Mean of each channel over batch and pixels, on no tape.
    pub mean: Tensor<1>,
    /// Biased variance of each channel over batch and pixels, on no tape.
    pub var: Tensor<1>,
}
