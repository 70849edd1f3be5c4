//! The EfficientNets.

use crate::drop::{DropSite, DropUnit};
use crate::head::Pooling;
use crate::layers::{ConvNorm, Layers, Tracer, channels_last, conv_norm};
use crate::mbconv::{BlockPlan, MbConv};
use crate::network::{NetworkConfig, Tap};
use burn::module::Module;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;

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

/// A member of torchvision's `features`; the names of the variants are not part of a name.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Feature {
    /// Convolution, batch normalization, SiLU: the stem and the last layer.
    Conv(ConvNorm),
    /// Blocks of one resolution.
    Stage(Vec<MbConv>),
}

impl EfficientNet {
    /// The network of `config` and `plan`, with Burn's default initialization.
    pub(crate) fn new(plan: &EfficientNetPlan, config: &NetworkConfig, device: &Device) -> Self {
        let (epsilon, (_, momentum)) = (config.epsilon(), plan.batch_norm());
        let layers = Layers { device, epsilon, momentum, padding: config.padding };
        let stages = plan.stages();
        let stem = layers.conv_norm([3, plan.channels(STAGES[0].3)], 3, 2);
        let mut features = vec![Feature::Conv(stem)];
        let total: usize = stages.iter().map(|(_, num_blocks)| num_blocks).sum();
        let mut num_before = 0;
        for (stage_idx, (mut next, num_blocks)) in stages.into_iter().enumerate() {
            if stage_idx == LAST_STRIDED {
                next.stride = config.last_stride;
            }
            let mut blocks = Vec::with_capacity(num_blocks);
            for _ in 0..num_blocks {
                next.drop_rate = STOCHASTIC_DEPTH * f64::from(num_before) / total as f64;
                blocks.push(MbConv::new(&layers, &next));
                next = BlockPlan { in_channels: next.out_channels, stride: 1, ..next };
                num_before += 1;
            }
            features.push(Feature::Stage(blocks));
        }
        let last = [plan.channels(STAGES[6].4), plan.num_features()];
        features.push(Feature::Conv(layers.conv_norm(last, 1, 1)));
        Self {
            features,
            pooling: Pooling::new(config.head, plan.dropout),
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

/// Largest rate of stochastic depth; block `i` of `n` has `i / n` of it.
const STOCHASTIC_DEPTH: f64 = 0.2;

/// The last stage that has a stride.
const LAST_STRIDED: usize = 5;

/// Stages of EfficientNet-B0, table 1 of the paper: expansion, size of the kernel, stride, channels
/// in and out, blocks.
const STAGES: [(usize, usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
];

/// What distinguishes one size from another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EfficientNetPlan {
    /// Factor on the channels of B0.
    width: f64,
    /// Factor on the blocks of B0.
    depth: f64,
    /// Rate of dropout before the linear layer.
    dropout: f64,
}

impl EfficientNetPlan {
    pub const fn new(width: f64, depth: f64, dropout: f64) -> Self {
        Self { width, depth, dropout }
    }

    pub fn num_features(&self) -> usize {
        4 * self.channels(STAGES[6].4)
    }

    /// Epsilon and momentum of batch normalization; torchvision's B5 to B7 have TensorFlow's.
    pub(crate) fn batch_norm(&self) -> (f64, f64) {
        if self.width < 1.5 { (1e-5, 0.1) } else { (1e-3, 0.01) }
    }

    fn channels(&self, base: usize) -> usize {
        divisible_by_8(base as f64 * self.width)
    }

    /// The first block and the number of blocks of every stage.
    fn stages(&self) -> [(BlockPlan, usize); 7] {
        STAGES.map(|(expansion, kernel_size, stride, in_channels, out_channels, num_blocks)| {
            let (in_channels, out_channels) =
                (self.channels(in_channels), self.channels(out_channels));
            let drop_rate = 0.0;
            let first =
                BlockPlan { expansion, kernel_size, stride, in_channels, out_channels, drop_rate };
            (first, (num_blocks as f64 * self.depth).ceil() as usize)
        })
    }
}

/// The multiple of 8 next to `channels`, but not less than 9/10 of it.
fn divisible_by_8(channels: f64) -> usize {
    let nearest = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (nearest as f64) < 0.9 * channels { nearest + 8 } else { nearest }
}
