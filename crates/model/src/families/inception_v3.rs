//! InceptionV3.

// Fields are called as in torchvision.
#![allow(non_snake_case)]

mod blocks;

use self::blocks::{InceptionA, InceptionB, InceptionC, InceptionD, InceptionE};
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

pub(super) const MEMBERS: &[Architecture] = &[Architecture::INCEPTION_V3];

pub(super) static FAMILY: Family = Family {
    name: "an InceptionV3",
    head: HeadNames { linear: "fc", norm: "fc_bn", parts: &["fc", "fc_bn"], hidden: None },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision, Padding::Tf],
    stage,
    block: stage,
    marks: &["Conv2d_1a_3x3.conv.weight", "Mixed_7c.branch_pool.conv.weight"],
    foreign: &[],
    timm: Naming::Torchvision,
    timm_has_tf: false,
    normalization: "keras-tf",
    keras_normalization: Some("keras-tf"),
};

/// A block is a stage, and the convolutions before all blocks are the stem.
fn stage(name: &str) -> &str {
    if name.starts_with("Conv2d_") { "stem" } else { first_parts(name, 1) }
}

#[allow(missing_docs)]
impl Architecture {
    pub const INCEPTION_V3: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "inception_v3",
            blueprint: &Blocks,
            input_side_px: 299,
            weights: &[("inception_v3", "inception_v3_google-0cc3c7bd.pth")],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Channels between rows and columns of the four blocks of 17x17 cells.
const INSIDE: [usize; 4] = [128, 160, 160, 192];

const NUM_FEATURES: usize = 2048;

struct Blocks;

impl Blueprint for Blocks {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::InceptionV3(InceptionV3::new(config, device))
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

    /// A second head, whose loss helped to train the published weights.
    fn not_computed(&self) -> &'static [&'static str] {
        &["AuxLogits"]
    }
}

/// InceptionV3 in torchvision's layout, without the second head that it has in training.
///
/// Torchvision's published weights take images in [-1, 1]: with them its network has `transform_input`, which
/// brings images there. [`Padding::Tf`] is Keras': its means at the border are over fewer cells.
///
/// # Source
/// Szegedy et al., 2015, <https://arxiv.org/abs/1512.00567>; torchvision,
/// <https://github.com/pytorch/vision/blob/main/torchvision/models/inception.py>.
#[derive(Module, Debug)]
pub struct InceptionV3 {
    Conv2d_1a_3x3: ConvUnit,
    Conv2d_2a_3x3: ConvUnit,
    Conv2d_2b_3x3: ConvUnit,
    Conv2d_3b_1x1: ConvUnit,
    Conv2d_4a_3x3: ConvUnit,
    Mixed_5b: InceptionA,
    Mixed_5c: InceptionA,
    Mixed_5d: InceptionA,
    Mixed_6a: InceptionB,
    Mixed_6b: InceptionC,
    Mixed_6c: InceptionC,
    Mixed_6d: InceptionC,
    Mixed_6e: InceptionC,
    Mixed_7a: InceptionD,
    Mixed_7b: InceptionE,
    Mixed_7c: InceptionE,
    counts_padding: bool,
    last_stride: usize,
    pooling: Pooling,
    fc_bn: Option<BatchNorm>,
    fc: Linear,
}

impl InceptionV3 {
    fn new(config: &NetworkConfig, device: &Device) -> Self {
        let layers = &Layers::of(config, device);
        let [conv_1a, conv_2a, conv_2b, conv_3b, conv_4a] = Stem::units(layers);
        let rows_and_columns = |inside| InceptionC::new(layers, 768, inside);
        let [mixed_6b, mixed_6c, mixed_6d, mixed_6e] = INSIDE.map(rows_and_columns);
        Self {
            Conv2d_1a_3x3: conv_1a,
            Conv2d_2a_3x3: conv_2a,
            Conv2d_2b_3x3: conv_2b,
            Conv2d_3b_1x1: conv_3b,
            Conv2d_4a_3x3: conv_4a,
            Mixed_5b: InceptionA::new(layers, Stem::CHANNELS, 32),
            Mixed_5c: InceptionA::new(layers, 256, 64),
            Mixed_5d: InceptionA::new(layers, 288, 64),
            Mixed_6a: InceptionB::new(layers, 288),
            Mixed_6b: mixed_6b,
            Mixed_6c: mixed_6c,
            Mixed_6d: mixed_6d,
            Mixed_6e: mixed_6e,
            Mixed_7a: InceptionD::new(layers, 768, config.last_stride),
            Mixed_7b: InceptionE::new(layers, 1280),
            Mixed_7c: InceptionE::new(layers, NUM_FEATURES),
            counts_padding: config.padding == Padding::Torchvision,
            last_stride: config.last_stride,
            pooling: Pooling::new(config, 0.5, device),
            fc_bn: config.head_norm(device),
            fc: config.head_linear(device),
        }
    }

    fn stem(&self) -> Stem<'_> {
        Stem {
            units: [
                ("Conv2d_1a_3x3", &self.Conv2d_1a_3x3),
                ("Conv2d_2a_3x3", &self.Conv2d_2a_3x3),
                ("Conv2d_2b_3x3", &self.Conv2d_2b_3x3),
                ("Conv2d_3b_1x1", &self.Conv2d_3b_1x1),
                ("Conv2d_4a_3x3", &self.Conv2d_4a_3x3),
            ],
            pools: ["maxpool1", "maxpool2"],
        }
    }

    /// The blocks, each by its name.
    fn blocks(&self) -> [(&'static str, Vec<Branch<'_>>); 11] {
        let counts = self.counts_padding;
        [
            ("Mixed_5b", self.Mixed_5b.branches(counts)),
            ("Mixed_5c", self.Mixed_5c.branches(counts)),
            ("Mixed_5d", self.Mixed_5d.branches(counts)),
            ("Mixed_6a", self.Mixed_6a.branches()),
            ("Mixed_6b", self.Mixed_6b.branches(counts)),
            ("Mixed_6c", self.Mixed_6c.branches(counts)),
            ("Mixed_6d", self.Mixed_6d.branches(counts)),
            ("Mixed_6e", self.Mixed_6e.branches(counts)),
            ("Mixed_7a", self.Mixed_7a.branches(self.last_stride)),
            ("Mixed_7b", self.Mixed_7b.branches(counts)),
            ("Mixed_7c", self.Mixed_7c.branches(counts)),
        ]
    }
}

impl Body for InceptionV3 {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let mut x = self.stem().forward_tapped(channels_last(images), tap);
        for (name, branches) in self.blocks() {
            x = tap.apply(name, side_by_side(&branches, x));
        }
        self.fc.forward(self.pooling.forward(x, self.fc_bn.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        self.stem().trace(tracer);
        self.blocks().iter().for_each(|(_, branches)| trace_branches(branches, tracer));
        tracer.size = [1, 1];
        self.fc_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = self.stem().tap_names();
        names.extend(self.blocks().map(|(name, _)| name.to_string()));
        names
    }

    fn last_tap(&self) -> &'static str {
        "Mixed_7c"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}
