//! The Swin transformers.

mod attention;
mod merging;
mod names;

use self::attention::WindowAttention;
use self::merging::PatchMerging;
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
use crate::weight_names::{ForeignNames, Naming};
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;

pub(super) const MEMBERS: &[Architecture] = &[Architecture::SWIN_T];

pub(super) static FAMILY: Family = Family {
    name: "a Swin transformer",
    head: HeadNames {
        linear: "head",
        norm: "head_norm",
        parts: &["head", "head_norm"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision],
    stage,
    block: |name| match name.split('.').nth(3) {
        Some("attn" | "mlp" | "norm1" | "norm2") => first_parts(name, 3),
        _ => stage(name),
    },
    marks: &["features.1.0.attn.relative_position_bias_table", "features.2.reduction.weight"],
    foreign: &[ForeignNames {
        naming: Naming::Timm,
        marks: &["patch_embed.norm.weight", "layers.0.blocks.0.attn.relative_position_bias_table"],
        to_own: names::of_timm,
        from_own: names::timm_names,
    }],
    timm: Naming::Timm,
    timm_has_tf: false,
    normalization: "imagenet",
    keras_normalization: None,
};

/// `features.3`, or `norm`.
fn stage(name: &str) -> &str {
    first_parts(name, if name.starts_with("features.") { 2 } else { 1 })
}

/// As in torchvision.
#[allow(missing_docs)]
impl Architecture {
    pub const SWIN_T: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "swin_t",
            blueprint: &Size { channels: 96, num_blocks: [2, 2, 6, 2], drop_rate: 0.2 },
            input_side_px: 224,
            weights: &[("swin_t", "swin_t-704ceda3.pth")],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Side of a patch in pixels.
const PATCH_PX: usize = 4;

/// Channels between the linear layers of a cell for each that it has.
const EXPANSION: usize = 4;

/// Epsilon of the layer normalizations.
const EPSILON: f64 = 1e-5;

/// Channels and blocks.
struct Size {
    /// Of the first stage; each stage has twice as many as the one before.
    channels: usize,
    num_blocks: [usize; 4],
    /// The rate of stochastic depth in the last block.
    drop_rate: f64,
}

impl Size {
    fn channels(&self, stage_idx: usize) -> usize {
        self.channels << stage_idx
    }
}

impl Blueprint for Size {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::Swin(Swin::new(self, config, device))
    }

    fn num_features(&self) -> usize {
        self.channels(self.num_blocks.len() - 1)
    }

    /// Merging takes squares of cells beside each other.
    fn takes_last_stride(&self, last_stride: usize) -> bool {
        last_stride == 2
    }

    /// What is left of an image beside the patches is not looked at; an odd side of feature maps is
    /// continued.
    fn feature_size(&self, _: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| (side / PATCH_PX).div_ceil(8))
    }
}

/// A Swin transformer in torchvision's layout, for images of any size, as there.
///
/// # Source
/// Liu et al., 2021, <https://arxiv.org/abs/2103.14030>; torchvision,
/// <https://github.com/pytorch/vision/blob/main/torchvision/models/swin_transformer.py>.
#[derive(Module, Debug)]
pub struct Swin {
    features: Vec<Feature>,
    norm: LayerNorm,
    pooling: Pooling,
    head_norm: Option<BatchNorm>,
    head: Linear,
}

/// A member of torchvision's `features`. The variants' names are not part of parameter names.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Feature {
    /// Squares of 4x4 pixels, normalized. At 1 torchvision permutes.
    Patches((Conv2d, Option<Dense>, LayerNorm)),
    /// A stage.
    Blocks(Vec<Block>),
    /// Between stages.
    Merging(PatchMerging),
}

/// Attention within windows, then two linear layers of each cell with a GELU between them; each after a
/// normalization, and added to its input. The windows of every second block are shifted.
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    attn: WindowAttention,
    norm2: LayerNorm,
    /// At 1 and 2 torchvision has activation and dropout.
    mlp: (Dense, Option<Dense>, Option<Dense>, Dense),
    drop_rate: f64,
}

impl Swin {
    fn new(size: &Size, config: &NetworkConfig, device: &Device) -> Self {
        let patches = Layers::of(config, device).patches([3, size.channels], PATCH_PX);
        let norm = LayerNorm::new(size.channels, EPSILON, device);
        let mut features = vec![Feature::Patches((patches, None, norm))];
        let mut num_before = 0;
        for (stage_idx, &num_blocks) in size.num_blocks.iter().enumerate() {
            if stage_idx > 0 {
                let merging = PatchMerging::new(size.channels(stage_idx - 1), device);
                features.push(Feature::Merging(merging));
            }
            let block = |idx: usize| {
                let is_shifted = idx % 2 == 1;
                let rate =
                    stochastic_depth_rate(size.drop_rate, &size.num_blocks, num_before + idx);
                Block::new(size.channels(stage_idx), is_shifted, rate, device)
            };
            features.push(Feature::Blocks((0..num_blocks).map(block).collect()));
            num_before += num_blocks;
        }
        Self {
            features,
            norm: LayerNorm::new(size.num_features(), EPSILON, device),
            pooling: Pooling::new(config, 0.0, device),
            head_norm: config.head_norm(device),
            head: config.head_linear(device),
        }
    }
}

/// The names of the taps of the block `name`: the normalization before the attention, and what the branch
/// of the attention and that of the linear layers come to before they are added.
fn taps(name: &str) -> [String; 3] {
    ["norm1", "attn", "mlp"].map(|part| format!("{name}.{part}"))
}

impl Block {
    fn new(channels: usize, is_shifted: bool, drop_rate: f64, device: &Device) -> Self {
        let inside = EXPANSION * channels;
        Self {
            norm1: LayerNorm::new(channels, EPSILON, device),
            attn: WindowAttention::new(channels, is_shifted, device),
            norm2: LayerNorm::new(channels, EPSILON, device),
            mlp: (
                Dense::new([channels, inside], device),
                None,
                None,
                Dense::new([inside, channels], device),
            ),
            drop_rate,
        }
    }

    /// Applies the block that is called `name`.
    fn forward_tapped(&self, input: Tensor<4>, name: &str, tap: &mut Tap<'_>) -> Tensor<4> {
        let [norm1, attn, mlp] = taps(name);
        let x = tap.apply(&norm1, self.norm1.forward(input.clone()));
        let x = added(&self.attn.proj, self.attn.mix(x), input, &attn, tap);
        let (expand, _, _, project) = &self.mlp;
        let inside = expand.forward(self.norm2.forward(x.clone()), Activation::Gelu);
        added(project, inside, x, &mlp, tap)
    }

    fn trace(&self, tracer: &mut Tracer) {
        self.attn.trace(tracer);
        self.mlp.0.trace(tracer);
        self.mlp.3.trace(tracer);
    }
}

/// `layer` of `x`, then the tap `name`, then `input` added.
fn added(
    layer: &Dense,
    x: Tensor<4>,
    input: Tensor<4>,
    name: &str,
    tap: &mut Tap<'_>,
) -> Tensor<4> {
    // Without a tap in between the input is added in the same pass.
    match tap.wants(name) {
        true => tap.apply(name, layer.sum(x, None, None)) + input,
        false => layer.sum(x, None, Some(input)),
    }
}

impl Body for Swin {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let mut x = channels_last(images);
        for (idx, feature) in self.features.iter().enumerate() {
            let name = format!("features.{idx}");
            x = match feature {
                Feature::Patches((conv, _, norm)) => {
                    norm.forward(conv_biased(conv, x, Activation::None))
                }
                Feature::Merging(merging) => merging.forward(x),
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
        let x = tap.apply(NORM, self.norm.forward(x));
        self.head.forward(self.pooling.forward(x, self.head_norm.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        for feature in &self.features {
            match feature {
                Feature::Patches((conv, ..)) => tracer.conv(conv),
                Feature::Merging(merging) => merging.trace(tracer),
                Feature::Blocks(blocks) => blocks.iter().for_each(|block| block.trace(tracer)),
            }
        }
        tracer.size = [1, 1];
        self.head_norm.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (idx, feature) in self.features.iter().enumerate() {
            let name = format!("features.{idx}");
            if let Feature::Blocks(blocks) = feature {
                for block in (0..blocks.len()).map(|block_idx| format!("{name}.{block_idx}")) {
                    names.extend(taps(&block));
                    names.push(block);
                }
            }
            names.push(name);
        }
        names.push(NORM.to_string());
        names
    }

    /// What the head takes the mean of.
    fn last_tap(&self) -> &'static str {
        NORM
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }

    fn drop_sites(&self) -> Vec<DropSite> {
        let mut sites = Vec::new();
        for (idx, feature) in self.features.iter().enumerate() {
            let Feature::Blocks(blocks) = feature else { continue };
            for (block_idx, block) in blocks.iter().enumerate() {
                let [_, attn, mlp] = taps(&format!("features.{idx}.{block_idx}"));
                let rate = block.drop_rate;
                let site = |name| DropSite { name, rate, unit: DropUnit::Image };
                sites.extend([attn, mlp].map(site).into_iter().filter(|site| site.rate > 0.0));
            }
        }
        sites
    }
}

/// The tap of the last normalization.
const NORM: &str = "norm";
