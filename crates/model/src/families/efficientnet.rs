//! The EfficientNets.

mod mbconv;
mod names;
pub(super) mod scale;

use self::mbconv::{MbConv, MbConvConfig};
use self::scale::{EfficientNetScale, NUM_STAGES};
use super::Network;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames, NormSettings};
use crate::drop::{DropSite, DropUnit};
use crate::head::{Head, Pooling};
use crate::layers::{ConvNorm, Layers, Tracer, conv_norm};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::trainable::{BatchNormMode, Preset};
use crate::weight_names::{ForeignNames, Naming};
use burn::module::Module;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;

pub(super) const MEMBERS: &[Architecture] = &[
    Architecture::EFFICIENTNET_B0,
    Architecture::EFFICIENTNET_B1,
    Architecture::EFFICIENTNET_B2,
    Architecture::EFFICIENTNET_B3,
    Architecture::EFFICIENTNET_B4,
    Architecture::EFFICIENTNET_B5,
    Architecture::EFFICIENTNET_B6,
    Architecture::EFFICIENTNET_B7,
];

pub(super) static FAMILY: Family = Family {
    name: "an EfficientNet",
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
    block: |name| {
        let is_in_block = name.split('.').nth(3) == Some("block");
        first_parts(name, if is_in_block { 3 } else { 2 })
    },
    marks: &["features.0.0.weight", "features.1.0.block.0.0.weight"],
    foreign: &[ForeignNames {
        naming: Naming::Timm,
        marks: &["conv_stem.weight", "blocks.0.0.se.conv_reduce.weight"],
        to_own: names::of_timm,
        from_own: names::timm_names,
    }],
    timm: Naming::Timm,
    timm_has_tf: true,
    normalization: "imagenet",
    keras_normalization: None,
};

/// A member without weights and notes of its own.
const fn member(
    name: &'static str,
    blueprint: &'static EfficientNetScale,
    input_side_px: u32,
) -> Descriptor {
    Descriptor {
        family: &FAMILY,
        name,
        blueprint,
        input_side_px,
        weights: &[],
        recipe: None,
        blurred: &[],
    }
}

/// Factors on width and depth, and rates of dropout, as in torchvision.
#[allow(missing_docs)]
impl Architecture {
    pub const EFFICIENTNET_B0: Self = Self {
        descriptor: &Descriptor {
            weights: &[("efficientnet_b0", "efficientnet_b0_rwightman-7f5810bc.pth")],
            blurred: &["efficientnet_blur_b0"],
            ..member("efficientnet_b0", &EfficientNetScale::new(1.0, 1.0, 0.2), 224)
        },
    };
    pub const EFFICIENTNET_B1: Self = Self {
        descriptor: &Descriptor {
            weights: &[
                ("efficientnet_b1", "efficientnet_b1_rwightman-bac287d4.pth"),
                ("efficientnet_b1_v2", "efficientnet_b1-c27df63c.pth"),
            ],
            ..member("efficientnet_b1", &EfficientNetScale::new(1.0, 1.1, 0.2), 240)
        },
    };
    pub const EFFICIENTNET_B2: Self = Self {
        descriptor: &Descriptor {
            weights: &[("efficientnet_b2", "efficientnet_b2_rwightman-c35c1473.pth")],
            ..member("efficientnet_b2", &EfficientNetScale::new(1.1, 1.2, 0.3), 288)
        },
    };
    pub const EFFICIENTNET_B3: Self = Self {
        descriptor: &Descriptor {
            weights: &[("efficientnet_b3", "efficientnet_b3_rwightman-b3899882.pth")],
            ..member("efficientnet_b3", &EfficientNetScale::new(1.2, 1.4, 0.3), 300)
        },
    };
    pub const EFFICIENTNET_B4: Self = Self {
        descriptor: &Descriptor {
            weights: &[("efficientnet_b4", "efficientnet_b4_rwightman-23ab8bcd.pth")],
            recipe: Some(PAPER_B4),
            ..member("efficientnet_b4", &EfficientNetScale::new(1.4, 1.8, 0.4), 380)
        },
    };
    pub const EFFICIENTNET_B5: Self = Self {
        descriptor: &Descriptor {
            weights: &[("efficientnet_b5", "efficientnet_b5_lukemelas-1a07897c.pth")],
            ..member("efficientnet_b5", &EfficientNetScale::new(1.6, 2.2, 0.4), 456)
        },
    };
    pub const EFFICIENTNET_B6: Self = Self {
        descriptor: &Descriptor {
            weights: &[("efficientnet_b6", "efficientnet_b6_lukemelas-24a108a5.pth")],
            ..member("efficientnet_b6", &EfficientNetScale::new(1.8, 2.6, 0.5), 528)
        },
    };
    pub const EFFICIENTNET_B7: Self = Self {
        descriptor: &Descriptor {
            weights: &[("efficientnet_b7", "efficientnet_b7_lukemelas-c5b4e57e.pth")],
            ..member("efficientnet_b7", &EfficientNetScale::new(2.0, 3.1, 0.5), 600)
        },
    };
}

/// With [`BatchNormMode::Frozen`]: the second half of the sixth stage (Keras' `block6e` to `block6h`),
/// the seventh stage, the last convolution and the head of an EfficientNet-B4.
///
/// # Source
/// Jalaboi et al., 2021, and the code published with it.
const PAPER_B4: Preset = Preset {
    name: "paper-efficientnet-b4",
    patterns: &[
        "features.6.4.*",
        "features.6.5.*",
        "features.6.6.*",
        "features.6.7.*",
        "features.7.*",
        "features.8.*",
        "head.*",
    ],
    batch_norm: BatchNormMode::Frozen,
    head: Head::GapBn,
};

impl Blueprint for EfficientNetScale {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::EfficientNet(EfficientNet::new(self, config, device))
    }

    fn num_features(&self) -> usize {
        Self::num_features(self)
    }

    /// Torchvision's B5 to B7 have TensorFlow's settings.
    fn batch_norm(&self, _: &NetworkConfig) -> NormSettings {
        Self::batch_norm(self)
    }
}

/// Largest rate of stochastic depth; block `i` of `n` has `i / n` of it.
const STOCHASTIC_DEPTH: f64 = 0.2;

/// The last stage that has a stride.
const LAST_STRIDED: usize = 5;

/// An EfficientNet in torchvision's layout.
///
/// # Source
/// Tan and Le, 2019, <https://arxiv.org/abs/1905.11946>; torchvision,
/// <https://github.com/pytorch/vision/blob/main/torchvision/models/efficientnet.py>.
#[derive(Module, Debug)]
pub struct EfficientNet {
    features: Vec<Feature>,
    pooling: Pooling,
    classifier: (Option<BatchNorm>, Linear),
}

/// A member of torchvision's `features`. The variants' names are not part of parameter names.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Feature {
    /// Convolution, batch normalization, SiLU: the stem and the last layer.
    Conv(ConvNorm),
    /// Blocks of one resolution.
    Stage(Vec<MbConv>),
}

impl EfficientNet {
    /// The network of `config` at the size `scale`, with Burn's default initialization.
    fn new(scale: &EfficientNetScale, config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers::of(config, device);
        let stages = scale.stages();
        let stem = layers.conv_norm([3, stages[0].in_channels], 3, 2);
        let mut features = vec![Feature::Conv(stem)];
        let total: usize = stages.iter().map(|stage| stage.num_blocks).sum();
        let mut num_before = 0;
        for (stage_idx, stage) in stages.iter().enumerate() {
            let mut next = MbConvConfig {
                expansion: stage.expansion,
                kernel_size: stage.kernel_size,
                stride: if stage_idx == LAST_STRIDED { config.last_stride } else { stage.stride },
                in_channels: stage.in_channels,
                out_channels: stage.out_channels,
                drop_rate: 0.0,
            };
            let mut blocks = Vec::with_capacity(stage.num_blocks);
            for _ in 0..stage.num_blocks {
                next.drop_rate = STOCHASTIC_DEPTH * f64::from(num_before) / total as f64;
                blocks.push(MbConv::new(&layers, &next));
                next = MbConvConfig { in_channels: next.out_channels, stride: 1, ..next };
                num_before += 1;
            }
            features.push(Feature::Stage(blocks));
        }
        let last = [stages[NUM_STAGES - 1].out_channels, scale.num_features()];
        features.push(Feature::Conv(layers.conv_norm(last, 1, 1)));
        Self {
            features,
            pooling: Pooling::new(config, scale.dropout, device),
            classifier: (config.head_norm(device), config.head_linear(device)),
        }
    }
}

impl Body for EfficientNet {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let mut x = channels_last(images);
        for (feature_idx, feature) in self.features.iter().enumerate() {
            let name = format!("features.{feature_idx}");
            x = match feature {
                Feature::Conv((conv, norm)) => conv_norm(conv, norm, x, None, Activation::Silu),
                Feature::Stage(blocks) => {
                    blocks.iter().enumerate().fold(x, |x, (block_idx, block)| {
                        let name = format!("{name}.{block_idx}");
                        let x = block.forward_tapped(x, &name, tap);
                        tap.apply(&name, x)
                    })
                }
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
                Feature::Stage(blocks) => blocks.iter().for_each(|block| block.trace(tracer)),
            }
        }
        tracer.size = [1, 1];
        self.classifier.0.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (feature_idx, feature) in self.features.iter().enumerate() {
            let name = format!("features.{feature_idx}");
            if let Feature::Stage(blocks) = feature {
                for block_idx in 0..blocks.len() {
                    names.push(format!("{name}.{block_idx}.block"));
                    names.push(format!("{name}.{block_idx}"));
                }
            }
            names.push(name);
        }
        names
    }

    fn last_tap(&self) -> &'static str {
        "features.8"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }

    fn drop_sites(&self) -> Vec<DropSite> {
        let mut sites = Vec::new();
        for (feature_idx, feature) in self.features.iter().enumerate() {
            let Feature::Stage(blocks) = feature else { continue };
            for (block_idx, block) in blocks.iter().enumerate() {
                let name = format!("features.{feature_idx}.{block_idx}.block");
                let rate = block.drop_rate();
                sites.push(DropSite { name, rate, unit: DropUnit::Image });
            }
        }
        sites.retain(|site| site.rate > 0.0);
        sites
    }
}
