//! NASNetMobile.

mod adjust;
mod cells;

use self::adjust::{CellChannels, Previous};
use self::cells::{Cell, Normal, Reduction};
use super::Network;
use crate::architecture::Architecture;
use crate::boxed::Boxed;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames, NormSettings};
use crate::head::{Head, Pooling};
use crate::layers::{Layers, Tracer, conv_norm};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::Naming;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;
use std::mem;

pub(super) const MEMBERS: &[Architecture] = &[Architecture::NASNET_MOBILE];

pub(super) static FAMILY: Family = Family {
    name: "a NASNet",
    head: HeadNames {
        linear: "predictions",
        norm: "predictions_bn",
        parts: &["predictions", "predictions_bn"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision],
    stage,
    block: stage,
    marks: &["stem_conv1.weight", "normal_0.conv_1.weight"],
    foreign: &[],
    timm: Naming::Unknown,
    timm_has_tf: false,
    normalization: "keras-tf",
    keras_normalization: Some("keras-tf"),
};

/// Each cell is a stage.
fn stage(name: &str) -> &str {
    match first_parts(name, 1) {
        "stem_conv1" | "stem_bn1" => "stem",
        cell => cell,
    }
}

/// Keras' network; timm's NASNets are others.
#[allow(missing_docs)]
impl Architecture {
    pub const NASNET_MOBILE: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "nasnet_mobile",
            blueprint: &Cells,
            input_side_px: 224,
            weights: &[],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Channels of the first convolution.
const STEM_CHANNELS: usize = 32;

/// The channels of a branch in each cell, and whether the cell strides; the last that does has the stride of the
/// configuration.
const CELLS: [(usize, bool); 16] = [
    (11, true),
    (22, true),
    (44, false),
    (44, false),
    (44, false),
    (44, false),
    (88, true),
    (88, false),
    (88, false),
    (88, false),
    (88, false),
    (176, true),
    (176, false),
    (176, false),
    (176, false),
    (176, false),
];

/// The last cell that strides.
const LAST_REDUCTION: usize = 11;

struct Cells;

impl Blueprint for Cells {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::NasNet(NasNet::new(config, device))
    }

    fn num_features(&self) -> usize {
        Normal::NUM_OUTPUTS * CELLS[CELLS.len() - 1].0
    }

    fn batch_norm(&self, _: &NetworkConfig) -> NormSettings {
        NormSettings { epsilon: 1e-3, momentum: 3e-4 }
    }

    /// The first convolution leaves out what it would see of a border.
    fn feature_size(&self, config: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| (side.saturating_sub(1) / 2).div_ceil(8 * config.last_stride))
    }
}

/// NASNet-A of three times four normal cells and 1056 features, in Keras' layout.
///
/// A layer is called what Keras calls it, after its cell and its branch: `normal_0.left1.separable_conv_1_bn` is
/// Keras' `separable_conv_1_bn_normal_left1_0`.
///
/// # Source
/// Zoph et al., 2017, <https://arxiv.org/abs/1707.07012>; Keras,
/// <https://github.com/keras-team/keras/blob/master/keras/src/applications/nasnet.py>.
#[derive(Module, Debug)]
pub struct NasNet {
    stem_conv1: Conv2d,
    stem_bn1: BatchNorm,
    stem_1: Boxed<Cell>,
    stem_2: Boxed<Cell>,
    normal_0: Boxed<Cell>,
    normal_1: Boxed<Cell>,
    normal_2: Boxed<Cell>,
    normal_3: Boxed<Cell>,
    reduce_4: Boxed<Cell>,
    normal_5: Boxed<Cell>,
    normal_6: Boxed<Cell>,
    normal_7: Boxed<Cell>,
    normal_8: Boxed<Cell>,
    reduce_8: Boxed<Cell>,
    normal_9: Boxed<Cell>,
    normal_10: Boxed<Cell>,
    normal_11: Boxed<Cell>,
    normal_12: Boxed<Cell>,
    pooling: Pooling,
    predictions_bn: Option<BatchNorm>,
    predictions: Linear,
}

impl NasNet {
    fn new(config: &NetworkConfig, device: &Device) -> Self {
        // Keras' borders.
        let layers = &Layers { padding: Padding::Tf, ..Layers::of(config, device) };
        let [
            stem_1,
            stem_2,
            normal_0,
            normal_1,
            normal_2,
            normal_3,
            reduce_4,
            normal_5,
            normal_6,
            normal_7,
            normal_8,
            reduce_8,
            normal_9,
            normal_10,
            normal_11,
            normal_12,
        ] = cells(layers, config.last_stride);
        Self {
            stem_conv1: layers.valid_conv([3, STEM_CHANNELS], 3, 2),
            stem_bn1: layers.batch_norm(STEM_CHANNELS),
            stem_1,
            stem_2,
            normal_0,
            normal_1,
            normal_2,
            normal_3,
            reduce_4,
            normal_5,
            normal_6,
            normal_7,
            normal_8,
            reduce_8,
            normal_9,
            normal_10,
            normal_11,
            normal_12,
            pooling: Pooling::new(config, 0.0, device),
            predictions_bn: config.head_norm(device),
            predictions: config.head_linear(device),
        }
    }

    /// The cells and their names.
    fn cells(&self) -> [(&'static str, &Cell); CELLS.len()] {
        [
            ("stem_1", &self.stem_1),
            ("stem_2", &self.stem_2),
            ("normal_0", &self.normal_0),
            ("normal_1", &self.normal_1),
            ("normal_2", &self.normal_2),
            ("normal_3", &self.normal_3),
            ("reduce_4", &self.reduce_4),
            ("normal_5", &self.normal_5),
            ("normal_6", &self.normal_6),
            ("normal_7", &self.normal_7),
            ("normal_8", &self.normal_8),
            ("reduce_8", &self.reduce_8),
            ("normal_9", &self.normal_9),
            ("normal_10", &self.normal_10),
            ("normal_11", &self.normal_11),
            ("normal_12", &self.normal_12),
        ]
    }
}

/// All cells of a network whose last reduction has the stride `last_stride`.
fn cells(layers: &Layers<'_>, last_stride: usize) -> [Boxed<Cell>; CELLS.len()] {
    let (mut input, mut before) = (STEM_CHANNELS, STEM_CHANNELS);
    let mut previous = Previous::Same;
    let mut idx = 0;
    CELLS.map(|(filters, strides)| {
        let channels = CellChannels { input, previous: before, filters };
        let stride = if idx == LAST_REDUCTION { last_stride } else { 2 };
        idx += 1;
        before = input;
        let taken = mem::replace(&mut previous, Previous::Equal);
        if strides {
            previous = Previous::Larger(stride);
            input = Reduction::NUM_OUTPUTS * filters;
            let cell = Reduction::new(layers, taken, channels, stride);
            return Boxed::new(Cell::Reduction(cell));
        }
        input = Normal::NUM_OUTPUTS * filters;
        Boxed::new(Cell::Normal(Normal::new(layers, taken, channels)))
    })
}

impl Body for NasNet {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let x = channels_last(images);
        let x = conv_norm(&self.stem_conv1, &self.stem_bn1, x, None, Activation::None);
        let mut x = tap.apply(STEM, x);
        let mut previous = x.clone();
        for (name, cell) in self.cells() {
            let out = tap.apply(name, cell.forward(x.clone(), previous));
            previous = mem::replace(&mut x, out);
        }
        let x = tap.apply(self.last_tap(), relu(x));
        self.predictions.forward(self.pooling.forward(x, self.predictions_bn.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.conv(&self.stem_conv1);
        tracer.norm(&self.stem_bn1);
        let mut previous = tracer.size;
        for (_, cell) in self.cells() {
            let size = tracer.size;
            cell.trace(tracer, previous);
            previous = size;
        }
        tracer.size = [1, 1];
        self.predictions_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = vec![STEM.to_string()];
        names.extend(self.cells().map(|(name, _)| name.to_string()));
        names.push(self.last_tap().to_string());
        names
    }

    /// The activation after the last cell.
    fn last_tap(&self) -> &'static str {
        "relu"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}

/// The tap before the cells.
const STEM: &str = "stem_bn1";
