//! Blocks in timm's layout, of which MobileNet and EfficientNet-Lite are made.

use crate::layers::{Layers, Tracer, conv_norm};
use crate::tap::Tap;
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use dermx_kernels::Activation;

/// A convolution that filters each channel alone, and a 1x1 convolution, each with batch normalization and
/// ReLU6; the last may lack it.
#[derive(Module, Debug)]
pub struct DepthwiseSeparable {
    conv_dw: Conv2d,
    bn1: BatchNorm,
    conv_pw: Conv2d,
    bn2: BatchNorm,
    ends_in_relu6: bool,
}

impl DepthwiseSeparable {
    /// A block around the convolution `conv_dw` of `in_channels`.
    pub fn new(
        layers: &Layers<'_>,
        conv_dw: Conv2d,
        [in_channels, out_channels]: [usize; 2],
        ends_in_relu6: bool,
    ) -> Self {
        let bn1 = layers.batch_norm(in_channels);
        let (conv_pw, bn2) = layers.conv_norm([in_channels, out_channels], 1, 1);
        Self { conv_dw, bn1, conv_pw, bn2, ends_in_relu6 }
    }

    /// Applies the block.
    ///
    /// # Shapes
    /// - `x`: `[batch, height, width, in_channels]`
    /// - output: `[batch, ceil(height / stride), ceil(width / stride), out_channels]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = conv_norm(&self.conv_dw, &self.bn1, x, None, Activation::Relu6);
        let activation = if self.ends_in_relu6 { Activation::Relu6 } else { Activation::None };
        conv_norm(&self.conv_pw, &self.bn2, x, None, activation)
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        for (conv, norm) in [(&self.conv_dw, &self.bn1), (&self.conv_pw, &self.bn2)] {
            tracer.conv(conv);
            tracer.norm(norm);
        }
    }
}

/// Settings of an [`InvertedResidual`].
#[derive(Debug, Clone, Copy)]
pub struct InvertedResidualConfig {
    /// Factor on the channels inside the block.
    pub expansion: usize,
    pub kernel_size: usize,
    pub stride: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    /// Rate of stochastic depth.
    pub drop_rate: f64,
}

/// A 1x1 convolution to more channels, a depthwise one, a 1x1 convolution to fewer channels without an
/// activation, and a shortcut where sizes stay.
///
/// # Source
/// Sandler et al., 2018, <https://arxiv.org/abs/1801.04381>; timm,
/// <https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/_efficientnet_blocks.py>.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    conv_pw: Conv2d,
    bn1: BatchNorm,
    conv_dw: Conv2d,
    bn2: BatchNorm,
    conv_pwl: Conv2d,
    bn3: BatchNorm,
    has_shortcut: bool,
    drop_rate: f64,
}

impl InvertedResidual {
    pub fn new(layers: &Layers<'_>, config: &InvertedResidualConfig) -> Self {
        let InvertedResidualConfig { in_channels, out_channels, stride, .. } = *config;
        let inside = config.expansion * in_channels;
        let (conv_pw, bn1) = layers.conv_norm([in_channels, inside], 1, 1);
        let (conv_dw, bn2) = layers.depthwise(inside, config.kernel_size, stride);
        let (conv_pwl, bn3) = layers.conv_norm([inside, out_channels], 1, 1);
        let has_shortcut = stride == 1 && in_channels == out_channels;
        let drop_rate = config.drop_rate;
        Self { conv_pw, bn1, conv_dw, bn2, conv_pwl, bn3, has_shortcut, drop_rate }
    }

    /// Rate of stochastic depth; a block without a shortcut is never dropped.
    pub const fn drop_rate(&self) -> f64 {
        if self.has_shortcut { self.drop_rate } else { 0.0 }
    }

    /// The tap before the shortcut of the block that is called `name`: the last normalization.
    pub fn branch(name: &str) -> String {
        format!("{name}.bn3")
    }

    /// Applies the block that is called `name`, with a tap before the shortcut is added.
    ///
    /// # Shapes
    /// - `input`: `[batch, height, width, in_channels]`
    /// - output: `[batch, ceil(height / stride), ceil(width / stride), out_channels]`
    pub fn forward_tapped(&self, input: Tensor<4>, name: &str, tap: &mut Tap<'_>) -> Tensor<4> {
        let branch = Self::branch(name);
        let mut shortcut = self.has_shortcut.then(|| input.clone());
        let x = conv_norm(&self.conv_pw, &self.bn1, input, None, Activation::Relu6);
        let x = conv_norm(&self.conv_dw, &self.bn2, x, None, Activation::Relu6);
        // The last normalization adds the shortcut in the same pass, unless a tap is in between.
        let residual = shortcut.take_if(|_| !tap.wants(&branch));
        let x = conv_norm(&self.conv_pwl, &self.bn3, x, residual, Activation::None);
        let x = tap.apply(&branch, x);
        match shortcut {
            Some(shortcut) => x + shortcut,
            None => x,
        }
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        let (first, middle) = ((&self.conv_pw, &self.bn1), (&self.conv_dw, &self.bn2));
        for (conv, norm) in [first, middle, (&self.conv_pwl, &self.bn3)] {
            tracer.conv(conv);
            tracer.norm(norm);
        }
    }
}
