//! ResNet-18 and ResNet-50.

use crate::block::{Block, batch_norm, conv};
use crate::network::{Architecture, Head, NetworkConfig};
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor, activation::relu};

/// A residual network in torchvision's layout ("v1.5").
///
/// # Source
/// He et al., 2015, <https://arxiv.org/abs/1512.03385>.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    maxpool: MaxPool2d,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    fc: Linear,
    flatten: bool,
}

impl ResNet {
    /// The network of `config`, with Burn's default initialization.
    pub fn new(config: &NetworkConfig, device: &Device) -> Self {
        let plan = Plan::of(config.architecture);
        let mut in_channels = 64;
        let mut stage = |stage_idx: usize, stride: usize| -> Vec<Block> {
            let channels = 64 << stage_idx;
            (0..plan.num_blocks[stage_idx])
                .map(|block_idx| {
                    let stride = if block_idx == 0 { stride } else { 1 };
                    let block = (plan.block)(in_channels, channels, stride, device);
                    in_channels = channels * plan.expansion;
                    block
                })
                .collect()
        };
        let (layer1, layer2, layer3) = (stage(0, 1), stage(1, 2), stage(2, 2));
        let layer4 = stage(3, config.last_stride);
        let cells = match config.head {
            Head::Gap => 1,
            Head::Flatten => config.feature_size(config.input_size).iter().product(),
        };
        Self {
            conv1: conv(3, 64, 7, 2, device),
            bn1: batch_norm(64, device),
            maxpool: MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            layer1,
            layer2,
            layer3,
            layer4,
            fc: LinearConfig::new(in_channels * cells, config.num_classes).init(device),
            flatten: config.head == Head::Flatten,
        }
    }

    /// See [`crate::Network::forward_tapped`].
    pub fn forward_tapped(
        &self,
        images: Tensor<4>,
        tap: &mut dyn FnMut(&str, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        let x = relu(self.bn1.forward(self.conv1.forward(images)));
        let mut x = tap("stem", self.maxpool.forward(x));
        for (stage_name, blocks) in self.stages() {
            for (block_idx, block) in blocks.iter().enumerate() {
                x = tap(&format!("{stage_name}.{block_idx}"), block.forward(x));
            }
            x = tap(stage_name, x);
        }
        let features: Tensor<2> = match self.flatten {
            true => x.flatten(1, 3),
            false => x.mean_dims(&[2, 3]).flatten(1, 3),
        };
        self.fc.forward(features)
    }

    /// Names of the taps in execution order.
    pub fn tap_names(&self) -> Vec<String> {
        let mut names = vec!["stem".to_string()];
        for (stage_name, blocks) in self.stages() {
            names.extend((0..blocks.len()).map(|block_idx| format!("{stage_name}.{block_idx}")));
            names.push(stage_name.to_string());
        }
        names
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

/// What distinguishes one depth from another.
struct Plan {
    num_blocks: [usize; 4],
    expansion: usize,
    block: fn(usize, usize, usize, &Device) -> Block,
}

impl Plan {
    fn of(architecture: Architecture) -> Self {
        match architecture {
            Architecture::Resnet18 => {
                Self { num_blocks: [2, 2, 2, 2], expansion: 1, block: Block::basic }
            }
            Architecture::Resnet50 => {
                Self { num_blocks: [3, 4, 6, 3], expansion: 4, block: Block::bottleneck }
            }
        }
    }
}
