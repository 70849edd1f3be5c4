//! The ConvNeXts.

use super::Network;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames};
use crate::drop::{DropSite, DropUnit, stochastic_depth_rate};
use crate::head::{Head, Pooling};
use crate::layers::{Dense, LayerNorm, Layers, Tracer, conv_biased};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::Naming;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, Initializer, Linear, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use dermx_kernels::{Activation, global_avg_pool};

pub(super) const MEMBERS: &[Architecture] =
    &[Architecture::CONVNEXT_TINY, Architecture::CONVNEXT_SMALL];

pub(super) static FAMILY: Family = Family {
    name: "a ConvNeXt",
    head: HeadNames {
        linear: "classifier.2",
        norm: "classifier.1",
        parts: &["classifier"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision],
    stage: |name| first_parts(name, 2),
    block: |name| {
        let is_in_block = matches!(name.split('.').nth(3), Some("block" | "layer_scale"));
        first_parts(name, if is_in_block { 3 } else { 2 })
    },
    marks: &["features.0.0.weight", "features.1.0.layer_scale"],
    foreign: &[],
    timm: Naming::Unknown,
    timm_has_tf: false,
    normalization: "imagenet",
    keras_normalization: None,
};

/// As in torchvision.
#[allow(missing_docs)]
impl Architecture {
    pub const CONVNEXT_TINY: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "convnext_tiny",
            blueprint: &Depth { num_blocks: [3, 3, 9, 3], drop_rate: 0.1 },
            input_side_px: 224,
            weights: &[("convnext_tiny", "convnext_tiny-983f1562.pth")],
            recipe: None,
            blurred: &[],
        },
    };
    pub const CONVNEXT_SMALL: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "convnext_small",
            blueprint: &Depth { num_blocks: [3, 3, 27, 3], drop_rate: 0.4 },
            input_side_px: 224,
            weights: &[("convnext_small", "convnext_small-0c510722.pth")],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Channels of each stage.
const CHANNELS: [usize; 4] = [96, 192, 384, 768];

/// Channels inside a block for each that it takes.
const EXPANSION: usize = 4;

/// What each channel of a block's branch is multiplied with at first.
const LAYER_SCALE: f64 = 1e-6;

/// Epsilon of the layer normalizations.
const EPSILON: f64 = 1e-6;

/// Blocks of each stage, and the rate of stochastic depth in the last block.
struct Depth {
    num_blocks: [usize; 4],
    drop_rate: f64,
}

impl Blueprint for Depth {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::ConvNext(ConvNext::new(self, config, device))
    }

    fn num_features(&self) -> usize {
        CHANNELS[CHANNELS.len() - 1]
    }

    /// They are normalized between.
    fn pools_last_tap(&self) -> bool {
        false
    }

    /// Patches of 4x4 pixels, and then of 2x2 cells; what is left is not looked at.
    fn feature_size(&self, config: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side / (16 * config.last_stride))
    }
}

/// A ConvNeXt in torchvision's layout. With a last stride of 1 the last layer between stages moves by one
/// cell, and sees zeros beyond the last one.
///
/// # Source
/// Liu et al., 2022, <https://arxiv.org/abs/2201.03545>; torchvision,
/// <https://github.com/pytorch/vision/blob/main/torchvision/models/convnext.py>.
#[derive(Module, Debug)]
pub struct ConvNext {
    features: Vec<Feature>,
    pooling: Pooling,
    classifier: (LayerNorm, Option<BatchNorm>, Linear),
}

/// A member of torchvision's `features`. The variants' names are not part of parameter names.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Feature {
    /// Squares of 4x4 pixels, normalized.
    Stem((Conv2d, LayerNorm)),
    /// A stage.
    Blocks(Vec<Block>),
    /// Between stages: normalization, and squares of 2x2 cells.
    Downsample((LayerNorm, Conv2d)),
}

/// A depthwise 7x7 convolution, normalization, and two linear layers of each cell with a GELU between
/// them, scaled and added to the input.
#[derive(Module, Debug)]
pub struct Block {
    /// At 1 and 4 torchvision permutes and applies the activation.
    block: (Conv2d, Option<Dense>, LayerNorm, Dense, Option<Dense>, Dense),
    layer_scale: Param<Tensor<3>>,
    drop_rate: f64,
}

impl ConvNext {
    fn new(depth: &Depth, config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers::of(config, device);
        let stem = layers.patches([3, CHANNELS[0]], 4);
        let mut features =
            vec![Feature::Stem((stem, LayerNorm::new(CHANNELS[0], EPSILON, device)))];
        let mut num_before = 0;
        for (stage_idx, (channels, num_blocks)) in
            CHANNELS.into_iter().zip(depth.num_blocks).enumerate()
        {
            if stage_idx > 0 {
                let is_last = stage_idx + 1 == CHANNELS.len();
                let stride = if is_last { config.last_stride } else { 2 };
                let in_channels = CHANNELS[stage_idx - 1];
                let norm = LayerNorm::new(in_channels, EPSILON, device);
                let conv = halving([in_channels, channels], stride, device);
                features.push(Feature::Downsample((norm, conv)));
            }
            let block = |idx| {
                Block::new(
                    &layers,
                    channels,
                    stochastic_depth_rate(depth.drop_rate, &depth.num_blocks, num_before + idx),
                )
            };
            features.push(Feature::Blocks((0..num_blocks).map(block).collect()));
            num_before += num_blocks;
        }
        let norm = LayerNorm::new(depth.num_features(), EPSILON, device);
        Self {
            features,
            pooling: Pooling::new(config, 0.0, device),
            classifier: (norm, config.head_norm(device), config.head_linear(device)),
        }
    }

    /// The blocks and their names.
    fn blocks(&self) -> impl Iterator<Item = (String, &Block)> {
        self.features.iter().enumerate().flat_map(|(idx, feature)| {
            let blocks: &[Block] = match feature {
                Feature::Blocks(blocks) => blocks,
                Feature::Stem(_) | Feature::Downsample(_) => &[],
            };
            let named = move |(block_idx, block)| (format!("features.{idx}.{block_idx}"), block);
            blocks.iter().enumerate().map(named)
        })
    }
}

/// Squares of 2x2 cells, `stride` apart.
fn halving(channels: [usize; 2], stride: usize, device: &Device) -> Conv2d {
    let beyond = 2 - stride;
    Conv2dConfig::new(channels, [2; 2])
        .with_stride([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(0, 0, beyond, beyond))
        .init(device)
}

impl Block {
    fn new(layers: &Layers<'_>, channels: usize, drop_rate: f64) -> Self {
        let device = layers.device;
        let inside = EXPANSION * channels;
        let block = (
            layers.biased_depthwise(channels, 7),
            None,
            LayerNorm::new(channels, EPSILON, device),
            Dense::new([channels, inside], device),
            None,
            Dense::new([inside, channels], device),
        );
        let scale = Initializer::Constant { value: LAYER_SCALE };
        Self { block, layer_scale: scale.init([channels, 1, 1], device), drop_rate }
    }

    /// Applies the block that is called `name`, with a tap before the input is added.
    fn forward_tapped(&self, input: Tensor<4>, name: &str, tap: &mut Tap<'_>) -> Tensor<4> {
        let (depthwise, _, norm, expand, _, project) = &self.block;
        let x = norm.forward(conv_biased(depthwise, input.clone(), Activation::None));
        let x = expand.forward(x, Activation::Gelu);
        let scale = Some(self.layer_scale.val().reshape([-1]));
        let branch = branch(name);
        // Without a tap in between the input is added in the same pass.
        match tap.wants(&branch) {
            true => tap.apply(&branch, project.sum(x, scale, None)) + input,
            false => project.sum(x, scale, Some(input)),
        }
    }

    fn trace(&self, tracer: &mut Tracer) {
        let (depthwise, _, _, expand, _, project) = &self.block;
        tracer.conv(depthwise);
        expand.trace(tracer);
        project.trace(tracer);
    }
}

/// Torchvision's name of what the branch of the block `name` goes through before the sum.
fn branch(name: &str) -> String {
    format!("{name}.stochastic_depth")
}

impl Body for ConvNext {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let mut x = channels_last(images);
        for (idx, feature) in self.features.iter().enumerate() {
            let name = format!("features.{idx}");
            x = match feature {
                Feature::Stem((conv, norm)) => norm.forward(conv_biased(conv, x, Activation::None)),
                Feature::Downsample((norm, conv)) => {
                    conv_biased(conv, norm.forward(x), Activation::None)
                }
                Feature::Blocks(blocks) => {
                    blocks.iter().enumerate().fold(x, |x, (block_idx, block)| {
                        let name = format!("{name}.{block_idx}");
                        let x = block.forward_tapped(x, &name, tap);
                        tap.apply(&name, x)
                    })
                }
            };
            x = tap.apply(&name, x);
        }
        let (norm, batch_norm, linear) = &self.classifier;
        let [batch, _, _, channels] = x.dims();
        let means = norm.forward(global_avg_pool(x).reshape([batch, 1, 1, channels]));
        linear.forward(self.pooling.forward(means, batch_norm.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        for feature in &self.features {
            match feature {
                Feature::Stem((conv, _)) | Feature::Downsample((_, conv)) => tracer.conv(conv),
                Feature::Blocks(blocks) => blocks.iter().for_each(|block| block.trace(tracer)),
            }
        }
        tracer.size = [1, 1];
        self.classifier.1.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (idx, feature) in self.features.iter().enumerate() {
            let name = format!("features.{idx}");
            if let Feature::Blocks(blocks) = feature {
                let blocks = (0..blocks.len()).map(|block_idx| format!("{name}.{block_idx}"));
                names.extend(blocks.flat_map(|block| [branch(&block), block]));
            }
            names.push(name);
        }
        names
    }

    fn last_tap(&self) -> &'static str {
        "features.7"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }

    fn drop_sites(&self) -> Vec<DropSite> {
        let dropping = self.blocks().filter(|(_, block)| block.drop_rate > 0.0);
        dropping
            .map(|(name, block)| DropSite {
                name: branch(&name),
                rate: block.drop_rate,
                unit: DropUnit::Image,
            })
            .collect()
    }
}
