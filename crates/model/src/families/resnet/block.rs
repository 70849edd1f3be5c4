//! The residual blocks of ResNet.

use crate::config::Variant;
use crate::layers::{ConvNorm, Layers, Tracer, conv_norm, convolved, normalized};
use crate::tap::Tap;
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use dermx_kernels::Activation;

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
    pub fn basic(layers: &Layers<'_>, in_channels: usize, channels: usize, stride: usize) -> Self {
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
    pub fn bottleneck(
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
    pub const fn last_conv(&self) -> &'static str {
        if self.conv3.is_some() { "conv3" } else { "conv2" }
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        let size = tracer.size;
        self.downsample.iter().for_each(|layer| tracer.conv_norm(layer));
        tracer.size = size;
        tracer.conv(&self.conv1);
        tracer.norm(&self.bn1);
        tracer.conv(&self.conv2);
        tracer.norm(&self.bn2);
        self.conv3.iter().for_each(|conv| tracer.conv(conv));
        self.bn3.iter().for_each(|norm| tracer.norm(norm));
    }

    /// Applies the block that is called `name`, with a tap after its last convolution.
    ///
    /// # Shapes
    /// - `input`: `[batch, height, width, in_channels]`
    /// - output: `[batch, ceil(height / stride), ceil(width / stride), out_channels]`
    pub fn forward_tapped(&self, input: Tensor<4>, name: &str, tap: &mut Tap<'_>) -> Tensor<4> {
        let x = conv_norm(&self.conv1, &self.bn1, input.clone(), None, Activation::Relu);
        let (conv, norm, x) = match (&self.conv3, &self.bn3) {
            (Some(conv3), Some(bn3)) => {
                (conv3, bn3, conv_norm(&self.conv2, &self.bn2, x, None, Activation::Relu))
            }
            _ => (&self.conv2, &self.bn2, x),
        };
        let shortcut = Some(match &self.downsample {
            Some((conv, norm)) => conv_norm(conv, norm, input, None, Activation::None),
            None => input,
        });
        let last = format!("{name}.{}", self.last_conv());
        match tap.wants(&last) {
            true => {
                let z = tap.apply(&last, convolved(conv, x));
                normalized(norm, z, shortcut, Activation::Relu)
            }
            false => conv_norm(conv, norm, x, shortcut, Activation::Relu),
        }
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
