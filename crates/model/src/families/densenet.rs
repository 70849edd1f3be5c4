//! The DenseNets.

use super::Network;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames};
use crate::head::{Head, Pooling};
use crate::layers::{Layers, Tracer, conv_norm, convolved, normalized};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::{ForeignNames, Naming};
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use dermx_kernels::{Activation, AvgPool, avg_pool, concat, max_pool};
use std::collections::BTreeSet;

pub(super) const MEMBERS: &[Architecture] = &[Architecture::DENSENET121];

pub(super) static FAMILY: Family = Family {
    name: "a DenseNet",
    head: HeadNames {
        linear: "classifier",
        norm: "classifier_bn",
        parts: &["classifier", "classifier_bn"],
        hidden: None,
    },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision],
    stage: |name| if is_stem(name) { "stem" } else { first_parts(name, 2) },
    block: |name| match name.contains(".denselayer") {
        true => first_parts(name, 3),
        false if is_stem(name) => "stem",
        false => first_parts(name, 2),
    },
    marks: &["features.conv0.weight", "features.denseblock1.denselayer1.norm1.weight"],
    foreign: &[ForeignNames {
        naming: Naming::Torchvision,
        marks: &["features.conv0.weight", "features.denseblock1.denselayer1.norm.1.weight"],
        to_own: of_old_torchvision,
        from_own: old_torchvision_names,
    }],
    timm: Naming::Torchvision,
    timm_has_tf: false,
    normalization: "imagenet",
    keras_normalization: Some("imagenet"),
};

fn is_stem(name: &str) -> bool {
    ["features.conv0", "features.norm0"].contains(&first_parts(name, 2))
}

/// Layers of a dense layer by today's names; in torchvision's published files there is a dot before the
/// number.
const NUMBERED: [&str; 4] = ["norm1", "conv1", "norm2", "conv2"];

/// Torchvision's name of one in its published files, which are older than the names.
///
/// # Source
/// Torchvision, `_load_state_dict` in `torchvision/models/densenet.py`.
fn of_old_torchvision(name: &str, _: &BTreeSet<&str>) -> Option<String> {
    let (layer, rest) = name.split_once(".denselayer")?;
    let (number, rest) = rest.split_once('.')?;
    let rest = NUMBERED.iter().find_map(|new| {
        let (kind, digit) = new.split_at(4);
        let value = rest.strip_prefix(kind)?.strip_prefix('.')?.strip_prefix(digit)?;
        Some(format!("{new}{value}"))
    });
    Some(format!("{layer}.denselayer{number}.{}", rest?))
}

fn old_torchvision_names(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        [features, block, layer, part, value] if NUMBERED.contains(part) => {
            let (kind, digit) = part.split_at(4);
            vec![format!("{features}.{block}.{layer}.{kind}.{digit}.{value}")]
        }
        _ => Vec::new(),
    }
}

/// As in torchvision.
#[allow(missing_docs)]
impl Architecture {
    pub const DENSENET121: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "densenet121",
            blueprint: &Depth { num_layers: [6, 12, 24, 16], growth: 32, stem_channels: 64 },
            input_side_px: 224,
            weights: &[("densenet121", "densenet121-a639ec97.pth")],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Channels inside a dense layer for one that it adds.
const BOTTLENECK: usize = 4;

/// Layers of each block, and channels.
struct Depth {
    num_layers: [usize; 4],
    /// Channels that a layer adds.
    growth: usize,
    stem_channels: usize,
}

impl Depth {
    /// Channels that block `idx` starts from and ends with; a transition halves them.
    fn channels(&self, idx: usize) -> [usize; 2] {
        let start = match idx.checked_sub(1) {
            Some(previous) => self.channels(previous)[1] / 2,
            None => self.stem_channels,
        };
        [start, start + self.growth * self.num_layers[idx]]
    }
}

impl Blueprint for Depth {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::DenseNet(DenseNet::new(self, config, device))
    }

    fn num_features(&self) -> usize {
        self.channels(self.num_layers.len() - 1)[1]
    }

    /// Convolution and pooling of the stem round up, the transitions down.
    fn feature_size(&self, config: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side.div_ceil(2).div_ceil(2) / (4 * config.last_stride))
    }
}

/// A DenseNet in torchvision's layout. With a last stride of 1 the last transition does not pool.
///
/// # Source
/// Huang et al., 2016, <https://arxiv.org/abs/1608.06993>; torchvision,
/// <https://github.com/pytorch/vision/blob/main/torchvision/models/densenet.py>.
#[derive(Module, Debug)]
pub struct DenseNet {
    features: Features,
    pooling: Pooling,
    classifier_bn: Option<BatchNorm>,
    classifier: Linear,
}

/// All before the head.
#[derive(Module, Debug)]
pub struct Features {
    conv0: Conv2d,
    norm0: BatchNorm,
    denseblock1: DenseBlock,
    transition1: Transition,
    denseblock2: DenseBlock,
    transition2: Transition,
    denseblock3: DenseBlock,
    transition3: Transition,
    denseblock4: DenseBlock,
    norm5: BatchNorm,
}

/// Layers each of which sees the outputs of all before it.
#[derive(Module, Debug)]
pub struct DenseBlock {
    denselayer_: Vec<DenseLayer>,
}

/// Normalization, ReLU and convolution, twice: 1x1, then 3x3.
#[derive(Module, Debug)]
pub struct DenseLayer {
    norm1: BatchNorm,
    conv1: Conv2d,
    norm2: BatchNorm,
    conv2: Conv2d,
}

/// Halves channels, height and width.
#[derive(Module, Debug)]
pub struct Transition {
    norm: BatchNorm,
    conv: Conv2d,
    pools: bool,
}

/// What follows a block, by its name; nothing after the last.
type NamedTransition<'a> = Option<(&'static str, &'a Transition)>;

impl DenseNet {
    fn new(depth: &Depth, config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers::of(config, device);
        let block = |idx: usize| DenseBlock {
            denselayer_: (0..depth.num_layers[idx])
                .map(|layer_idx| {
                    let in_channels = depth.channels(idx)[0] + layer_idx * depth.growth;
                    DenseLayer::new(&layers, in_channels, depth.growth)
                })
                .collect(),
        };
        let transition = |idx: usize, pools: bool| {
            let channels = depth.channels(idx)[1];
            let norm = layers.batch_norm(channels);
            Transition { norm, conv: layers.conv([channels, channels / 2], 1, 1), pools }
        };
        let features = Features {
            conv0: layers.conv([3, depth.stem_channels], 7, 2),
            norm0: layers.batch_norm(depth.stem_channels),
            denseblock1: block(0),
            transition1: transition(0, true),
            denseblock2: block(1),
            transition2: transition(1, true),
            denseblock3: block(2),
            transition3: transition(2, config.last_stride == 2),
            denseblock4: block(3),
            norm5: layers.batch_norm(depth.num_features()),
        };
        Self {
            features,
            pooling: Pooling::new(config, 0.0, device),
            classifier_bn: config.head_norm(device),
            classifier: config.head_linear(device),
        }
    }
}

impl DenseLayer {
    fn new(layers: &Layers<'_>, in_channels: usize, growth: usize) -> Self {
        let inside = BOTTLENECK * growth;
        Self {
            norm1: layers.batch_norm(in_channels),
            conv1: layers.conv([in_channels, inside], 1, 1),
            norm2: layers.batch_norm(inside),
            conv2: layers.conv([inside, growth], 3, 1),
        }
    }

    /// What the layer adds to `x`.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = normalized(&self.norm1, x, None, Activation::Relu);
        let x = conv_norm(&self.conv1, &self.norm2, x, None, Activation::Relu);
        convolved(&self.conv2, x)
    }
}

impl Features {
    /// Blocks, each with its name and the transition after it.
    fn blocks(&self) -> [(&'static str, &DenseBlock, NamedTransition<'_>); 4] {
        [
            ("denseblock1", &self.denseblock1, Some(("transition1", &self.transition1))),
            ("denseblock2", &self.denseblock2, Some(("transition2", &self.transition2))),
            ("denseblock3", &self.denseblock3, Some(("transition3", &self.transition3))),
            ("denseblock4", &self.denseblock4, None),
        ]
    }
}

impl Body for DenseNet {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let features = &self.features;
        let x = channels_last(images);
        let x = conv_norm(&features.conv0, &features.norm0, x, None, Activation::Relu);
        let mut x = tap.apply("features.pool0", max_pool(x, 3, 2, [1; 4]));
        for (name, block, transition) in features.blocks() {
            for (layer_idx, layer) in block.denselayer_.iter().enumerate() {
                let added = layer.forward(x.clone());
                let name = format!("features.{name}.denselayer{}", layer_idx + 1);
                x = concat(x, tap.apply(&name, added));
            }
            x = tap.apply(&format!("features.{name}"), x);
            if let Some((name, transition)) = transition {
                x = normalized(&transition.norm, x, None, Activation::Relu);
                x = convolved(&transition.conv, x);
                if transition.pools {
                    x = avg_pool(x, HALVES);
                }
                x = tap.apply(&format!("features.{name}"), x);
            }
        }
        let x = match tap.wants(NORM) {
            true => relu(tap.apply(NORM, normalized(&features.norm5, x, None, Activation::None))),
            false => normalized(&features.norm5, x, None, Activation::Relu),
        };
        let x = tap.apply(self.last_tap(), x);
        self.classifier.forward(self.pooling.forward(x, self.classifier_bn.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.conv(&self.features.conv0);
        tracer.norm(&self.features.norm0);
        tracer.size = tracer.size.map(|side| side.div_ceil(2));
        for (_, block, transition) in self.features.blocks() {
            for layer in &block.denselayer_ {
                tracer.norm(&layer.norm1);
                tracer.conv(&layer.conv1);
                tracer.norm(&layer.norm2);
                tracer.conv(&layer.conv2);
            }
            if let Some((_, transition)) = transition {
                tracer.norm(&transition.norm);
                tracer.conv(&transition.conv);
                tracer.size =
                    tracer.size.map(|side| if transition.pools { side / 2 } else { side });
            }
        }
        tracer.norm(&self.features.norm5);
        tracer.size = [1, 1];
        self.classifier_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = vec!["features.pool0".to_string()];
        for (name, block, transition) in self.features.blocks() {
            let layers = 1..=block.denselayer_.len();
            names.extend(layers.map(|layer| format!("features.{name}.denselayer{layer}")));
            names.push(format!("features.{name}"));
            names.extend(transition.map(|(name, _)| format!("features.{name}")));
        }
        names.extend([NORM.to_string(), self.last_tap().to_string()]);
        names
    }

    /// The activation after the last normalization, which has no name in torchvision, but in Keras.
    fn last_tap(&self) -> &'static str {
        "relu"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}

/// The last normalization, before its activation.
const NORM: &str = "features.norm5";

/// The pooling of a transition.
const HALVES: AvgPool = AvgPool { kernel_size: 2, stride: 2, padding: 0, counts_padding: true };
