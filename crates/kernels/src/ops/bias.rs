//! Biases.

use super::conv::{conv_epilogue, conv2d};
use super::norm::affine;
use super::normalization::Normalization;
use super::options::ConvOptions;
use super::plain;
use super::values::{Route, Values};
use crate::Activation;
use crate::cpu::Epilogue;
use burn::tensor::Tensor;

/// `act(x + bias)`, channel by channel.
///
/// # Shapes
/// - `x` and output: `[batch, height, width, channels]`
/// - `bias`: `[channels]`
pub fn add_bias(x: Tensor<4>, bias: Tensor<1>, activation: Activation) -> Tensor<4> {
    if Route::of(&x).max(Route::of(&bias)) == Route::Burn {
        return plain::activated(x + bias.reshape([1, 1, 1, -1]), None, activation);
    }
    // A normalization with mean 0, variance 1 and factor 1 adds beta, and has the gradients.
    let (num_channels, device) = (bias.dims(), x.device());
    let (zeros, ones) = (Tensor::zeros(num_channels, &device), Tensor::ones(num_channels, &device));
    let normalization =
        Normalization { gamma: ones.clone(), beta: bias, mean: zeros, var: ones, epsilon: 0.0 };
    affine(x, normalization, None, activation)
}

/// A convolution, then [`add_bias`]; in one pass over the feature maps where no tensor is on a tape.
///
/// # Shapes
/// As for [`conv2d`]; `bias` is `[out_channels]`.
pub fn conv_bias(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    options: ConvOptions,
    activation: Activation,
) -> Tensor<4> {
    let route = Route::of(&x).max(Route::of(&weight)).max(Route::of(&bias));
    if route == Route::Burn || x.is_tracked() || weight.is_tracked() || bias.is_tracked() {
        return add_bias(conv2d(x, weight, options), bias, activation);
    }
    let bias = Values::of(bias);
    let epilogue = Epilogue { shift: Some(bias.as_slice()), activation, ..Epilogue::default() };
    conv_epilogue(&Values::of(x), &Values::of(weight), &epilogue, options).into_tensor(route)
}
