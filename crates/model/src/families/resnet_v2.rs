//! The ResNets of 2016, whose blocks normalize first.

use super::Network;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames, NormSettings};
use crate::head::{Head, Pooling};
use crate::layers::{Layers, Tracer, conv_biased, conv_norm, normalized};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::Naming;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::{Activation, max_pool};

pub(super) const MEMBERS: &[Architecture] = &[Architecture::RESNET50V2];

pub(super) static FAMILY: Family = Family {
    name: "a ResNetV2",
    head: HeadNames {
        linear: "predictions",
        norm: "predictions_bn",
        parts: &["predictions", "predictions_bn"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision],
    stage: |name| match first_parts(name, 1) {
        "conv1_conv" => "stem",
        "post_bn" => "post_bn",
        block => block.split('_').next().unwrap_or(block),
    },
    block: |name| match first_parts(name, 1) {
        "conv1_conv" => "stem",
        block => block,
    },
    marks: &["conv1_conv.weight", "conv2_block1.preact_bn.weight"],
    foreign: &[],
    timm: Naming::Unknown,
    timm_has_tf: false,
    normalization: "keras-tf",
    keras_normalization: Some("keras-tf"),
};

/// Keras' network; timm's `resnetv2_50` strides elsewhere and has other biases.
#[allow(missing_docs)]
impl Architecture {
    pub const RESNET50V2: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "resnet50v2",
            blueprint: &Depth { num_blocks: [3, 4, 6, 3] },
            input_side_px: 224,
            weights: &[],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Channels of the first convolution.
const STEM_CHANNELS: usize = 64;

/// Channels of a block's output for one channel inside it.
const EXPANSION: usize = 4;

/// Blocks of each stage; the last of each but the last stage strides.
struct Depth {
    num_blocks: [usize; 4],
}

impl Blueprint for Depth {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::ResNetV2(ResNetV2::new(self, config, device))
    }

    fn num_features(&self) -> usize {
        EXPANSION * (STEM_CHANNELS << (self.num_blocks.len() - 1))
    }

    fn batch_norm(&self, _: &NetworkConfig) -> NormSettings {
        NormSettings { epsilon: 1.001e-5, momentum: 0.01 }
    }
}

/// A ResNet whose blocks begin with a normalization and an activation, in Keras' layout: the last block of
/// a stage strides, and the border of the first pooling is zero where values before it may be negative.
///
/// A layer is called what Keras calls it, with a dot after its block and the kind before its number:
/// `conv2_block1.conv0` is Keras' `conv2_block1_0_conv`.
///
/// # Source
/// He et al., 2016, <https://arxiv.org/abs/1603.05027>; Keras,
/// <https://github.com/keras-team/keras/blob/master/keras/src/applications/resnet_v2.py>.
#[derive(Module, Debug)]
pub struct ResNetV2 {
    conv1_conv: Conv2d,
    conv2_block_: Vec<Block>,
    conv3_block_: Vec<Block>,
    conv4_block_: Vec<Block>,
    conv5_block_: Vec<Block>,
    post_bn: BatchNorm,
    pooling: Pooling,
    predictions_bn: Option<BatchNorm>,
    predictions: Linear,
}

/// A bottleneck after a normalization, added to what came in.
#[derive(Module, Debug)]
pub struct Block {
    preact_bn: BatchNorm,
    /// Of a shortcut between different numbers of channels; it sees what is normalized.
    conv0: Option<Conv2d>,
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Conv2d,
    stride: usize,
}

impl Block {
    fn new(layers: &Layers<'_>, in_channels: usize, channels: usize, stride: usize) -> Self {
        let out_channels = EXPANSION * channels;
        let shortcut = [in_channels, out_channels];
        Self {
            preact_bn: layers.batch_norm(in_channels),
            conv0: (in_channels != out_channels).then(|| layers.biased_conv(shortcut, 1, 1)),
            conv1: layers.conv([in_channels, channels], 1, 1),
            bn1: layers.batch_norm(channels),
            conv2: layers.conv([channels; 2], 3, stride),
            bn2: layers.batch_norm(channels),
            conv3: layers.biased_conv([channels, out_channels], 1, 1),
            stride,
        }
    }

    /// Applies the block that is called `name`, with a tap after its last convolution.
    fn forward_tapped(&self, input: Tensor<4>, name: &str, tap: &mut Tap<'_>) -> Tensor<4> {
        let active = normalized(&self.preact_bn, input.clone(), None, Activation::Relu);
        let shortcut = match &self.conv0 {
            Some(conv) => conv_biased(conv, active.clone(), Activation::None),
            None if self.stride == 1 => input,
            None => max_pool(input, 1, self.stride, [0; 4]),
        };
        let x = conv_norm(&self.conv1, &self.bn1, active, None, Activation::Relu);
        let x = conv_norm(&self.conv2, &self.bn2, x, None, Activation::Relu);
        let x = conv_biased(&self.conv3, x, Activation::None);
        tap.apply(&last_conv(name), x) + shortcut
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.norm(&self.preact_bn);
        self.conv0.iter().for_each(|conv| tracer.conv(conv));
        tracer.conv(&self.conv1);
        tracer.norm(&self.bn1);
        tracer.conv(&self.conv2);
        tracer.norm(&self.bn2);
        tracer.conv(&self.conv3);
    }
}

/// The tap of the last convolution of the block `name`.
fn last_conv(name: &str) -> String {
    format!("{name}.conv3")
}

impl ResNetV2 {
    fn new(depth: &Depth, config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers::of(config, device);
        let mut in_channels = STEM_CHANNELS;
        let mut stage = |idx: usize, last_stride: usize| -> Vec<Block> {
            let channels = STEM_CHANNELS << idx;
            let num_blocks = depth.num_blocks[idx];
            let strides =
                (1..=num_blocks).map(|number| if number == num_blocks { last_stride } else { 1 });
            strides
                .map(|stride| {
                    let block = Block::new(&layers, in_channels, channels, stride);
                    in_channels = EXPANSION * channels;
                    block
                })
                .collect()
        };
        Self {
            conv1_conv: layers.biased_conv([3, STEM_CHANNELS], 7, 2),
            conv2_block_: stage(0, 2),
            conv3_block_: stage(1, 2),
            conv4_block_: stage(2, config.last_stride),
            conv5_block_: stage(3, 1),
            post_bn: layers.batch_norm(depth.num_features()),
            pooling: Pooling::new(config, 0.0, device),
            predictions_bn: config.head_norm(device),
            predictions: config.head_linear(device),
        }
    }

    /// The blocks and their names.
    fn blocks(&self) -> impl Iterator<Item = (String, &Block)> {
        let stages =
            [&self.conv2_block_, &self.conv3_block_, &self.conv4_block_, &self.conv5_block_];
        stages.into_iter().enumerate().flat_map(|(stage_idx, blocks)| {
            let named =
                move |(idx, block)| (format!("conv{}_block{}", stage_idx + 2, idx + 1), block);
            blocks.iter().enumerate().map(named)
        })
    }
}

impl Body for ResNetV2 {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let x = conv_biased(&self.conv1_conv, channels_last(images), Activation::None);
        let x = x.pad([(1, 1), (1, 1), (0, 0)], 0.0);
        let x = tap.apply(POOL, max_pool(x, 3, 2, [0; 4]));
        let x = self.blocks().fold(x, |x, (name, block)| {
            let x = block.forward_tapped(x, &name, tap);
            tap.apply(&name, x)
        });
        let x = normalized(&self.post_bn, x, None, Activation::Relu);
        let x = tap.apply(self.last_tap(), x);
        self.predictions.forward(self.pooling.forward(x, self.predictions_bn.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.conv(&self.conv1_conv);
        tracer.size = tracer.size.map(|side| side.div_ceil(2));
        self.blocks().for_each(|(_, block)| block.trace(tracer));
        tracer.norm(&self.post_bn);
        tracer.size = [1, 1];
        self.predictions_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = vec![POOL.to_string()];
        names.extend(self.blocks().flat_map(|(name, _)| [last_conv(&name), name]));
        names.push(self.last_tap().to_string());
        names
    }

    /// The activation after the last normalization.
    fn last_tap(&self) -> &'static str {
        "post_relu"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}

/// The tap of the first pooling.
const POOL: &str = "pool1_pool";
