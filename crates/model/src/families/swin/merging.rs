//! Four cells become one.

use super::EPSILON;
use crate::layers::{LayerNorm, POINTWISE, Tracer, kernel_of, linear_parameters};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use dermx_kernels::{conv2d, windows};

/// Squares of 2x2 cells become one of twice the channels.
#[derive(Module, Debug)]
pub struct PatchMerging {
    reduction: Reduction,
    norm: LayerNorm,
}

/// A linear layer of each cell's channels without a bias, its matrix `[outputs, inputs]`.
#[derive(Module, Debug)]
pub struct Reduction {
    weight: Param<Tensor<2>>,
}

impl PatchMerging {
    pub(super) fn new(channels: usize, device: &Device) -> Self {
        let (weight, _) = linear_parameters([4 * channels, 2 * channels], device);
        let norm = LayerNorm::new(4 * channels, EPSILON, device);
        Self { reduction: Reduction { weight }, norm }
    }

    /// Applies the layer.
    ///
    /// # Shapes
    /// - `x`: `[batch, height, width, channels]`
    /// - output: `[batch, ceil(height / 2), ceil(width / 2), 2 * channels]`
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.norm.forward(squares(x));
        conv2d(x, kernel_of(self.reduction.weight.val()), POINTWISE)
    }

    pub(super) fn trace(&self, tracer: &mut Tracer) {
        tracer.size = tracer.size.map(|side| side.div_ceil(2));
        tracer.linear(&self.reduction.weight);
    }
}

/// The channels of the four cells of each square of 2x2 cells, column by column; zeros continue an odd side.
///
/// # Shapes
/// - `x`: `[batch, height, width, channels]`
/// - output: `[batch, ceil(height / 2), ceil(width / 2), 4 * channels]`
fn squares(x: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let by_columns = windows(x, 2, [0; 2]).swap_dims(1, 2);
    by_columns.reshape([batch, height.div_ceil(2), width.div_ceil(2), 4 * channels])
}
