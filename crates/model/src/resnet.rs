//! The ResNets.

use crate::block::Block;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::drop::DropSite;
use crate::family::ResNetDepth;
use crate::head::Pooling;
use crate::layers::{Layers, Tracer, conv_norm};
use crate::layout::channels_last;
use crate::tap::Tap;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::{Device, Tensor};
use dermx_kernels::{Activation, max_pool};

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
    pub(crate) fn new(depth: &ResNetDepth, config: &NetworkConfig, device: &Device) -> Self {
        let momentum = match config.variant {
            Variant::Torchvision => 0.1,
            Variant::V1 => 0.01,
        };
        let epsilon = config.epsilon();
        let layers = Layers { device, epsilon, momentum, padding: Padding::Torchvision };
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
            pooling: Pooling::new(config.head, 0.0),
            fc_bn: config.head_norm(device),
            fc: config.head_linear(device),
        }
    }

    /// See [`crate::Network::forward_tapped`].
    pub(crate) fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let x = channels_last(images);
        let x = conv_norm(&self.conv1, &self.bn1, x, None, Activation::Relu);
        let mut x = tap.apply("stem", max_pool(x, 3, 2, 1));
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

    /// See [`crate::Network::conv_shapes`].
    pub(crate) fn trace(&self, tracer: &mut Tracer) {
        tracer.conv(&self.conv1);
        tracer.norm(&self.bn1);
        tracer.size = tracer.size.map(|side| side.div_ceil(2));
        let blocks = self.stages().into_iter().flat_map(|(_, blocks)| blocks);
        blocks.for_each(|block| block.trace(tracer));
        tracer.size = [1, 1];
        self.fc_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    /// See [`crate::Network::tap_names`].
    pub(crate) fn tap_names(&self) -> Vec<String> {
        let mut names = vec!["stem".to_string()];
        for (stage_name, blocks) in self.stages() {
            for (block_idx, block) in blocks.iter().enumerate() {
                names.push(format!("{stage_name}.{block_idx}.{}", block.last_conv()));
                names.push(format!("{stage_name}.{block_idx}"));
            }
            names.push(stage_name.to_string());
        }
        names.extend(self.pooling.drop_site().map(|site| site.name));
        names
    }

    /// See [`crate::Network::drop_sites`].
    pub(crate) fn drop_sites(&self) -> Vec<DropSite> {
        self.pooling.drop_site().into_iter().collect()
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
