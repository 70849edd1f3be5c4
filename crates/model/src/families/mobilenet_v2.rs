//! MobileNetV2.

use super::Network;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames};
use crate::head::{Head, Pooling};
use crate::layers::{ConvNorm, Layers, Tracer, conv_norm};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::Naming;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;

pub(super) const MEMBERS: &[Architecture] = &[Architecture::MOBILENET_V2];

pub(super) static FAMILY: Family = Family {
    name: "a MobileNetV2",
    head: HeadNames {
        linear: "classifier.1",
        norm: "classifier.0",
        parts: &["classifier"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision, Padding::Tf],
    stage: |name| first_parts(name, 2),
    block: |name| first_parts(name, 2),
    marks: &["features.0.0.weight", "features.1.conv.0.0.weight"],
    foreign: &[],
    timm: Naming::Unknown,
    timm_has_tf: false,
    normalization: "imagenet",
    keras_normalization: Some("keras-tf"),
};

/// As in torchvision.
#[allow(missing_docs)]
impl Architecture {
    pub const MOBILENET_V2: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "mobilenet_v2",
            blueprint: &Stages,
            input_side_px: 224,
            weights: &[
                ("mobilenet_v2", "mobilenet_v2-b0353104.pth"),
                ("mobilenet_v2_v2", "mobilenet_v2-7ebf99e0.pth"),
            ],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Table 2 of the paper: expansion, channels, blocks, and stride of the first block.
const STAGES: [[usize; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];

/// The last stage that has a stride.
const LAST_STRIDED: usize = 5;

/// Channels of the first convolution.
const STEM_CHANNELS: usize = 32;

/// Channels of the last one.
const NUM_FEATURES: usize = 1280;

/// Rate of dropout before the linear layer.
const DROPOUT: f64 = 0.2;

struct Stages;

impl Blueprint for Stages {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::MobileNetV2(MobileNetV2::new(config, device))
    }

    fn num_features(&self) -> usize {
        NUM_FEATURES
    }
}

/// MobileNetV2 of width 1 in torchvision's layout; [`Padding::Tf`] is Keras'.
///
/// # Source
/// Sandler et al., 2018, <https://arxiv.org/abs/1801.04381>; torchvision,
/// <https://github.com/pytorch/vision/blob/main/torchvision/models/mobilenetv2.py>.
#[derive(Module, Debug)]
pub struct MobileNetV2 {
    features: Vec<Feature>,
    pooling: Pooling,
    classifier: (Option<BatchNorm>, Linear),
}

/// A member of torchvision's `features`. The variants' names are not part of parameter names.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Feature {
    /// Convolution, batch normalization, ReLU6: the first and the last layer.
    Conv(ConvNorm),
    /// An inverted residual.
    Block(InvertedResidual),
}

/// A 1x1 convolution to more channels, a depthwise one, a 1x1 convolution to fewer channels without an
/// activation, and a shortcut where sizes stay.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    conv: Vec<Step>,
    has_shortcut: bool,
}

/// A step of a block.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Step {
    /// Convolution, batch normalization, ReLU6.
    Active(ConvNorm),
    /// The last convolution.
    Conv(Conv2d),
    /// The batch normalization after it.
    Norm(BatchNorm),
}

impl MobileNetV2 {
    fn new(config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers::of(config, device);
        let mut features = vec![Feature::Conv(layers.conv_norm([3, STEM_CHANNELS], 3, 2))];
        let mut in_channels = STEM_CHANNELS;
        for (stage_idx, [expansion, channels, num_blocks, stride]) in STAGES.into_iter().enumerate()
        {
            for block_idx in 0..num_blocks {
                let stride = match (block_idx, stage_idx) {
                    (0, LAST_STRIDED) => config.last_stride,
                    (0, _) => stride,
                    _ => 1,
                };
                let ends = [in_channels, channels];
                let block = InvertedResidual::new(&layers, expansion, ends, stride);
                features.push(Feature::Block(block));
                in_channels = channels;
            }
        }
        features.push(Feature::Conv(layers.conv_norm([in_channels, NUM_FEATURES], 1, 1)));
        Self {
            features,
            pooling: Pooling::new(config, DROPOUT, device),
            classifier: (config.head_norm(device), config.head_linear(device)),
        }
    }
}

impl InvertedResidual {
    fn new(
        layers: &Layers<'_>,
        expansion: usize,
        [in_channels, out_channels]: [usize; 2],
        stride: usize,
    ) -> Self {
        let inside = expansion * in_channels;
        let mut conv = Vec::with_capacity(4);
        if expansion != 1 {
            conv.push(Step::Active(layers.conv_norm([in_channels, inside], 1, 1)));
        }
        conv.push(Step::Active(layers.depthwise(inside, 3, stride)));
        let (last, norm) = layers.conv_norm([inside, out_channels], 1, 1);
        conv.extend([Step::Conv(last), Step::Norm(norm)]);
        Self { conv, has_shortcut: stride == 1 && in_channels == out_channels }
    }

    /// Applies the block that is called `name`, with a tap before the shortcut is added.
    fn forward_tapped(&self, input: Tensor<4>, name: &str, tap: &mut Tap<'_>) -> Tensor<4> {
        let branch = format!("{name}.conv");
        let is_tapped = tap.wants(&branch);
        let mut shortcut = self.has_shortcut.then(|| input.clone());
        let (mut x, mut last) = (input, None);
        for step in &self.conv {
            match step {
                Step::Active((conv, norm)) => x = conv_norm(conv, norm, x, None, Activation::Relu6),
                Step::Conv(conv) => last = Some(conv),
                // It adds the shortcut in the same pass, unless a tap is in between.
                Step::Norm(norm) => {
                    if let Some(conv) = last {
                        let residual = shortcut.take_if(|_| !is_tapped);
                        x = conv_norm(conv, norm, x, residual, Activation::None);
                    }
                }
            }
        }
        let x = tap.apply(&branch, x);
        match shortcut {
            Some(shortcut) => x + shortcut,
            None => x,
        }
    }

    fn trace(&self, tracer: &mut Tracer) {
        for step in &self.conv {
            match step {
                Step::Active(layer) => tracer.conv_norm(layer),
                Step::Conv(conv) => tracer.conv(conv),
                Step::Norm(norm) => tracer.norm(norm),
            }
        }
    }
}

impl Body for MobileNetV2 {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let mut x = channels_last(images);
        for (idx, feature) in self.features.iter().enumerate() {
            let name = format!("features.{idx}");
            x = match feature {
                Feature::Conv((conv, norm)) => conv_norm(conv, norm, x, None, Activation::Relu6),
                Feature::Block(block) => block.forward_tapped(x, &name, tap),
            };
            x = tap.apply(&name, x);
        }
        let (norm, linear) = &self.classifier;
        linear.forward(self.pooling.forward(x, norm.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        for feature in &self.features {
            match feature {
                Feature::Conv(layer) => tracer.conv_norm(layer),
                Feature::Block(block) => block.trace(tracer),
            }
        }
        tracer.size = [1, 1];
        self.classifier.0.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (idx, feature) in self.features.iter().enumerate() {
            let name = format!("features.{idx}");
            if matches!(feature, Feature::Block(_)) {
                names.push(format!("{name}.conv"));
            }
            names.push(name);
        }
        names
    }

    fn last_tap(&self) -> &'static str {
        "features.18"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}
