//! The two layouts of feature maps in memory.

use burn::tensor::Tensor;

/// `[batch, height, width, channels]` of `[batch, channels, height, width]`.
pub(crate) fn channels_last(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

/// `[batch, channels, height, width]` of `[batch, height, width, channels]`.
pub(crate) fn channels_first(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}
