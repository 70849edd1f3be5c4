//! The blocks of an Inception-ResNet-v2, by timm's names.

use crate::families::inception_blocks::{Branch, ConvUnit, Take, side_by_side, trace_branches};
use crate::layers::{Layers, Tracer, conv_biased};
use crate::tap::Tap;
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use dermx_kernels::{Activation, Normalization, affine};

/// A unit of a branch: channels, and height and width of the kernel.
type UnitSize = ([usize; 2], [usize; 2]);

/// Units that leave as many cells as there are.
fn units<const N: usize>(layers: &Layers<'_>, sizes: [UnitSize; N]) -> Vec<ConvUnit> {
    sizes.map(|(channels, kernel_size)| ConvUnit::new(layers, channels, kernel_size)).into()
}

/// Figure 4 of the paper, with 5x5 kernels in one branch.
#[derive(Module, Debug)]
pub struct Mixed5b {
    branch0: ConvUnit,
    branch1: Vec<ConvUnit>,
    branch2: Vec<ConvUnit>,
    /// The pooling before the convolution has no parameters.
    branch3: Vec<Option<ConvUnit>>,
}

impl Mixed5b {
    pub fn new(layers: &Layers<'_>, in_channels: usize) -> Self {
        let inner = [([in_channels, 64], [1; 2]), ([64, 96], [3; 2]), ([96, 96], [3; 2])];
        Self {
            branch0: ConvUnit::new(layers, [in_channels, 96], [1; 2]),
            branch1: units(layers, [([in_channels, 48], [1; 2]), ([48, 64], [5; 2])]),
            branch2: units(layers, inner),
            branch3: vec![None, Some(ConvUnit::new(layers, [in_channels, 64], [1; 2]))],
        }
    }

    pub fn branches(&self) -> Vec<Branch<'_>> {
        vec![
            Branch::new(Take::Input, [&self.branch0]),
            Branch::new(Take::Input, &self.branch1),
            Branch::new(Take::Input, &self.branch2),
            Branch::new(Take::means(false), self.branch3.iter().flatten()),
        ]
    }
}

/// Halves height and width of 35x35 cells; figure 7 of the paper.
#[derive(Module, Debug)]
pub struct Mixed6a {
    branch0: ConvUnit,
    branch1: Vec<ConvUnit>,
}

impl Mixed6a {
    pub fn new(layers: &Layers<'_>, in_channels: usize) -> Self {
        let mut branch1 = units(layers, [([in_channels, 256], [1; 2]), ([256, 256], [3; 2])]);
        branch1.push(ConvUnit::valid(layers, [256, 384], 2));
        Self { branch0: ConvUnit::valid(layers, [in_channels, 384], 2), branch1 }
    }

    pub fn branches(&self) -> Vec<Branch<'_>> {
        vec![
            Branch::new(Take::Input, [&self.branch0]),
            Branch::new(Take::Input, &self.branch1),
            Branch::new(Take::Largest(2), []),
        ]
    }
}

/// Halves height and width of 17x17 cells; figure 18 of the paper.
#[derive(Module, Debug)]
pub struct Mixed7a {
    branch0: Vec<ConvUnit>,
    branch1: Vec<ConvUnit>,
    branch2: Vec<ConvUnit>,
}

impl Mixed7a {
    pub fn new(layers: &Layers<'_>, in_channels: usize, stride: usize) -> Self {
        let first = || ConvUnit::new(layers, [in_channels, 256], [1; 2]);
        let last = |channels| ConvUnit::valid(layers, channels, stride);
        let middle = ConvUnit::new(layers, [256, 288], [3; 2]);
        Self {
            branch0: vec![first(), last([256, 384])],
            branch1: vec![first(), last([256, 288])],
            branch2: vec![first(), middle, last([288, 320])],
        }
    }

    pub fn branches(&self, stride: usize) -> Vec<Branch<'_>> {
        vec![
            Branch::new(Take::Input, &self.branch0),
            Branch::new(Take::Input, &self.branch1),
            Branch::new(Take::Input, &self.branch2),
            Branch::new(Take::Largest(stride), []),
        ]
    }
}

/// Branches whose outputs a 1x1 convolution with a bias brings to the channels of the input, of which a part is
/// added to it: `relu(x + scale * conv(branches(x)))`.
#[derive(Module, Debug)]
pub struct Residual {
    branch0: ConvUnit,
    branch1: Vec<ConvUnit>,
    /// None in most blocks.
    branch2: Vec<ConvUnit>,
    conv2d: Conv2d,
    scale: f64,
    ends_in_relu: bool,
}

impl Residual {
    /// Figure 16 of the paper, for 35x35 cells.
    pub fn block35(layers: &Layers<'_>) -> Self {
        let inner = [([320, 32], [1; 2]), ([32, 48], [3; 2]), ([48, 64], [3; 2])];
        Self {
            branch0: ConvUnit::new(layers, [320, 32], [1; 2]),
            branch1: units(layers, [([320, 32], [1; 2]), ([32, 32], [3; 2])]),
            branch2: units(layers, inner),
            conv2d: layers.biased_conv([128, 320], 1, 1),
            scale: 0.17,
            ends_in_relu: true,
        }
    }

    /// Figure 17 of the paper, for 17x17 cells.
    pub fn block17(layers: &Layers<'_>) -> Self {
        let inner = [([1088, 128], [1; 2]), ([128, 160], [1, 7]), ([160, 192], [7, 1])];
        Self {
            branch0: ConvUnit::new(layers, [1088, 192], [1; 2]),
            branch1: units(layers, inner),
            branch2: Vec::new(),
            conv2d: layers.biased_conv([384, 1088], 1, 1),
            scale: 0.1,
            ends_in_relu: true,
        }
    }

    /// Figure 19 of the paper, for 8x8 cells.
    pub fn block8(layers: &Layers<'_>) -> Self {
        let inner = [([2080, 192], [1; 2]), ([192, 224], [1, 3]), ([224, 256], [3, 1])];
        Self {
            branch0: ConvUnit::new(layers, [2080, 192], [1; 2]),
            branch1: units(layers, inner),
            branch2: Vec::new(),
            conv2d: layers.biased_conv([448, 2080], 1, 1),
            scale: 0.2,
            ends_in_relu: true,
        }
    }

    /// The last block: all of the branches is added, and no activation follows.
    pub fn last(layers: &Layers<'_>) -> Self {
        Self { scale: 1.0, ends_in_relu: false, ..Self::block8(layers) }
    }

    fn branches(&self) -> Vec<Branch<'_>> {
        let others = [&self.branch1, &self.branch2].into_iter().filter(|units| !units.is_empty());
        let first = Branch::new(Take::Input, [&self.branch0]);
        let others = others.map(|units| Branch::new(Take::Input, units));
        [first].into_iter().chain(others).collect()
    }

    /// The tap of what is added, before it is scaled, in the block that is called `name`.
    pub fn addend(name: &str) -> String {
        format!("{name}.conv2d")
    }

    /// Applies the block that is called `name`.
    ///
    /// # Shapes
    /// - `x` and output: `[batch, height, width, channels]`
    pub fn forward_tapped(&self, x: Tensor<4>, name: &str, tap: &mut Tap<'_>) -> Tensor<4> {
        let branches = side_by_side(&self.branches(), x.clone());
        let addend = conv_biased(&self.conv2d, branches, Activation::None);
        let addend = tap.apply(&Self::addend(name), addend);
        let activation = if self.ends_in_relu { Activation::Relu } else { Activation::None };
        scaled_sum(addend, self.scale, x, activation)
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        trace_branches(&self.branches(), tracer);
        tracer.conv(&self.conv2d);
    }
}

/// `activation(scale * x + residual)` in one pass.
fn scaled_sum(x: Tensor<4>, scale: f64, residual: Tensor<4>, activation: Activation) -> Tensor<4> {
    let (channels, device) = ([x.dims()[3]], x.device());
    let zeros = Tensor::zeros(channels, &device);
    let ones = Tensor::ones(channels, &device);
    let normalization = Normalization {
        gamma: ones.clone() * scale,
        beta: zeros.clone(),
        mean: zeros,
        var: ones,
        epsilon: 0.0,
    };
    affine(x, normalization, Some(residual), activation)
}
