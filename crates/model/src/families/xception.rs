//! Xception.

use super::Network;
use super::separable::Separable;
use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::descriptor::{Blueprint, Body, Descriptor, Family, HeadNames};
use crate::head::{Head, Pooling};
use crate::layers::{Layers, Tracer, conv_norm, max_pooled};
use crate::layout::channels_last;
use crate::parameter::first_parts;
use crate::tap::Tap;
use crate::weight_names::Naming;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::MaxPool2d;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use dermx_kernels::Activation;

pub(super) const MEMBERS: &[Architecture] = &[Architecture::XCEPTION];

pub(super) static FAMILY: Family = Family {
    name: "an Xception",
    head: HeadNames { linear: "fc", norm: "fc_bn", parts: &["fc", "fc_bn"], hidden: None },
    heads: &[Head::Gap, Head::GapBn, Head::Flatten],
    variants: &[Variant::Torchvision],
    paddings: &[Padding::Torchvision, Padding::Tf],
    stage,
    block: stage,
    marks: &["conv1.weight", "block1.rep.0.conv1.weight"],
    foreign: &[],
    timm: Naming::Torchvision,
    timm_has_tf: false,
    normalization: "keras-tf",
    keras_normalization: Some("keras-tf"),
};

/// A normalization belongs to the convolution before it, and the first two are the stem.
fn stage(name: &str) -> &str {
    match first_parts(name, 1) {
        "conv1" | "bn1" | "conv2" | "bn2" => "stem",
        "bn3" => "conv3",
        "bn4" => "conv4",
        stage => stage,
    }
}

/// timm calls it `legacy_xception`.
#[allow(missing_docs)]
impl Architecture {
    pub const XCEPTION: Self = Self {
        descriptor: &Descriptor {
            family: &FAMILY,
            name: "xception",
            blueprint: &Blocks,
            input_side_px: 299,
            weights: &[],
            recipe: None,
            blurred: &[],
        },
    };
}

/// Side of the kernels of separable convolutions.
const KERNEL_SIZE: usize = 3;

/// Channels of the first two convolutions.
const STEM_CHANNELS: [usize; 2] = [32, 64];

/// Figure 5 of the paper: channels in and out, convolutions and stride of each block. A stride is that of a
/// max pooling at the block's end.
const BLOCKS: [[usize; 4]; 12] = [
    [64, 128, 2, 2],
    [128, 256, 2, 2],
    [256, 728, 2, 2],
    [728, 728, 3, 1],
    [728, 728, 3, 1],
    [728, 728, 3, 1],
    [728, 728, 3, 1],
    [728, 728, 3, 1],
    [728, 728, 3, 1],
    [728, 728, 3, 1],
    [728, 728, 3, 1],
    [728, 1024, 2, 2],
];

/// Channels of the last two convolutions.
const EXIT_CHANNELS: [usize; 2] = [1536, 2048];

struct Blocks;

impl Blueprint for Blocks {
    fn build(&self, config: &NetworkConfig, device: &Device) -> Network {
        Network::Xception(Xception::new(config, device))
    }

    fn num_features(&self) -> usize {
        EXIT_CHANNELS[1]
    }

    /// The first two convolutions leave out what they would see of a border, one with a stride.
    fn feature_size(&self, config: &NetworkConfig, size: [usize; 2]) -> [usize; 2] {
        let stem = |side: usize| (side.saturating_sub(1) / 2).saturating_sub(2);
        size.map(|side| stem(side).div_ceil(8 * config.last_stride))
    }
}

/// Xception in timm's layout.
///
/// [`Padding::Tf`] is Keras': its poolings have less of a border above and to the left where a side is even.
///
/// # Source
/// Chollet, 2016, <https://arxiv.org/abs/1610.02357>; timm,
/// <https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/xception.py>.
#[derive(Module, Debug)]
pub struct Xception {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    block_: Vec<Block>,
    conv3: Separable,
    bn3: BatchNorm,
    conv4: Separable,
    bn4: BatchNorm,
    pooling: Pooling,
    fc_bn: Option<BatchNorm>,
    fc: Linear,
}

/// Separable convolutions, each with its normalization and all but the first block's first with a ReLU
/// before it; a pooling where the block strides; a shortcut.
#[derive(Module, Debug)]
pub struct Block {
    /// The convolution of a shortcut between different sizes, and its normalization.
    skip: Option<Conv2d>,
    skipbn: Option<BatchNorm>,
    /// timm's `rep`; activations and pooling have no parameters.
    rep: Vec<Option<Step>>,
    pool: Option<MaxPool2d>,
}

/// A step of a block. The variants' names are not part of parameter names.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Step {
    /// A convolution.
    Conv(Separable),
    /// The normalization after it.
    Norm(BatchNorm),
}

impl Block {
    /// A block of `num_convs` convolutions; the channels change in the last of them if `grows_last`, else in
    /// the first.
    fn new(
        layers: &Layers<'_>,
        [in_channels, out_channels, num_convs, stride]: [usize; 4],
        starts_with_relu: bool,
        grows_last: bool,
    ) -> Self {
        let grown_at = if grows_last { num_convs } else { 1 };
        let channels = |idx: usize| if idx < grown_at { in_channels } else { out_channels };
        let mut rep = Vec::with_capacity(3 * num_convs);
        for idx in 0..num_convs {
            if idx > 0 || starts_with_relu {
                rep.push(None);
            }
            let conv = Separable::new(layers, [channels(idx), channels(idx + 1)], KERNEL_SIZE, 1);
            rep.extend([
                Some(Step::Conv(conv)),
                Some(Step::Norm(layers.batch_norm(channels(idx + 1)))),
            ]);
        }
        let changes = in_channels != out_channels || stride != 1;
        Self {
            skip: changes.then(|| layers.conv([in_channels, out_channels], 1, stride)),
            skipbn: changes.then(|| layers.batch_norm(out_channels)),
            rep,
            pool: (stride != 1).then(|| layers.max_pool(3, stride)),
        }
    }

    /// Applies the block that is called `name`, with a tap before the shortcut is added.
    fn forward_tapped(&self, input: Tensor<4>, name: &str, tap: &mut Tap<'_>) -> Tensor<4> {
        let branch = format!("{name}.rep");
        // The last normalization adds an unchanged input in the same pass, unless a tap is in between.
        let adds_input = self.skip.is_none() && !tap.wants(&branch);
        let x = self.branch(input.clone(), adds_input.then(|| input.clone()));
        let x = tap.apply(&branch, x);
        match (&self.skip, &self.skipbn) {
            (Some(conv), Some(norm)) => conv_norm(conv, norm, input, Some(x), Activation::None),
            _ if adds_input => x,
            _ => x + input,
        }
    }

    /// timm's `rep`, and `residual` added to what its last normalization gives.
    fn branch(&self, input: Tensor<4>, mut residual: Option<Tensor<4>>) -> Tensor<4> {
        let (mut x, mut last) = (input, None::<&Separable>);
        for (idx, step) in self.rep.iter().enumerate() {
            match step {
                None if idx == 0 => x = relu(x),
                // The normalization before it has it.
                None => {}
                Some(Step::Conv(conv)) => last = Some(conv),
                Some(Step::Norm(norm)) => {
                    let is_end = idx + 1 == self.rep.len();
                    let activation = if is_end { Activation::None } else { Activation::Relu };
                    if let Some(conv) = last {
                        x = conv.forward(norm, x, residual.take_if(|_| is_end), activation);
                    }
                }
            }
        }
        match &self.pool {
            Some(pool) => max_pooled(pool, x),
            None => x,
        }
    }

    fn trace(&self, tracer: &mut Tracer) {
        let in_size = tracer.size;
        for step in self.rep.iter().flatten() {
            match step {
                Step::Conv(conv) => conv.trace(tracer),
                Step::Norm(norm) => tracer.norm(norm),
            }
        }
        self.pool.iter().for_each(|pool| tracer.pool(pool));
        if let Some(skip) = &self.skip {
            tracer.size = in_size;
            tracer.conv(skip);
        }
        self.skipbn.iter().for_each(|norm| tracer.norm(norm));
    }
}

impl Xception {
    fn new(config: &NetworkConfig, device: &Device) -> Self {
        let layers = Layers::of(config, device);
        let last = BLOCKS.len() - 1;
        let block = |(idx, [in_channels, out_channels, num_convs, stride]): (usize, [usize; 4])| {
            let stride = if idx == last { config.last_stride } else { stride };
            let sizes = [in_channels, out_channels, num_convs, stride];
            Block::new(&layers, sizes, idx > 0, idx == last)
        };
        let [first, second] = STEM_CHANNELS;
        let [third, fourth] = EXIT_CHANNELS;
        Self {
            conv1: layers.valid_conv([3, first], 3, 2),
            bn1: layers.batch_norm(first),
            conv2: layers.valid_conv([first, second], 3, 1),
            bn2: layers.batch_norm(second),
            block_: BLOCKS.into_iter().enumerate().map(block).collect(),
            conv3: Separable::new(&layers, [BLOCKS[last][1], third], KERNEL_SIZE, 1),
            bn3: layers.batch_norm(third),
            conv4: Separable::new(&layers, [third, fourth], KERNEL_SIZE, 1),
            bn4: layers.batch_norm(fourth),
            pooling: Pooling::new(config, 0.0, device),
            fc_bn: config.head_norm(device),
            fc: config.head_linear(device),
        }
    }
}

impl Body for Xception {
    fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<2> {
        let x = channels_last(images);
        let x = conv_norm(&self.conv1, &self.bn1, x, None, Activation::Relu);
        let x = tap.apply("act1", x);
        let x = conv_norm(&self.conv2, &self.bn2, x, None, Activation::Relu);
        let mut x = tap.apply("act2", x);
        for (idx, block) in self.block_.iter().enumerate() {
            let name = format!("block{}", idx + 1);
            x = block.forward_tapped(x, &name, tap);
            x = tap.apply(&name, x);
        }
        let x = tap.apply("act3", self.conv3.forward(&self.bn3, x, None, Activation::Relu));
        let x = self.conv4.forward(&self.bn4, x, None, Activation::Relu);
        let x = tap.apply(self.last_tap(), x);
        self.fc.forward(self.pooling.forward(x, self.fc_bn.as_ref(), tap))
    }

    fn trace(&self, tracer: &mut Tracer) {
        for (conv, norm) in [(&self.conv1, &self.bn1), (&self.conv2, &self.bn2)] {
            tracer.conv(conv);
            tracer.norm(norm);
        }
        self.block_.iter().for_each(|block| block.trace(tracer));
        for (conv, norm) in [(&self.conv3, &self.bn3), (&self.conv4, &self.bn4)] {
            conv.trace(tracer);
            tracer.norm(norm);
        }
        tracer.size = [1, 1];
        self.fc_bn.iter().for_each(|norm| tracer.norm(norm));
    }

    fn tap_names(&self) -> Vec<String> {
        let mut names = vec!["act1".to_string(), "act2".to_string()];
        for number in 1..=self.block_.len() {
            names.extend([format!("block{number}.rep"), format!("block{number}")]);
        }
        names.extend(["act3".to_string(), self.last_tap().to_string()]);
        names
    }

    /// The activation after the last normalization.
    fn last_tap(&self) -> &'static str {
        "act4"
    }

    fn pooling(&self) -> Option<&Pooling> {
        Some(&self.pooling)
    }
}
