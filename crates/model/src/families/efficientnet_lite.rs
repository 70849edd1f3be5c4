//! The EfficientNet-Lites.

mod names;

use super::Network;
use super::efficientnet::scale::{EfficientNetScale, NUM_STAGES, Stage};
use super::timm_blocks::{DepthwiseSeparable, InvertedResidual, InvertedResidualConfig};
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames};
use crate::drop::{DropSite, DropUnit};
use crate::head::{Head, Pooling};
use crate::layers::{Layers, Tracer, conv_norm};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::{ForeignNames, Naming};
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;

pub(super) const MEMBERS: &[Architecture] = &[
    Architecture::EFFICIENTNET_LITE0,
    Architecture::EFFICIENTNET_LITE1,
    Architecture::EFFICIENTNET_LITE2,
];

pub(super) static FAMILY: Family = Family {
    name: "an EfficientNet-Lite",
    head: HeadNames {
        linear: "classifier",
        norm: "classifier_bn",
        parts: &["classifier", "classifier_bn"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision, Padding::Tf],
    stage: |name| if name.starts_with("blocks.") { first_parts(name, 2) } else { around(name) },
    block: |name| if name.starts_with("blocks.") { first_parts(name, 3) } else { around(name) },
    marks: &["conv_stem.weight", "blocks.1.0.conv_pwl.weight"],
    foreign: &[ForeignNames {
        naming: Naming::EfficientNetPytorch,
        marks: &["_conv_stem.weight", "_blocks.0._depthwise_conv.weight"],
        to_own: names::of_efficientnet_pytorch,
        from_own: names::efficientnet_pytorch_names,
    }],
    timm: Naming::Torchvision,
    timm_has_tf: true,
    normalization: "efficientnet-lite",
    keras_normalization: None,
};

/// The stage of a weight before or after the blocks.
fn around(name: &str) -> &str {
    match first_parts(name, 1) {
        "conv_stem" | "bn1" => "stem",
        _ => "conv_head",
    }
}

/// A member of the family.
const fn member(
    name: &'static str,
    blueprint: &'static LiteScale,
    input_side_px: u32,
    weights: &'static [(&'static str, &'static str)],
) -> Descriptor {
    Descriptor {
        family: &FAMILY,
        name,
        blueprint,
        input_side_px,
        weights,
        recipe: None,
        blurred: &[],
    }
}

/// As in timm, which calls those with TensorFlow's padding and epsilon `tf_efficientnet_lite0` to `2`.
#[allow(missing_docs)]
impl Architecture {
    pub const EFFICIENTNET_LITE0: Self = Self {
        descriptor: &member(
            "efficientnet_lite0",
            &SCALES[0],
            224,
            &[("efficientnet_lite0", "efficientnet-lite0-57934424.pth")],
        ),
    };
    pub const EFFICIENTNET_LITE1: Self = Self {
        descriptor: &member(
            "efficientnet_lite1",
            &SCALES[1],
            240,
            &[("efficientnet_lite1", "efficientnet-lite1-77cc7160.pth")],
        ),
    };
    pub const EFFICIENTNET_LITE2: Self = Self {
        descriptor: &member(
            "efficientnet_lite2",
            &SCALES[2],
            260,
            &[("efficientnet_lite2", "efficientnet-lite2-9656183e.pth")],
        ),
    };
}

/// The sizes of the members: factors on width and depth, and rates of dropout.
const SCALES: [LiteScale; 3] = [
    LiteScale(EfficientNetScale::new(1.0, 1.0, 0.2)),
    LiteScale(EfficientNetScale::new(1.0, 1.1, 0.2)),
    LiteScale(EfficientNetScale::new(1.1, 1.2, 0.3)),
];

/// What distinguishes one size from another: as of an EfficientNet, but first and last convolution keep their
/// channels, first and last stage their one block.
struct LiteScale(EfficientNetScale);

impl LiteScale {
    fn stages(&self) -> [Stage; NUM_STAGES] {
        let mut stages = self.0.stages();
        stages[0] = Stage { in_channels: STEM_CHANNELS, num_blocks: 1, ..stages[0] };
        stages[NUM_STAGES - 1].num_blocks = 1;
        stages
    }
}

impl Blueprint for LiteScale {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::EfficientNetLite(EfficientNetLite::new(self, config, device))
    }

    fn num_features(&self) -> usize {
        NUM_FEATURES
    }
}

/// Channels of the first convolution.
const STEM_CHANNELS: usize = 32;

/// Channels of the last one.
const NUM_FEATURES: usize = 1280;

/// Largest rate of stochastic depth; block `i` of `n` has `i / n` of it.
const STOCHASTIC_DEPTH: f64 = 0.2;

/// The last stage that has a stride.
const LAST_STRIDED: usize = 5;

/// An EfficientNet with ReLU6 for SiLU and without squeeze and excitation, in timm's layout.
///
/// # Source
/// Tan and Le, 2019, <https://arxiv.org/abs/1905.11946>, as changed in
/// <https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite>; timm,
/// <https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/efficientnet.py>.
#[derive(Module, Debug)]
pub struct EfficientNetLite {
    conv_stem: Conv2d,
    bn1: BatchNorm,
    blocks: Vec<Vec<Block>>,
    conv_head: Conv2d,
    bn2: BatchNorm,
    pooling: Pooling,
    classifier_bn: Option<BatchNorm>,
    classifier: Linear,
}

/// A block. The variants' names are not part of parameter names.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Block {
    /// One that does not expand: the first.
    Separable(DepthwiseSeparable),
    /// One that does.
    Inverted(InvertedResidual),
}

impl Block {
    fn new(layers: &Layers<'_>, config: &InvertedResidualConfig) -> Self {
        let InvertedResidualConfig { in_channels, out_channels, stride, kernel_size, .. } = *config;
        match config.expansion {
            1 => {
                let conv_dw = layers.depthwise_conv(in_channels, kernel_size, stride);
                let channels = [in_channels, out_channels];
                Self::Separable(DepthwiseSeparable::new(layers, conv_dw, channels, false))
            }
            _ => Self::Inverted(InvertedResidual::new(layers, config)),
        }
    }
}

impl EfficientNetLite {
    fn new(scale: &LiteScale, config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers::of(config, device);
        let stages = scale.stages();
        let total: usize = stages.iter().map(|stage| stage.num_blocks).sum();
        let mut num_before = 0;
        let mut blocks = Vec::with_capacity(NUM_STAGES);
        for (stage_idx, stage) in stages.iter().enumerate() {
            let mut next = InvertedResidualConfig {
                expansion: stage.expansion,
                kernel_size: stage.kernel_size,
                stride: if stage_idx == LAST_STRIDED { config.last_stride } else { stage.stride },
                in_channels: stage.in_channels,
                out_channels: stage.out_channels,
                drop_rate: 0.0,
            };
            let mut of_stage = Vec::with_capacity(stage.num_blocks);
            for _ in 0..stage.num_blocks {
                next.drop_rate = STOCHASTIC_DEPTH * f64::from(num_before) / total as f64;
                of_stage.push(Block::new(&layers, &next));
                next = InvertedResidualConfig { in_channels: next.out_channels, stride: 1, ..next };
                num_before += 1;
            }
            blocks.push(of_stage);
        }
        let (conv_stem, bn1) = layers.conv_norm([3, STEM_CHANNELS], 3, 2);
        let last = [stages[NUM_STAGES - 1].out_channels, NUM_FEATURES];
        let (conv_head, bn2) = layers.conv_norm(last, 1, 1);
        Self {
            conv_stem,
            bn1,
            blocks,
            conv_head,
            bn2,
            pooling: Pooling::new(config, scale.0.dropout, device),
            classifier_bn: config.head_norm(device),
            classifier: config.head_linear(device),
        }
    }

    /// The blocks of all stages, by name.
    fn named_blocks(&self) -> impl Iterator<Item = (String, &Block)> {
        self.blocks.iter().enumerate().flat_map(|(stage_idx, stage)| {
            let name = move |block_idx| format!("blocks.{stage_idx}.{block_idx}");
            stage.iter().enumerate().map(move |(block_idx, block)| (name(block_idx), block))
        })
    }
}

impl Body for EfficientNetLite {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let x = channels_last(images);
        let x = conv_norm(&self.conv_stem, &self.bn1, x, None, Activation::Relu6);
        let mut x = tap.apply("bn1", x);
        for (stage_idx, stage) in self.blocks.iter().enumerate() {
            for (block_idx, block) in stage.iter().enumerate() {
                let name = format!("blocks.{stage_idx}.{block_idx}");
                x = match block {
                    Block::Separable(block) => block.forward(x),
                    Block::Inverted(block) => block.forward_tapped(x, &name, tap),
                };
                x = tap.apply(&name, x);
            }
            x = tap.apply(&format!("blocks.{stage_idx}"), x);
        }
        let x = conv_norm(&self.conv_head, &self.bn2, x, None, Activation::Relu6);
        let x = tap.apply(self.last_tap(), x);
        self.classifier.forward(self.pooling.forward(x, self.classifier_bn.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.conv(&self.conv_stem);
        tracer.norm(&self.bn1);
        for block in self.blocks.iter().flatten() {
            match block {
                Block::Separable(block) => block.trace(tracer),
                Block::Inverted(block) => block.trace(tracer),
            }
        }
        tracer.conv(&self.conv_head);
        tracer.norm(&self.bn2);
        tracer.size = [1, 1];
        self.classifier_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = vec!["bn1".to_string()];
        for (stage_idx, stage) in self.blocks.iter().enumerate() {
            for (block_idx, block) in stage.iter().enumerate() {
                let name = format!("blocks.{stage_idx}.{block_idx}");
                if matches!(block, Block::Inverted(_)) {
                    names.push(InvertedResidual::branch(&name));
                }
                names.push(name);
            }
            names.push(format!("blocks.{stage_idx}"));
        }
        names.push(self.last_tap().to_string());
        names
    }

    /// The last convolution, with its normalization and activation.
    fn last_tap(&self) -> &'static str {
        "bn2"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }

    fn drop_sites(&self) -> Vec<DropSite> {
        let site = |(name, block): (String, &Block)| match block {
            Block::Separable(_) => None,
            Block::Inverted(block) => Some(DropSite {
                name: InvertedResidual::branch(&name),
                rate: block.drop_rate(),
                unit: DropUnit::Image,
            }),
        };
        self.named_blocks().filter_map(site).filter(|site| site.rate > 0.0).collect()
    }
}
