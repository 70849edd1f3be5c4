//! Inception-ResNet-v2.

mod blocks;

use self::blocks::{Mixed5b, Mixed6a, Mixed7a, Residual};
use super::Network;
use super::inception_blocks::{Branch, ConvUnit, Stem, last_side, side_by_side, trace_branches};
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames, NormSettings};
use crate::head::{Head, Pooling};
use crate::layers::{Layers, Tracer};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::Naming;
use burn::module::Module;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};

pub(super) const MEMBERS: &[Architecture] = &[Architecture::INCEPTION_RESNET_V2];

pub(super) static FAMILY: Family = Family {
    name: "an Inception-ResNet-v2",
    head: HeadNames {
        linear: "classif",
        norm: "classif_bn",
        parts: &["classif", "classif_bn"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision],
    stage,
    block: |name| match name.starts_with("repeat") {
        true => first_parts(name, 2),
        false => stage(name),
    },
    marks: &["conv2d_1a.conv.weight", "block8.conv2d.weight"],
    foreign: &[],
    timm: Naming::Torchvision,
    timm_has_tf: false,
    normalization: "keras-tf",
    keras_normalization: Some("keras-tf"),
};

/// The first five convolutions are the stem.
fn stage(name: &str) -> &str {
    match first_parts(name, 1) {
        "conv2d_7b" => "conv2d_7b",
        stage if stage.starts_with("conv2d_") => "stem",
        stage => stage,
    }
}

#[allow(missing_docs)]
impl Architecture {
    pub const INCEPTION_RESNET_V2: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "inception_resnet_v2",
            blueprint: &Blocks,
            input_side_px: 299,
            weights: &[],
            recipe: None,
            blurred: &[],
        },
    };
}

/// How often each block is repeated.
const NUM_BLOCKS: [usize; 3] = [10, 20, 9];

const NUM_FEATURES: usize = 1536;

struct Blocks;

impl Blueprint for Blocks {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::InceptionResNetV2(InceptionResNetV2::new(config, device))
    }

    fn num_features(&self) -> usize {
        NUM_FEATURES
    }

    fn batch_norm(&self, _: &NetworkConfig) -> NormSettings {
        NormSettings { epsilon: 1e-3, ..NormSettings::PYTORCH }
    }

    fn feature_size(&self, config: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| last_side(side, config.last_stride))
    }
}

/// Inception-ResNet-v2 in timm's layout, which computes as Keras': means at the border are over the cells that
/// there are.
///
/// # Source
/// Szegedy et al., 2016, <https://arxiv.org/abs/1602.07261>; timm,
/// <https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/inception_resnet_v2.py>.
#[derive(Module, Debug)]
pub struct InceptionResNetV2 {
    conv2d_1a: ConvUnit,
    conv2d_2a: ConvUnit,
    conv2d_2b: ConvUnit,
    conv2d_3b: ConvUnit,
    conv2d_4a: ConvUnit,
    mixed_5b: Mixed5b,
    repeat: Vec<Residual>,
    mixed_6a: Mixed6a,
    repeat_1: Vec<Residual>,
    mixed_7a: Mixed7a,
    repeat_2: Vec<Residual>,
    block8: Residual,
    conv2d_7b: ConvUnit,
    last_stride: usize,
    pooling: Pooling,
    classif_bn: Option<BatchNorm>,
    classif: Linear,
}

impl InceptionResNetV2 {
    fn new(config: &NetworkConfig, device: &Device) -> Self {
        let layers = &Layers::of(config, device);
        let [conv2d_1a, conv2d_2a, conv2d_2b, conv2d_3b, conv2d_4a] = Stem::units(layers);
        let repeated = |count: usize, block: fn(&Layers<'_>) -> Residual| {
            (0..count).map(|_| block(layers)).collect::<Vec<_>>()
        };
        let [num_35, num_17, num_8] = NUM_BLOCKS;
        Self {
            conv2d_1a,
            conv2d_2a,
            conv2d_2b,
            conv2d_3b,
            conv2d_4a,
            mixed_5b: Mixed5b::new(layers, Stem::CHANNELS),
            repeat: repeated(num_35, Residual::block35),
            mixed_6a: Mixed6a::new(layers, 320),
            repeat_1: repeated(num_17, Residual::block17),
            mixed_7a: Mixed7a::new(layers, 1088, config.last_stride),
            repeat_2: repeated(num_8, Residual::block8),
            block8: Residual::last(layers),
            conv2d_7b: ConvUnit::new(layers, [2080, NUM_FEATURES], [1; 2]),
            last_stride: config.last_stride,
            pooling: Pooling::new(config, 0.0, device),
            classif_bn: config.head_norm(device),
            classif: config.head_linear(device),
        }
    }

    fn stem(&self) -> Stem<'_> {
        Stem {
            units: [
                ("conv2d_1a", &self.conv2d_1a),
                ("conv2d_2a", &self.conv2d_2a),
                ("conv2d_2b", &self.conv2d_2b),
                ("conv2d_3b", &self.conv2d_3b),
                ("conv2d_4a", &self.conv2d_4a),
            ],
            pools: ["maxpool_3a", "maxpool_5a"],
        }
    }

    /// The three blocks of branches, and the blocks that are repeated after each.
    fn stages(&self) -> [Stage<'_>; 3] {
        let mixed_7a = self.mixed_7a.branches(self.last_stride);
        [
            Stage {
                mixed: ("mixed_5b", self.mixed_5b.branches()),
                repeat: ("repeat", self.repeat.as_slice()),
            },
            Stage {
                mixed: ("mixed_6a", self.mixed_6a.branches()),
                repeat: ("repeat_1", self.repeat_1.as_slice()),
            },
            Stage { mixed: ("mixed_7a", mixed_7a), repeat: ("repeat_2", self.repeat_2.as_slice()) },
        ]
    }
}

/// A block of branches and those that are repeated after it, by their names.
struct Stage<'a> {
    mixed: (&'static str, Vec<Branch<'a>>),
    repeat: (&'static str, &'a [Residual]),
}

impl Body for InceptionResNetV2 {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let mut x = self.stem().forward_tapped(channels_last(images), tap);
        for Stage { mixed: (mixed, branches), repeat: (repeat, blocks) } in self.stages() {
            x = tap.apply(mixed, side_by_side(&branches, x));
            for (idx, block) in blocks.iter().enumerate() {
                let name = format!("{repeat}.{idx}");
                x = block.forward_tapped(x, &name, tap);
                x = tap.apply(&name, x);
            }
            x = tap.apply(repeat, x);
        }
        x = self.block8.forward_tapped(x, "block8", tap);
        x = tap.apply("block8", x);
        x = tap.apply(self.last_tap(), self.conv2d_7b.forward(x));
        self.classif.forward(self.pooling.forward(x, self.classif_bn.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        self.stem().trace(tracer);
        for Stage { mixed: (_, branches), repeat: (_, blocks) } in self.stages() {
            trace_branches(&branches, tracer);
            blocks.iter().for_each(|block| block.trace(tracer));
        }
        self.block8.trace(tracer);
        self.conv2d_7b.trace(tracer);
        tracer.size = [1, 1];
        self.classif_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = self.stem().tap_names();
        for Stage { mixed: (mixed, _), repeat: (repeat, blocks) } in self.stages() {
            names.push(mixed.to_string());
            let blocks = (0..blocks.len()).map(|idx| format!("{repeat}.{idx}"));
            names.extend(blocks.flat_map(|block| [Residual::addend(&block), block]));
            names.push(repeat.to_string());
        }
        names.extend([Residual::addend("block8"), "block8".to_string()]);
        names.push(self.last_tap().to_string());
        names
    }

    fn last_tap(&self) -> &'static str {
        "conv2d_7b"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}
