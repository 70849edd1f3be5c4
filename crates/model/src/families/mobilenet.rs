//! The first MobileNet.

use super::Network;
use super::timm_blocks::DepthwiseSeparable;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames};
use crate::head::{Head, Pooling};
use crate::layers::{Layers, Tracer, conv_norm};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::Naming;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;

pub(super) const MEMBERS: &[Architecture] = &[Architecture::MOBILENETV1_100];

pub(super) static FAMILY: Family = Family {
    name: "a MobileNet",
    head: HeadNames {
        linear: "classifier",
        norm: "classifier_bn",
        parts: &["classifier", "classifier_bn"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision, Padding::Tf],
    stage: |name| if is_stem(name) { "stem" } else { first_parts(name, 2) },
    block: |name| if is_stem(name) { "stem" } else { first_parts(name, 3) },
    marks: &["conv_stem.weight", "blocks.3.5.conv_pw.weight"],
    foreign: &[],
    timm: Naming::Torchvision,
    timm_has_tf: false,
    normalization: "keras-tf",
    keras_normalization: Some("keras-tf"),
};

fn is_stem(name: &str) -> bool {
    ["conv_stem", "bn1"].contains(&first_parts(name, 1))
}

/// As in timm.
#[allow(missing_docs)]
impl Architecture {
    pub const MOBILENETV1_100: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "mobilenetv1_100",
            blueprint: &Stages,
            input_side_px: 224,
            weights: &[],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Table 1 of the paper: channels, blocks, and stride of the first block.
const STAGES: [[usize; 3]; 5] = [[64, 1, 1], [128, 2, 2], [256, 2, 2], [512, 6, 2], [1024, 2, 2]];

/// The last stage that has a stride.
const LAST_STRIDED: usize = 4;

/// Channels of the first convolution.
const STEM_CHANNELS: usize = 32;

struct Stages;

impl Blueprint for Stages {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::MobileNet(MobileNet::new(config, device))
    }

    fn num_features(&self) -> usize {
        STAGES[STAGES.len() - 1][0]
    }

    /// All strides round up, but those of Keras' blocks down.
    fn feature_size(&self, config: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        let stride = 8 * config.last_stride;
        size.map(|side| match config.padding {
            Padding::Torchvision => side.div_ceil(2 * stride),
            Padding::Tf => side.div_ceil(2) / stride,
        })
    }
}

/// MobileNet of width 1 in timm's layout.
///
/// [`Padding::Tf`] is Keras': TensorFlow's padding of the first convolution, and one row below and one
/// column to the right, whatever the size, where a block strides.
///
/// # Source
/// Howard et al., 2017, <https://arxiv.org/abs/1704.04861>; timm,
/// <https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/efficientnet.py>; Keras,
/// `keras/src/applications/mobilenet.py`.
#[derive(Module, Debug)]
pub struct MobileNet {
    conv_stem: Conv2d,
    bn1: BatchNorm,
    blocks: Vec<Vec<DepthwiseSeparable>>,
    pooling: Pooling,
    classifier_bn: Option<BatchNorm>,
    classifier: Linear,
}

impl MobileNet {
    fn new(config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers::of(config, device);
        let (conv_stem, bn1) = layers.conv_norm([3, STEM_CHANNELS], 3, 2);
        let mut in_channels = STEM_CHANNELS;
        let mut blocks = Vec::with_capacity(STAGES.len());
        for (stage_idx, [channels, num_blocks, stride]) in STAGES.into_iter().enumerate() {
            let stride = if stage_idx == LAST_STRIDED { config.last_stride } else { stride };
            let block = |block_idx: usize| {
                let (inputs, stride) =
                    if block_idx == 0 { (in_channels, stride) } else { (channels, 1) };
                let conv_dw = depthwise(&layers, inputs, stride);
                DepthwiseSeparable::new(&layers, conv_dw, [inputs, channels], true)
            };
            blocks.push((0..num_blocks).map(block).collect());
            in_channels = channels;
        }
        Self {
            conv_stem,
            bn1,
            blocks,
            pooling: Pooling::new(config, 0.0, device),
            classifier_bn: config.head_norm(device),
            classifier: config.head_linear(device),
        }
    }
}

/// The convolution of a block that filters each channel alone.
fn depthwise(layers: &Layers<'_>, channels: usize, stride: usize) -> Conv2d {
    let conv = layers.depthwise_conv(channels, 3, stride);
    match layers.padding {
        Padding::Tf if stride != 1 => {
            Conv2d { padding: PaddingConfig2d::Explicit(0, 0, 1, 1), ..conv }
        }
        _ => conv,
    }
}

impl Body for MobileNet {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let x = channels_last(images);
        let x = conv_norm(&self.conv_stem, &self.bn1, x, None, Activation::Relu6);
        let mut x = tap.apply("bn1", x);
        for (stage_idx, stage) in self.blocks.iter().enumerate() {
            for (block_idx, block) in stage.iter().enumerate() {
                x = tap.apply(&format!("blocks.{stage_idx}.{block_idx}"), block.forward(x));
            }
            x = tap.apply(&format!("blocks.{stage_idx}"), x);
        }
        self.classifier.forward(self.pooling.forward(x, self.classifier_bn.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.conv(&self.conv_stem);
        tracer.norm(&self.bn1);
        self.blocks.iter().flatten().for_each(|block| block.trace(tracer));
        tracer.size = [1, 1];
        self.classifier_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = vec!["bn1".to_string()];
        for (stage_idx, stage) in self.blocks.iter().enumerate() {
            names.extend((0..stage.len()).map(|block| format!("blocks.{stage_idx}.{block}")));
            names.push(format!("blocks.{stage_idx}"));
        }
        names
    }

    fn last_tap(&self) -> &'static str {
        "blocks.4"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}
