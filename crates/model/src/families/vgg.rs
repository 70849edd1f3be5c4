//! The VGG networks.

use super::Network;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames, HiddenLayers};
use crate::drop::{DropSite, DropUnit};
use crate::head::{Head, Pooling};
use crate::layers::{Layers, Tracer, conv_biased};
use crate::layout::{channels_first, channels_last};
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::Naming;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Tensor};
use dermx_kernels::{Activation, max_pool};

pub(super) const MEMBERS: &[Architecture] = &[Architecture::VGG16];

pub(super) static FAMILY: Family = Family {
    name: "a VGG",
    head: HeadNames {
        linear: "classifier.6",
        norm: "classifier_bn",
        parts: &["classifier", "classifier_bn"],
        hidden: Some(HiddenLayers { first: "classifier.0", num_features: HIDDEN_FEATURES }),
    },
    heads: &[Head::Mlp, Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision],
    stage: |name| first_parts(name, 2),
    block: |name| first_parts(name, 2),
    marks: &["features.0.weight", "features.28.weight"],
    foreign: &[],
    timm: Naming::Unknown,
    timm_has_tf: false,
    normalization: "imagenet",
    keras_normalization: Some("keras-caffe"),
};

/// As in torchvision.
#[allow(missing_docs)]
impl Architecture {
    pub const VGG16: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "vgg16",
            blueprint: &VggStages {
                num_convs: [2, 2, 3, 3, 3],
                channels: [64, 128, 256, 512, 512],
            },
            input_side_px: 224,
            weights: &[("vgg16", "vgg16-397923af.pth")],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Features of the two hidden layers of the head.
const HIDDEN_FEATURES: usize = 4096;

/// Cells a side that the hidden layers see.
const POOLED: usize = 7;

/// Where the linear layers are in torchvision's `classifier`, between activations and dropout.
const LINEAR: [usize; 3] = [0, 3, 6];

/// Rate of dropout after each hidden layer.
const DROPOUT: f64 = 0.5;

/// Convolutions of each stage and their channels; a pooling ends a stage.
struct VggStages {
    num_convs: [usize; 5],
    channels: [usize; 5],
}

impl Blueprint for VggStages {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::Vgg(Vgg::new(self, config, device))
    }

    fn num_features(&self) -> usize {
        self.channels[self.channels.len() - 1]
    }

    /// Five times half, rounded down.
    fn feature_size(&self, config: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side / (16 * config.last_stride))
    }
}

/// A VGG without batch normalization, in torchvision's layout.
///
/// With [`Head::Mlp`] it is the network of the paper: the mean over 7x7 cells, two hidden layers with
/// dropout, and the linear layer. With a last stride of 1 the last pooling is left out.
///
/// # Source
/// Simonyan and Zisserman, 2014, <https://arxiv.org/abs/1409.1556>, table 1, column D; torchvision,
/// <https://github.com/pytorch/vision/blob/main/torchvision/models/vgg.py>.
#[derive(Module, Debug)]
pub struct Vgg {
    /// Torchvision's `features`; activations and poolings have no parameters.
    features: Vec<Option<Conv2d>>,
    pooling: Pooling,
    has_last_pool: bool,
    classifier_bn: Option<BatchNorm>,
    classifier: Vec<Option<Linear>>,
}

impl Vgg {
    fn new(stages: &VggStages, config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers::of(config, device);
        let mut features = Vec::new();
        let mut in_channels = 3;
        for (&num_convs, &channels) in stages.num_convs.iter().zip(&stages.channels) {
            for _ in 0..num_convs {
                features.push(Some(layers.biased_conv([in_channels, channels], 3, 1)));
                features.push(None);
                in_channels = channels;
            }
            features.push(None);
        }
        let mut classifier = vec![None; LINEAR[2] + 1];
        if config.head == Head::Mlp {
            let inputs = [POOLED * POOLED * stages.num_features(), HIDDEN_FEATURES];
            for (idx, inputs) in LINEAR.into_iter().zip(inputs) {
                classifier[idx] = Some(LinearConfig::new(inputs, HIDDEN_FEATURES).init(device));
            }
        }
        classifier[LINEAR[2]] = Some(config.head_linear(device));
        Self {
            features,
            pooling: Pooling::new(config, 0.0, device),
            has_last_pool: config.last_stride == 2,
            classifier_bn: config.head_norm(device),
            classifier,
        }
    }

    /// What each layer of `features` is.
    fn layers(&self) -> impl Iterator<Item = (String, Layer<'_>)> {
        self.features.iter().enumerate().map(|(idx, layer)| {
            let previous = idx.checked_sub(1).and_then(|idx| self.features[idx].as_ref());
            let layer = match (layer, previous) {
                (Some(conv), _) => Layer::Conv(conv),
                (None, Some(_)) => Layer::Relu,
                (None, None) if idx + 1 < self.features.len() || self.has_last_pool => Layer::Pool,
                (None, None) => Layer::Nothing,
            };
            (format!("features.{idx}"), layer)
        })
    }

    /// The hidden layers of the head; there is none but with [`Head::Mlp`].
    fn hidden(&self) -> impl Iterator<Item = (String, &Linear)> {
        let hidden = LINEAR.into_iter().take(2);
        hidden.filter_map(|idx| {
            let linear = self.classifier[idx].as_ref()?;
            Some((format!("classifier.{}", idx + 2), linear))
        })
    }

    fn is_mlp(&self) -> bool {
        self.classifier[0].is_some()
    }
}

/// A layer of `features`.
enum Layer<'a> {
    /// With the activation that follows it.
    Conv(&'a Conv2d),
    Relu,
    Pool,
    /// The last pooling where it is left out.
    Nothing,
}

impl Body for Vgg {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let mut x = channels_last(images);
        for (name, layer) in self.layers() {
            x = match layer {
                Layer::Conv(conv) => conv_biased(conv, x, Activation::Relu),
                Layer::Pool => tap.apply(&name, max_pool(x, 2, 2, [0; 4])),
                Layer::Relu | Layer::Nothing => tap.apply(&name, x),
            };
        }
        let mut x = match self.is_mlp() {
            true => adaptive_avg_pool2d(channels_first(x), [POOLED; 2]).flatten(1, 3),
            false => self.pooling.forward(x, self.classifier_bn.as_ref(), tap),
        };
        for (name, linear) in self.hidden() {
            x = relu(linear.forward(x));
            let cells = tap.apply(&name, x.reshape([0, 1, 1, -1]));
            x = cells.flatten(1, 3);
        }
        self.classifier[LINEAR[2]].iter().fold(x, |x, linear| linear.forward(x))
    }

    fn trace(&self, tracer: &mut Tracer) {
        for (_, layer) in self.layers() {
            match layer {
                Layer::Conv(conv) => tracer.conv(conv),
                Layer::Pool => tracer.size = tracer.size.map(|side| side / 2),
                Layer::Relu | Layer::Nothing => {}
            }
        }
        tracer.size = [1, 1];
        self.classifier_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let layers = self.layers().filter(|(_, layer)| !matches!(layer, Layer::Conv(_)));
        let mut names: Vec<String> = layers.map(|(name, _)| name).collect();
        names.extend(self.drop_sites().into_iter().map(|site| site.name));
        names
    }

    fn last_tap(&self) -> &'static str {
        "features.30"
    }

    fn pooling(&self) -> Option<&Pooling> {
        (!self.is_mlp()).then_some(&self.pooling)
    }

    fn drop_sites(&self) -> Vec<DropSite> {
        let hidden = self.hidden().map(|(name, _)| name);
        hidden.map(|name| DropSite { name, rate: DROPOUT, unit: DropUnit::Value }).collect()
    }
}
