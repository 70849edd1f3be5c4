//! Layers that the networks share.

use crate::network::Padding;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::activation::{sigmoid, silu};
use burn::tensor::{Device, Tensor};

/// A convolution and its batch normalization; a tuple, so that they are called 0 and 1.
pub(crate) type ConvNorm = (Conv2d, BatchNorm);

pub(crate) fn conv_norm((conv, norm): &ConvNorm, x: Tensor<4>) -> Tensor<4> {
    norm.forward(conv.forward(x))
}

/// Makes the layers of one network.
pub(crate) struct Layers<'a> {
    pub device: &'a Device,
    /// Epsilon of batch normalization.
    pub epsilon: f64,
    /// Weight of the newest batch in the running statistics.
    pub momentum: f64,
    pub padding: Padding,
}

impl Layers<'_> {
    /// A bias-free square convolution that leaves `ceil(side / stride)` cells a side.
    pub fn conv(&self, channels: [usize; 2], kernel_size: usize, stride: usize) -> Conv2d {
        self.conv_config(channels, kernel_size, stride).init(self.device)
    }

    /// Batch normalization.
    ///
    /// Burn updates the running variance with the biased batch variance where PyTorch takes the
    /// unbiased one; the two differ by a factor `n / (n - 1)` for `n` values a channel.
    pub fn batch_norm(&self, channels: usize) -> BatchNorm {
        BatchNormConfig::new(channels)
            .with_epsilon(self.epsilon)
            .with_momentum(self.momentum)
            .init(self.device)
    }

    pub fn conv_norm(&self, channels: [usize; 2], kernel_size: usize, stride: usize) -> ConvNorm {
        (self.conv(channels, kernel_size, stride), self.batch_norm(channels[1]))
    }

    /// A convolution that filters each channel alone, and its batch normalization.
    pub fn depthwise(&self, channels: usize, kernel_size: usize, stride: usize) -> ConvNorm {
        let config = self.conv_config([channels; 2], kernel_size, stride).with_groups(channels);
        (config.init(self.device), self.batch_norm(channels))
    }

    fn conv_config(&self, channels: [usize; 2], kernel_size: usize, stride: usize) -> Conv2dConfig {
        let half = kernel_size / 2;
        Conv2dConfig::new(channels, [kernel_size; 2])
            .with_stride([stride; 2])
            .with_padding(match self.padding {
                Padding::Torchvision => PaddingConfig2d::Explicit(half, half, half, half),
                Padding::Tf => PaddingConfig2d::Same,
            })
            .with_bias(false)
    }
}

/// Scales each channel by what the means of all channels say: squeeze and excitation.
///
/// `x * sigmoid(W_2 silu(W_1 mean(x) + b_1) + b_2)`, channel by channel.
///
/// # Source
/// Hu et al., 2018, <https://arxiv.org/abs/1709.01507>, equations 2 to 4, with EfficientNet's SiLU.
#[derive(Module, Debug)]
pub struct SqueezeExcitation {
    fc1: Conv2d,
    fc2: Conv2d,
}

impl SqueezeExcitation {
    /// A layer of `channels` channels that are squeezed to `squeezed` values.
    pub fn new(channels: usize, squeezed: usize, device: &Device) -> Self {
        let linear = |inputs, outputs| Conv2dConfig::new([inputs, outputs], [1, 1]).init(device);
        Self { fc1: linear(channels, squeezed), fc2: linear(squeezed, channels) }
    }

    /// Applies the layer.
    ///
    /// # Shapes
    /// - `x` and output: `[batch, channels, height, width]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let squeezed = silu(self.fc1.forward(x.clone().mean_dims(&[2, 3])));
        x * sigmoid(self.fc2.forward(squeezed))
    }
}
