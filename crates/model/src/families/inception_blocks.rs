//! Branches beside each other, of which the Inceptions are made, and their common first layers.

use crate::boxed::Boxed;
use crate::layers::{Layers, Tracer, conv_norm};
use crate::tap::Tap;
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use dermx_kernels::{Activation, AvgPool, avg_pool, concat, max_pool};

/// Side of the windows that pool, and of the kernels that stride.
const WINDOW: usize = 3;

/// A bias-free convolution, its batch normalization and a ReLU: torchvision's `BasicConv2d` and timm's
/// `ConvNormAct`.
#[derive(Module, Debug)]
pub struct ConvUnit {
    conv: Boxed<Conv2d>,
    bn: Boxed<BatchNorm>,
}

impl ConvUnit {
    /// A kernel of `[height, width]`; as many cells are left as there are.
    pub fn new(layers: &Layers<'_>, channels: [usize; 2], kernel_size: [usize; 2]) -> Self {
        let conv = layers.oblong_conv(channels, kernel_size);
        Self::of(layers, conv, channels[1])
    }

    /// A kernel of 3x3 at those places alone where it lies on the feature maps.
    pub fn valid(layers: &Layers<'_>, channels: [usize; 2], stride: usize) -> Self {
        let conv = layers.valid_conv(channels, WINDOW, stride);
        Self::of(layers, conv, channels[1])
    }

    fn of(layers: &Layers<'_>, conv: Conv2d, channels: usize) -> Self {
        Self { conv: Boxed::new(conv), bn: Boxed::new(layers.batch_norm(channels)) }
    }

    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv_norm(&self.conv, &self.bn, x, None, Activation::Relu)
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        tracer.conv(&self.conv);
        tracer.norm(&self.bn);
    }
}

/// What a branch takes of the input of its block.
#[derive(Debug, Clone, Copy)]
pub enum Take {
    /// All of it.
    Input,
    /// The mean around each cell.
    Means(AvgPool),
    /// The largest value of windows with that stride.
    Largest(usize),
}

impl Take {
    /// The means over 3x3 cells; with `counts_padding` over the border's zeros, too.
    pub fn means(counts_padding: bool) -> Self {
        Self::Means(AvgPool { kernel_size: WINDOW, stride: 1, padding: 1, counts_padding })
    }

    fn of(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Input => x,
            Self::Means(pool) => avg_pool(x, pool),
            Self::Largest(stride) => largest(x, stride),
        }
    }
}

/// Convolutions one after the other.
pub struct Branch<'a> {
    take: Take,
    units: Vec<&'a ConvUnit>,
    /// Convolutions of what the last of `units` gives, beside each other.
    ends: Vec<&'a ConvUnit>,
}

impl<'a> Branch<'a> {
    pub fn new(take: Take, units: impl IntoIterator<Item = &'a ConvUnit>) -> Self {
        Self { take, units: units.into_iter().collect(), ends: Vec::new() }
    }

    /// A branch that forks after `units`.
    pub fn forked(units: impl IntoIterator<Item = &'a ConvUnit>, ends: [&'a ConvUnit; 2]) -> Self {
        Self { take: Take::Input, units: units.into_iter().collect(), ends: ends.to_vec() }
    }

    /// What stands beside the outputs of other branches.
    fn outputs(&self, input: Tensor<4>) -> Vec<Tensor<4>> {
        let x = self.units.iter().fold(self.take.of(input), |x, unit| unit.forward(x));
        match self.ends.is_empty() {
            true => vec![x],
            false => self.ends.iter().map(|end| end.forward(x.clone())).collect(),
        }
    }

    fn trace(&self, tracer: &mut Tracer) {
        if let Take::Largest(stride) = self.take {
            tracer.size = tracer.size.map(|side| num_windows(side, stride));
        }
        self.units.iter().chain(&self.ends).for_each(|unit| unit.trace(tracer));
    }
}

/// The outputs of all `branches` side by side.
///
/// # Shapes
/// - `x`: `[batch, height, width, channels]`
/// - output: `[batch, height, width, channels of all outputs]`, of fewer cells where the branches stride
pub fn side_by_side(branches: &[Branch<'_>], x: Tensor<4>) -> Tensor<4> {
    let outputs = branches.iter().flat_map(|branch| branch.outputs(x.clone()));
    outputs.reduce(concat).unwrap_or(x)
}

/// Traces all `branches`, which leave feature maps of the same size.
pub fn trace_branches(branches: &[Branch<'_>], tracer: &mut Tracer) {
    let in_size = tracer.size;
    for branch in branches {
        tracer.size = in_size;
        branch.trace(tracer);
    }
}

/// The first layers of an Inception: five convolutions, with a pooling after the third and the last.
pub struct Stem<'a> {
    /// Each convolution by the name of its tap.
    pub units: [(&'static str, &'a ConvUnit); 5],
    /// The taps of the poolings.
    pub pools: [&'static str; 2],
}

impl Stem<'_> {
    /// Channels of the last convolution.
    pub const CHANNELS: usize = 192;

    /// The convolutions.
    pub fn units(layers: &Layers<'_>) -> [ConvUnit; 5] {
        [
            ConvUnit::valid(layers, [3, 32], 2),
            ConvUnit::valid(layers, [32, 32], 1),
            ConvUnit::new(layers, [32, 64], [3; 2]),
            ConvUnit::new(layers, [64, 80], [1; 2]),
            ConvUnit::valid(layers, [80, Self::CHANNELS], 1),
        ]
    }

    /// The pooling after the convolution `idx`, by its tap.
    fn pool_after(&self, idx: usize) -> Option<&'static str> {
        match idx {
            2 => Some(self.pools[0]),
            4 => Some(self.pools[1]),
            _ => None,
        }
    }

    pub fn forward_tapped(&self, images: Tensor<4>, tap: &mut Tap<'_>) -> Tensor<4> {
        let mut x = images;
        for (idx, (name, unit)) in self.units.iter().enumerate() {
            x = tap.apply(name, unit.forward(x));
            if let Some(name) = self.pool_after(idx) {
                x = tap.apply(name, largest(x, 2));
            }
        }
        x
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        for (idx, (_, unit)) in self.units.iter().enumerate() {
            unit.trace(tracer);
            if self.pool_after(idx).is_some() {
                tracer.size = tracer.size.map(|side| num_windows(side, 2));
            }
        }
    }

    pub fn tap_names(&self) -> Vec<String> {
        let units = self.units.iter().enumerate();
        let names = units.flat_map(|(idx, (name, _))| [Some(*name), self.pool_after(idx)]);
        names.flatten().map(str::to_string).collect()
    }
}

/// Cells on a side of the last feature maps for images of `side` pixels: the first convolution, the poolings
/// and two blocks stride, and two convolutions take a border of one cell away.
pub fn last_side(side: usize, last_stride: usize) -> usize {
    let stem = [2, 1, 2, 1, 2].into_iter().fold(side, num_windows);
    num_windows(num_windows(stem, 2), last_stride)
}

/// The largest value of each window of 3x3 cells that lies on the feature maps.
fn largest(x: Tensor<4>, stride: usize) -> Tensor<4> {
    max_pool(x, WINDOW, stride, [0; 4])
}

/// Windows of 3 cells along a side.
fn num_windows(side: usize, stride: usize) -> usize {
    (side + stride).saturating_sub(WINDOW) / stride
}
