//! The same functions in Burn's operations, for every device and type.

use super::normalization::{BatchNormOutput, Normalization};
use super::options::ConvOptions;
use crate::Activation;
use crate::cpu::WindowShape;
use burn::tensor::activation::{gelu, relu, silu, softmax};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions as BurnConvOptions, MaxPoolOptions};
use burn::tensor::{Tensor, module};

/// `[batch, channels, height, width]`.
fn channels_first(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

/// `[batch, height, width, channels]`.
fn channels_last(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, options: ConvOptions) -> Tensor<4> {
    let ConvOptions { stride, padding: [top, left, bottom, right], groups } = options;
    let padding = [(top, bottom), (left, right)];
    let options = BurnConvOptions::new_with_padding(stride, padding, [1, 1], groups);
    channels_last(module::conv2d(channels_first(x), weight, None, options))
}

pub fn batch_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    residual: Option<Tensor<4>>,
    activation: Activation,
) -> BatchNormOutput {
    let found = module::batch_norm_train(channels_first(x), gamma, beta, epsilon);
    let out = activated(channels_last(found.output), residual, activation);
    BatchNormOutput { out, mean: found.mean.detach(), var: found.variance.detach() }
}

pub fn affine(
    x: Tensor<4>,
    normalization: Normalization,
    residual: Option<Tensor<4>>,
    activation: Activation,
) -> Tensor<4> {
    let Normalization { gamma, beta, mean, var, epsilon } = normalization;
    let out = module::batch_norm(channels_first(x), gamma, beta, mean, var, epsilon);
    activated(channels_last(out), residual, activation)
}

pub fn activated(x: Tensor<4>, residual: Option<Tensor<4>>, activation: Activation) -> Tensor<4> {
    let sum = match residual {
        Some(residual) => x + residual,
        None => x,
    };
    match activation {
        Activation::None => sum,
        Activation::Relu => relu(sum),
        Activation::Relu6 => sum.clamp(0.0, 6.0),
        Activation::Silu => silu(sum),
        Activation::Gelu => gelu(sum),
    }
}

pub fn channel_scale(x: Tensor<4>, scale: Tensor<2>) -> Tensor<4> {
    let [batch, channels] = scale.dims();
    x * scale.reshape([batch, 1, 1, channels])
}

pub fn global_avg_pool(x: Tensor<4>) -> Tensor<2> {
    let [batch, height, width, channels] = x.dims();
    let cells = x.reshape([batch, height * width, channels]);
    // On WGPU Burn 0.22.1 takes wrong means over a single cell in some layouts.
    let mean = if height * width == 1 { cells } else { cells.mean_dim(1) };
    mean.reshape([batch, channels])
}

pub fn max_pool(x: Tensor<4>, kernel_size: usize, stride: usize, padding: [usize; 4]) -> Tensor<4> {
    let [top, left, bottom, right] = padding;
    let options = MaxPoolOptions::new([kernel_size; 2])
        .with_stride([stride; 2])
        .with_padding_pairs([(top, bottom), (left, right)]);
    channels_last(module::max_pool2d(channels_first(x), options))
}

pub fn avg_pool(x: Tensor<4>, pool: super::AvgPool) -> Tensor<4> {
    let super::AvgPool { kernel_size, stride, padding, counts_padding } = pool;
    let (x, kernel) = (channels_first(x), [kernel_size; 2]);
    let options = AvgPoolOptions::new(kernel)
        .with_stride([stride; 2])
        .with_padding([padding; 2])
        .with_count_include_pad(counts_padding);
    channels_last(module::avg_pool2d(x, options))
}

pub fn layer_norm(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> Tensor<4> {
    module::layer_norm(x, gamma, Some(beta), epsilon)
}

pub fn attention_weights(
    projected: Tensor<4>,
    num_heads: usize,
    bias: Option<Tensor<4>>,
) -> Tensor<4> {
    let [queries, keys, _] = heads(projected, num_heads);
    let factor = 1.0 / (queries.dims()[3] as f64).sqrt();
    let scores = queries.matmul(keys.swap_dims(2, 3)) * factor;
    let scores = match bias {
        Some(bias) => {
            let ([batch, ..], [images, heads, tokens, _]) = (scores.dims(), bias.dims());
            let shape = [batch / images, images, heads, tokens * tokens];
            let bias = bias.reshape([1, images, heads, tokens * tokens]);
            (scores.reshape(shape) + bias).reshape([batch, heads, tokens, tokens])
        }
        None => scores,
    };
    softmax(scores, 3)
}

pub fn windows(x: Tensor<4>, shape: &WindowShape) -> Tensor<4> {
    let WindowShape { batch, channels, side, shift, .. } = *shape;
    let [down, across] = shape.grid();
    let x = (0..2).fold(x, |x, axis| {
        let padded = with_zeros(x, axis + 1, shape.grid()[axis] * side);
        rolled(padded, axis + 1, shift[axis])
    });
    // Rows of all windows, window by window below each other and then beside each other.
    let x = x.reshape([batch * down, side, across, side * channels]).swap_dims(1, 2);
    x.reshape([shape.num_windows(), side, side, channels])
}

pub fn from_windows(x: Tensor<4>, shape: &WindowShape) -> Tensor<4> {
    let WindowShape { batch, size, channels, side, shift } = *shape;
    let [down, across] = shape.grid();
    let x = x.reshape([batch * down, across, side, side * channels]).swap_dims(1, 2);
    let x = x.reshape([batch, down * side, across * side, channels]);
    (0..2).fold(x, |x, axis| {
        let padded = shape.grid()[axis] * side;
        let back = rolled(x, axis + 1, padded - shift[axis] % padded);
        back.narrow(axis + 1, 0, size[axis])
    })
}

/// `x` continued to `len` along `dim`.
fn with_zeros(x: Tensor<4>, dim: usize, len: usize) -> Tensor<4> {
    let mut dims = x.dims();
    if dims[dim] == len {
        return x;
    }
    dims[dim] = len - dims[dim];
    let zeros = Tensor::zeros(dims, (&x.device(), x.dtype()));
    Tensor::cat(vec![x, zeros], dim)
}

/// `x` from `shift` on, and then what lies before.
fn rolled(x: Tensor<4>, dim: usize, shift: usize) -> Tensor<4> {
    let len = x.dims()[dim];
    match shift % len {
        0 => x,
        shift => {
            let [after, before] = [(shift, len - shift), (0, shift)]
                .map(|(start, len)| x.clone().narrow(dim, start, len));
            Tensor::cat(vec![after, before], dim)
        }
    }
}

pub fn attention_mix(weights: Tensor<4>, projected: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, channels] = projected.dims();
    let num_heads = weights.dims()[1];
    let [_, _, values] = heads(projected, num_heads);
    weights.matmul(values).swap_dims(1, 2).reshape([batch, height, width, channels / 3])
}

/// Queries, keys and values, each `[batch, heads, tokens, channels of a head]`.
fn heads(projected: Tensor<4>, num_heads: usize) -> [Tensor<4>; 3] {
    let [batch, height, width, channels] = projected.dims();
    let tokens = height * width;
    let parts = projected.reshape([batch * tokens, 3, num_heads, channels / 3 / num_heads]);
    [0, 1, 2].map(|part| {
        let part = parts.clone().narrow(1, part, 1);
        part.reshape([batch, tokens, num_heads, channels / 3 / num_heads]).swap_dims(1, 2)
    })
}
