//! The EfficientNets.

use crate::config::NetworkConfig;
use crate::drop::{DropSite, DropUnit};
use crate::family::{EfficientNetScale, NUM_STAGES};
use crate::head::Pooling;
use crate::layers::{ConvNorm, Layers, Tracer, conv_norm};
use crate::layout::channels_last;
use crate::mbconv::{MbConv, MbConvConfig};
use crate::tap::Tap;
use burn::module::Module;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;

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
    pub(crate) fn new(scale: &EfficientNetScale, config: &NetworkConfig, device: &Device) -> Self {
        let momentum = scale.batch_norm().momentum;
        let layers =
            Layers { device, epsilon: config.epsilon(), momentum, padding: config.padding };
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
            pooling: Pooling::new(config.head, scale.dropout),
            classifier: (config.head_norm(device), config.head_linear(device)),
        }
    }

    /// See [`crate::Network::forward_tapped`].
    pub(crate) fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
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

    /// See [`crate::Network::conv_shapes`].
    pub(crate) fn trace(&self, tracer: &mut Tracer) {
        for feature in &self.features {
            match feature {
                Feature::Conv(layer) => tracer.conv_norm(layer),
                Feature::Stage(blocks) => blocks.iter().for_each(|block| block.trace(tracer)),
            }
        }
        tracer.size = [1, 1];
        self.classifier.0.iter().for_each(|norm| tracer.norm(norm));
    }

    /// See [`crate::Network::tap_names`].
    pub(crate) fn tap_names(&self) -> Vec<String> {
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
        names.extend(self.pooling.drop_site().map(|site| site.name));
        names
    }

    /// See [`crate::Network::drop_sites`].
    pub(crate) fn drop_sites(&self) -> Vec<DropSite> {
        let mut sites = Vec::new();
        for (feature_idx, feature) in self.features.iter().enumerate() {
            let Feature::Stage(blocks) = feature else { continue };
            for (block_idx, block) in blocks.iter().enumerate() {
                let name = format!("features.{feature_idx}.{block_idx}.block");
                let rate = block.drop_rate();
                sites.push(DropSite { name, rate, unit: DropUnit::Image });
            }
        }
        sites.extend(self.pooling.drop_site());
        sites.retain(|site| site.rate > 0.0);
        sites
    }
}
