//! The ResNets.

mod block;

use self::block::Block;
use super::Network;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames, NormSettings};
use crate::head::{Head, Pooling};
use crate::layers::{Layers, Tracer, conv_norm};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::trainable::{BatchNormMode, Preset};
use crate::weight_names::Naming;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::{Activation, max_pool};

pub(super) const MEMBERS: &[Architecture] = &[
    Architecture::RESNET18,
    Architecture::RESNET34,
    Architecture::RESNET50,
    Architecture::RESNET101,
    Architecture::RESNET152,
];

pub(super) static FAMILY: Family = Family {
    name: "a ResNet",
    head: HeadNames { linear: "fc", norm: "fc_bn", parts: &["fc", "fc_bn"], hidden: None },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision, Variant::V1],
    paddings: &[Padding::Torchvision],
    stage: |name| if is_stem(name) { "stem" } else { first_parts(name, 1) },
    block: |name| if is_stem(name) { "stem" } else { first_parts(name, 2) },
    marks: &["conv1.weight", "layer1.0.conv1.weight"],
    foreign: &[],
    timm: Naming::Torchvision,
    timm_has_tf: false,
    normalization: "imagenet",
    keras_normalization: Some("keras-caffe"),
};

fn is_stem(name: &str) -> bool {
    ["conv1", "bn1"].contains(&first_parts(name, 1))
}

/// A member without weights and notes of its own.
const fn member(name: &'static str, blueprint: &'static ResNetDepth) -> Descriptor {
    Descriptor {
        family: &FAMILY,
        name,
        blueprint,
        input_side_px: 224,
        weights: &[],
        recipe: None,
        blurred: &[],
    }
}

/// Blocks of each stage as in torchvision.
#[allow(missing_docs)]
impl Architecture {
    pub const RESNET18: Self = Self {
        descriptor: &Descriptor {
            weights: &[("resnet18", "resnet18-f37072fd.pth")],
            blurred: &["resnetblur18"],
            ..member("resnet18", &ResNetDepth::basic([2, 2, 2, 2]))
        },
    };
    pub const RESNET34: Self = Self {
        descriptor: &Descriptor {
            weights: &[("resnet34", "resnet34-b627a593.pth")],
            ..member("resnet34", &ResNetDepth::basic([3, 4, 6, 3]))
        },
    };
    pub const RESNET50: Self = Self {
        descriptor: &Descriptor {
            weights: &[
                ("resnet50", "resnet50-0676ba61.pth"),
                ("resnet50_v2", "resnet50-11ad3fa6.pth"),
            ],
            blurred: &["resnetblur50", "resnetaa50"],
            recipe: Some(PAPER_50),
            ..member("resnet50", &ResNetDepth::bottleneck([3, 4, 6, 3]))
        },
    };
    pub const RESNET101: Self = Self {
        descriptor: &Descriptor {
            weights: &[
                ("resnet101", "resnet101-63fe2227.pth"),
                ("resnet101_v2", "resnet101-cd907fc2.pth"),
            ],
            ..member("resnet101", &ResNetDepth::bottleneck([3, 4, 23, 3]))
        },
    };
    pub const RESNET152: Self = Self {
        descriptor: &Descriptor {
            weights: &[
                ("resnet152", "resnet152-394f9c45.pth"),
                ("resnet152_v2", "resnet152-f82ba261.pth"),
            ],
            ..member("resnet152", &ResNetDepth::bottleneck([3, 8, 36, 3]))
        },
    };
}

/// With [`BatchNormMode::Train`]: the last bottleneck, the head, and scale and shift of all batch
/// normalizations of a ResNet-50.
///
/// # Source
/// Jalaboi et al., 2021, and the code published with it. Keras' convolutions in ResNet-50 have
/// biases, 3072 in the last bottleneck; here they have none.
const PAPER_50: Preset = Preset {
    name: "paper-resnet50",
    patterns: &["layer4.2.*", "head.*", "*bn*", "*downsample.1.*"],
    batch_norm: BatchNormMode::Train,
    head: Head::Flatten,
};

/// How many blocks a ResNet has, and of which kind.
#[derive(Debug, Clone, Copy)]
struct ResNetDepth {
    /// Blocks of each stage.
    num_blocks: [usize; 4],
    /// Whether the blocks are bottlenecks, which widen the channels fourfold.
    is_bottleneck: bool,
}

impl ResNetDepth {
    const fn basic(num_blocks: [usize; 4]) -> Self {
        Self { num_blocks, is_bottleneck: false }
    }

    const fn bottleneck(num_blocks: [usize; 4]) -> Self {
        Self { num_blocks, is_bottleneck: true }
    }

    /// Channels of a block's output for one channel inside it.
    const fn expansion(&self) -> usize {
        if self.is_bottleneck { 4 } else { 1 }
    }
}

impl Blueprint for ResNetDepth {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::ResNet(ResNet::new(self, config, device))
    }

    fn num_features(&self) -> usize {
        512 * self.expansion()
    }

    fn batch_norm(&self, config: &NetworkConfig) -> NormSettings {
        match config.variant {
            Variant::Torchvision => NormSettings::PYTORCH,
            Variant::V1 => NormSettings { epsilon: 1.001e-5, momentum: 0.01 },
        }
    }
}

/// A residual network in torchvision's layout.
///
/// A bottleneck strides in its 3x3 convolution ("v1.5"); with [`Variant::V1`] in its first 1x1
/// convolution. Convolutions have no bias: in front of a batch normalization, Keras' biases only
/// shift the running mean.
///
/// # Source
/// He et al., 2015, <https://arxiv.org/abs/1512.03385>; torchvision,
/// <https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py>.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    pooling: Pooling,
    fc_bn: Option<BatchNorm>,
    fc: Linear,
}

impl ResNet {
    /// The network of `config`, which is `depth` deep, with Burn's default initialization.
    fn new(depth: &ResNetDepth, config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers { padding: Padding::Torchvision, ..Layers::of(config, device) };
        let mut in_channels = 64;
        let mut stage = |stage_idx: usize, stride: usize| -> Vec<Block> {
            let channels = 64 << stage_idx;
            (0..depth.num_blocks[stage_idx])
                .map(|block_idx| {
                    let stride = if block_idx == 0 { stride } else { 1 };
                    let block =
                        block(&layers, depth, in_channels, channels, stride, config.variant);
                    in_channels = channels * depth.expansion();
                    block
                })
                .collect()
        };
        let (layer1, layer2, layer3) = (stage(0, 1), stage(1, 2), stage(2, 2));
        let layer4 = stage(3, config.last_stride);
        Self {
            conv1: layers.conv([3, 64], 7, 2),
            bn1: layers.batch_norm(64),
            layer1,
            layer2,
            layer3,
            layer4,
            pooling: Pooling::new(config, 0.0, device),
            fc_bn: config.head_norm(device),
            fc: config.head_linear(device),
        }
    }

    fn stages(&self) -> [(&'static str, &Vec<Block>); 4] {
        [
            ("layer1", &self.layer1),
            ("layer2", &self.layer2),
            ("layer3", &self.layer3),
            ("layer4", &self.layer4),
        ]
    }
}

impl Body for ResNet {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let x = channels_last(images);
        let x = conv_norm(&self.conv1, &self.bn1, x, None, Activation::Relu);
        let mut x = tap.apply("stem", max_pool(x, 3, 2, [1; 4]));
        for (stage_name, blocks) in self.stages() {
            for (block_idx, block) in blocks.iter().enumerate() {
                let name = format!("{stage_name}.{block_idx}");
                x = block.forward_tapped(x, &name, tap);
                x = tap.apply(&name, x);
            }
            x = tap.apply(stage_name, x);
        }
        self.fc.forward(self.pooling.forward(x, self.fc_bn.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        tracer.conv(&self.conv1);
        tracer.norm(&self.bn1);
        tracer.size = tracer.size.map(|side| side.div_ceil(2));
        let blocks = self.stages().into_iter().flat_map(|(_, blocks)| blocks);
        blocks.for_each(|block| block.trace(tracer));
        tracer.size = [1, 1];
        self.fc_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = vec!["stem".to_string()];
        for (stage_name, blocks) in self.stages() {
            for (block_idx, block) in blocks.iter().enumerate() {
                names.push(format!("{stage_name}.{block_idx}.{}", block.last_conv()));
                names.push(format!("{stage_name}.{block_idx}"));
            }
            names.push(stage_name.to_string());
        }
        names
    }

    fn last_tap(&self) -> &'static str {
        "layer4"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}

fn block(
    layers: &Layers<'_>,
    depth: &ResNetDepth,
    in_channels: usize,
    channels: usize,
    stride: usize,
    variant: Variant,
) -> Block {
    match depth.is_bottleneck {
        true => Block::bottleneck(layers, in_channels, channels, stride, variant),
        false => Block::basic(layers, in_channels, channels, stride),
    }
}
