//! What a network says of itself, once.

use crate::attention::Attention;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::drop::DropSite;
use crate::head::{Head, POOLING, Pooling};
use crate::layers::Tracer;
use crate::network::Network;
use crate::tap::Tap;
use crate::trainable::Preset;
use crate::weight_names::{ForeignNames, Naming};
use burn::tensor::{Device, Tensor};

/// What the networks of a family have in common.
pub(crate) struct Family {
    /// What one is called in messages: "a ResNet".
    pub name: &'static str,
    /// Where the head hangs.
    pub head: HeadNames,
    /// The heads that it can have.
    pub heads: &'static [Head],
    /// The kinds that there are; the first is the usual one.
    pub variants: &'static [Variant],
    /// The paddings that there are; the first is the usual one.
    pub paddings: &'static [Padding],
    /// The stage of a parameter or statistic before the head, by its name.
    pub stage: fn(&str) -> &str,
    /// The block of one; see [`crate::BatchNormMode::ByBlock`].
    pub block: fn(&str) -> &str,
    /// Names that weights of this family have; those of other families and programs lack one.
    pub marks: &'static [&'static str],
    /// Names in other programs.
    pub foreign: &'static [ForeignNames],
    /// Whose names the weights of timm's networks of this family have.
    pub timm: Naming,
    /// Whether timm has each network as `tf_NAME`, too, with TensorFlow's padding and epsilon.
    pub timm_has_tf: bool,
    /// Name of the standardization of images that [`Descriptor::weights`] take; without any, timm's or Keras' weights.
    pub normalization: &'static str,
    /// That of Keras' own weights; `None` where Keras lacks the networks, or has them standardize images themselves.
    pub keras_normalization: Option<&'static str>,
}

/// Names of the parts of a head.
pub(crate) struct HeadNames {
    /// The linear layer that gives the logits.
    pub linear: &'static str,
    /// The batch normalization of [`Head::GapBn`].
    pub norm: &'static str,
    /// First parts of the names of all parameters of the head.
    pub parts: &'static [&'static str],
    /// The hidden layers of [`Head::Mlp`].
    pub hidden: Option<HiddenLayers>,
}

/// Linear layers before the one that gives the logits.
pub(crate) struct HiddenLayers {
    /// The first of them.
    pub first: &'static str,
    /// What the last gives.
    pub num_features: usize,
}

impl Family {
    /// Whether the parameter or statistic that is called `name` belongs to the head.
    pub fn is_head(&self, name: &str) -> bool {
        let first = name.split('.').next().unwrap_or(name);
        first == POOLING || self.head.parts.contains(&first)
    }
}

/// What one network says of itself.
pub(crate) struct Descriptor {
    pub family: &'static Family,
    /// Torchvision's name, else timm's, else Keras'.
    pub name: &'static str,
    pub blueprint: &'static dyn Blueprint,
    /// Height and width of the images that published weights take.
    pub input_side_px: u32,
    /// Published weights: name and file.
    pub weights: &'static [(&'static str, &'static str)],
    /// What the DermX study let learn.
    pub recipe: Option<Preset>,
    /// Networks of timm whose weights have these names and shapes but which blur where they stride;
    /// they are not computed here.
    pub blurred: &'static [&'static str],
}

/// Settings of the batch normalizations before the head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormSettings {
    pub epsilon: f64,
    /// Weight of the newest batch in the running statistics.
    pub momentum: f64,
}

impl NormSettings {
    /// PyTorch's.
    pub const PYTORCH: Self = Self { epsilon: 1e-5, momentum: 0.1 };
}

/// The plan by which the network of one architecture is built: its size within the family.
pub(crate) trait Blueprint: Sync {
    /// The network of `config` with Burn's default initialization.
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network;

    /// Number of feature maps before the head.
    fn num_features(&self) -> usize;

    /// The usual settings of the batch normalizations before the head.
    fn batch_norm(&self, _: &NetworkConfig) -> NormSettings {
        NormSettings::PYTORCH
    }

    /// See [`crate::Architecture::takes_last_stride`].
    fn takes_last_stride(&self, last_stride: usize) -> bool {
        matches!(last_stride, 1 | 2)
    }

    /// Whether the means of the maps at the last tap are the inputs of the head.
    fn pools_last_tap(&self) -> bool {
        true
    }

    /// First parts of the names of what published weights have beside the network: it was used in their
    /// training, and is not computed here.
    fn not_computed(&self) -> &'static [&'static str] {
        &[]
    }

    /// See [`NetworkConfig::feature_size`].
    fn feature_size(&self, config: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side.div_ceil(16 * config.last_stride))
    }
}

/// What every network does.
pub(crate) trait Body {
    /// See [`Network::forward_tapped`].
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2>;

    /// See [`Network::conv_shapes`].
    fn trace(&self, tracer: &mut Tracer);

    /// The taps before those of the pooling; see [`Network::tap_names`].
    fn tap_names(&self) -> Vec<String>;

    /// See [`Network::last_tap`].
    fn last_tap(&self) -> &'static str;

    /// What is between the last feature maps and the linear layer of the head, where that is a pooling.
    fn pooling(&self) -> Option<&Pooling> {
        None
    }

    /// Those before the pooling; see [`Network::drop_sites`].
    fn drop_sites(&self) -> Vec<DropSite> {
        Vec::new()
    }

    /// See [`Network::attention`].
    fn attention(&self) -> Option<Attention> {
        None
    }
}
