//! The residual blocks of ResNet.

use crate::layers::{ConvNorm, Layers, conv_norm};
use crate::network::{Tap, Variant};
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::{Tensor, activation::relu};

/// One residual block, `relu(F(x) + shortcut(x))`.
///
/// Two 3x3 convolutions make the basic block of ResNet-18 and 34; a 1x1, a 3x3 and a 1x1
/// convolution make the bottleneck of the deeper ones.
///
/// # Source
/// He et al., 2015, <https://arxiv.org/abs/1512.03385>; layout and names of torchvision.
#[derive(Module, Debug)]
pub struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Option<Conv2d>,
    bn3: Option<BatchNorm>,
    downsample: Option<ConvNorm>,
}

impl Block {
    /// A basic block from `in_channels` to `channels`.
    pub(crate) fn basic(
        layers: &Layers<'_>,
        in_channels: usize,
        channels: usize,
        stride: usize,
    ) -> Self {
        Self {
            conv1: layers.conv([in_channels, channels], 3, stride),
            bn1: layers.batch_norm(channels),
            conv2: layers.conv([channels; 2], 3, 1),
            bn2: layers.batch_norm(channels),
            conv3: None,
            bn3: None,
            downsample: downsample(layers, in_channels, channels, stride),
        }
    }

    /// A bottleneck block from `in_channels` through `channels` to `4 * channels`.
    pub(crate) fn bottleneck(
        layers: &Layers<'_>,
        in_channels: usize,
        channels: usize,
        stride: usize,
        variant: Variant,
    ) -> Self {
        let out_channels = 4 * channels;
        let [first, second] = match variant {
            Variant::Torchvision => [1, stride],
            Variant::V1 => [stride, 1],
        };
        Self {
            conv1: layers.conv([in_channels, channels], 1, first),
            bn1: layers.batch_norm(channels),
            conv2: layers.conv([channels; 2], 3, second),
            bn2: layers.batch_norm(channels),
            conv3: Some(layers.conv([channels, out_channels], 1, 1)),
            bn3: Some(layers.batch_norm(out_channels)),
            downsample: downsample(layers, in_channels, out_channels, stride),
        }
    }

    /// Name of the last convolution before the sum.
    pub(crate) const fn last_conv(&self) -> &'static str {
        if self.conv3.is_some() { "conv3" } else { "conv2" }
    }

    /// Applies the block that is called `name`, with a tap after its last convolution.
    ///
    /// # Shapes
    /// - `input`: `[batch, in_channels, height, width]`
    /// - output: `[batch, out_channels, ceil(height / stride), ceil(width / stride)]`
    pub(crate) fn forward_tapped(&self, input: Tensor<4>, name: &str, tap: Tap<'_>) -> Tensor<4> {
        let mut last = |x| tap(&format!("{name}.{}", self.last_conv()), x);
        let x = relu(self.bn1.forward(self.conv1.forward(input.clone())));
        let x = self.conv2.forward(x);
        let x = match (&self.conv3, &self.bn3) {
            (Some(conv3), Some(bn3)) => bn3.forward(last(conv3.forward(relu(self.bn2.forward(x))))),
            _ => self.bn2.forward(last(x)),
        };
        let shortcut = match &self.downsample {
            Some(downsample) => conv_norm(downsample, input),
            None => input,
        };
        relu(x + shortcut)
    }
}

fn downsample(
    layers: &Layers<'_>,
    in_channels: usize,
    out_channels: usize,
    stride: usize,
) -> Option<ConvNorm> {
    (stride != 1 || in_channels != out_channels)
        .then(|| layers.conv_norm([in_channels, out_channels], 1, stride))
}
