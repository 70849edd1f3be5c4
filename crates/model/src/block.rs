//! The residual blocks of ResNet.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor, activation::relu};

/// One residual block, `relu(F(x) + shortcut(x))`.
///
/// Two 3x3 convolutions make the basic block of ResNet-18; a 1x1, a 3x3 and a 1x1 convolution make
/// the bottleneck of ResNet-50. A bottleneck strides in its 3x3 convolution ("v1.5").
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
    downsample: Option<(Conv2d, BatchNorm)>,
}

impl Block {
    /// A basic block from `in_channels` to `channels`.
    pub fn basic(in_channels: usize, channels: usize, stride: usize, device: &Device) -> Self {
        Self {
            conv1: conv(in_channels, channels, 3, stride, device),
            bn1: batch_norm(channels, device),
            conv2: conv(channels, channels, 3, 1, device),
            bn2: batch_norm(channels, device),
            conv3: None,
            bn3: None,
            downsample: downsample(in_channels, channels, stride, device),
        }
    }

    /// A bottleneck block from `in_channels` through `channels` to `4 * channels`.
    pub fn bottleneck(in_channels: usize, channels: usize, stride: usize, device: &Device) -> Self {
        let out_channels = 4 * channels;
        Self {
            conv1: conv(in_channels, channels, 1, 1, device),
            bn1: batch_norm(channels, device),
            conv2: conv(channels, channels, 3, stride, device),
            bn2: batch_norm(channels, device),
            conv3: Some(conv(channels, out_channels, 1, 1, device)),
            bn3: Some(batch_norm(out_channels, device)),
            downsample: downsample(in_channels, out_channels, stride, device),
        }
    }

    /// Applies the block.
    ///
    /// # Shapes
    /// - `input`: `[batch, in_channels, height, width]`
    /// - output: `[batch, out_channels, ceil(height / stride), ceil(width / stride)]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let x = relu(self.bn1.forward(self.conv1.forward(input.clone())));
        let mut x = self.bn2.forward(self.conv2.forward(x));
        if let (Some(conv3), Some(bn3)) = (&self.conv3, &self.bn3) {
            x = bn3.forward(conv3.forward(relu(x)));
        }
        let shortcut = match &self.downsample {
            Some((conv, bn)) => bn.forward(conv.forward(input)),
            None => input,
        };
        relu(x + shortcut)
    }
}

/// A bias-free square convolution with "same" zero padding at stride 1.
pub(crate) fn conv(
    in_channels: usize,
    out_channels: usize,
    kernel_size: usize,
    stride: usize,
    device: &Device,
) -> Conv2d {
    let padding = kernel_size / 2;
    Conv2dConfig::new([in_channels, out_channels], [kernel_size; 2])
        .with_stride([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_bias(false)
        .init(device)
}

/// Batch normalization as in torchvision: epsilon 1e-5, momentum 0.1.
///
/// Burn updates the running variance with the biased batch variance where PyTorch takes the
/// unbiased one; the two differ by a factor `n / (n - 1)` for `n` values a channel.
pub(crate) fn batch_norm(channels: usize, device: &Device) -> BatchNorm {
    BatchNormConfig::new(channels).with_epsilon(1e-5).with_momentum(0.1).init(device)
}

fn downsample(
    in_channels: usize,
    out_channels: usize,
    stride: usize,
    device: &Device,
) -> Option<(Conv2d, BatchNorm)> {
    (stride != 1 || in_channels != out_channels).then(|| {
        (conv(in_channels, out_channels, 1, stride, device), batch_norm(out_channels, device))
    })
}
