//! The cells of a NASNet-A, by Keras' names.

use super::adjust::{Adjust, CellChannels, Previous, adjusted};
use crate::families::separable::Separable;
use crate::layers::{Layers, Tracer, conv_norm, same_border};
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use dermx_kernels::{Activation, AvgPool, avg_pool, concat, max_pool};

/// Side of the windows that pool.
const WINDOW: usize = 3;

/// A cell of either kind. The variants' names are not part of parameter names.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Cell {
    /// Leaves as many cells of feature maps as there are.
    Normal(Normal),
    /// Strides.
    Reduction(Reduction),
}

impl Cell {
    /// Applies it to the output of the cell before, and to what the cell before that gave.
    ///
    /// # Shapes
    /// - `x`, `previous`: `[batch, height, width, channels]`; `previous` is larger after a reduction
    /// - output: `[batch, ceil(height / stride), ceil(width / stride), channels of all branches]`
    pub fn forward(&self, x: Tensor<4>, previous: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Normal(cell) => cell.forward(x, previous),
            Self::Reduction(cell) => cell.forward(x, previous),
        }
    }

    /// Traces it, with `previous` the size of what the cell before the last gave.
    pub fn trace(&self, tracer: &mut Tracer, previous: [usize; 2]) {
        match self {
            Self::Normal(cell) => cell.trace(tracer, previous),
            Self::Reduction(cell) => cell.trace(tracer, previous),
        }
    }
}

/// Two separable convolutions, each with its normalization, and a ReLU between them. The ReLU before them is that
/// of whoever calls.
#[derive(Module, Debug)]
pub struct Branch {
    separable_conv_1: Separable,
    separable_conv_1_bn: BatchNorm,
    separable_conv_2: Separable,
    separable_conv_2_bn: BatchNorm,
}

impl Branch {
    fn new(layers: &Layers<'_>, channels: [usize; 2], kernel_size: usize, stride: usize) -> Self {
        let filters = channels[1];
        Self {
            separable_conv_1: Separable::new(layers, channels, kernel_size, stride),
            separable_conv_1_bn: layers.batch_norm(filters),
            separable_conv_2: Separable::new(layers, [filters; 2], kernel_size, 1),
            separable_conv_2_bn: layers.batch_norm(filters),
        }
    }

    /// The branch of `active`, and what is added to it.
    fn forward(&self, active: Tensor<4>, addend: Option<Tensor<4>>) -> Tensor<4> {
        let (first, second) = (&self.separable_conv_1, &self.separable_conv_2);
        let x = first.forward(&self.separable_conv_1_bn, active, None, Activation::Relu);
        second.forward(&self.separable_conv_2_bn, x, addend, Activation::None)
    }

    fn trace(&self, tracer: &mut Tracer, size: [usize; 2]) {
        tracer.size = size;
        self.separable_conv_1.trace(tracer);
        tracer.norm(&self.separable_conv_1_bn);
        self.separable_conv_2.trace(tracer);
        tracer.norm(&self.separable_conv_2_bn);
    }
}

/// Figure 4 of the paper, at the left.
#[derive(Module, Debug)]
pub struct Normal {
    adjust: Option<Adjust>,
    conv_1: Conv2d,
    bn_1: BatchNorm,
    left1: Branch,
    right1: Branch,
    left2: Branch,
    right2: Branch,
    left5: Branch,
}

impl Normal {
    /// Branches and what lies beside them in the output.
    pub const NUM_OUTPUTS: usize = 6;

    pub fn new(layers: &Layers<'_>, previous: Previous, channels: CellChannels) -> Self {
        let CellChannels { input, filters, .. } = channels;
        let branch = |kernel_size| Branch::new(layers, [filters; 2], kernel_size, 1);
        Self {
            adjust: Adjust::new(layers, previous, channels),
            conv_1: layers.conv([input, filters], 1, 1),
            bn_1: layers.batch_norm(filters),
            left1: branch(5),
            right1: branch(3),
            left2: branch(5),
            right2: branch(3),
            left5: branch(3),
        }
    }

    fn forward(&self, x: Tensor<4>, previous: Tensor<4>) -> Tensor<4> {
        let p = adjusted(self.adjust.as_ref(), previous);
        let h = conv_norm(&self.conv_1, &self.bn_1, relu(x), None, Activation::None);
        let (active_p, active_h) = (relu(p.clone()), relu(h.clone()));
        let right1 = self.right1.forward(active_p.clone(), None);
        let right2 = self.right2.forward(active_p.clone(), None);
        let outputs = [
            self.left1.forward(active_h.clone(), Some(right1)),
            self.left2.forward(active_p, Some(right2)),
            around(h.clone()) + p.clone(),
            // Both branches of this sum pool the same.
            around(p.clone()) * 2.0,
            self.left5.forward(active_h, Some(h)),
        ];
        outputs.into_iter().fold(p, concat)
    }

    fn trace(&self, tracer: &mut Tracer, previous: [usize; 2]) {
        let size = tracer.size;
        trace_inputs(self.adjust.as_ref(), (&self.conv_1, &self.bn_1), tracer, previous);
        for branch in [&self.left1, &self.right1, &self.left2, &self.right2, &self.left5] {
            branch.trace(tracer, size);
        }
    }
}

/// Figure 4 of the paper, at the right.
#[derive(Module, Debug)]
pub struct Reduction {
    adjust: Option<Adjust>,
    conv_1: Conv2d,
    bn_1: BatchNorm,
    left1: Branch,
    right1: Branch,
    right2: Branch,
    right3: Branch,
    left4: Branch,
    stride: usize,
}

impl Reduction {
    /// Branches beside each other in the output.
    pub const NUM_OUTPUTS: usize = 4;

    pub fn new(
        layers: &Layers<'_>,
        previous: Previous,
        channels: CellChannels,
        stride: usize,
    ) -> Self {
        let CellChannels { input, previous: previous_channels, filters } = channels;
        let adjust = Adjust::new(layers, previous, channels);
        let p_channels = if adjust.is_some() { filters } else { previous_channels };
        let branch =
            |in_channels, kernel| Branch::new(layers, [in_channels, filters], kernel, stride);
        Self {
            adjust,
            conv_1: layers.conv([input, filters], 1, 1),
            bn_1: layers.batch_norm(filters),
            left1: branch(filters, 5),
            right1: branch(p_channels, 7),
            right2: branch(p_channels, 7),
            right3: branch(p_channels, 5),
            left4: Branch::new(layers, [filters; 2], WINDOW, 1),
            stride,
        }
    }

    fn forward(&self, x: Tensor<4>, previous: Tensor<4>) -> Tensor<4> {
        let p = relu(adjusted(self.adjust.as_ref(), previous));
        let h = conv_norm(&self.conv_1, &self.bn_1, relu(x), None, Activation::None);
        // The border that pooling sees is zero, although values may be negative.
        let bordered = bordered(h.clone(), self.stride);
        let largest = max_pool(bordered.clone(), WINDOW, self.stride, [0; 4]);
        let means =
            AvgPool { kernel_size: WINDOW, stride: self.stride, padding: 0, counts_padding: true };
        let means = avg_pool(bordered, means);
        let right1 = self.right1.forward(p.clone(), None);
        let x1 = self.left1.forward(relu(h), Some(right1));
        let x2 = self.right2.forward(p.clone(), Some(largest.clone()));
        let x3 = self.right3.forward(p, Some(means));
        let x4 = x2.clone() + around(x1.clone());
        let x5 = self.left4.forward(relu(x1), Some(largest));
        [x3, x4, x5].into_iter().fold(x2, concat)
    }

    fn trace(&self, tracer: &mut Tracer, previous: [usize; 2]) {
        let size = tracer.size;
        trace_inputs(self.adjust.as_ref(), (&self.conv_1, &self.bn_1), tracer, previous);
        for branch in [&self.left1, &self.right1, &self.right2, &self.right3] {
            branch.trace(tracer, size);
        }
        self.left4.trace(tracer, tracer.size);
    }
}

/// Traces what comes before the branches of a cell.
fn trace_inputs(
    adjust: Option<&Adjust>,
    (conv, norm): (&Conv2d, &BatchNorm),
    tracer: &mut Tracer,
    previous: [usize; 2],
) {
    let size = tracer.size;
    tracer.size = previous;
    adjust.iter().for_each(|adjust| adjust.trace(tracer));
    tracer.size = size;
    tracer.conv(conv);
    tracer.norm(norm);
}

/// The mean around each cell, of those cells that there are.
fn around(x: Tensor<4>) -> Tensor<4> {
    avg_pool(x, AvgPool { kernel_size: WINDOW, stride: 1, padding: 1, counts_padding: false })
}

/// Feature maps with the border of zeros with which windows leave `ceil(side / stride)` cells a side.
fn bordered(x: Tensor<4>, stride: usize) -> Tensor<4> {
    let [_, height, width, _] = x.dims();
    let border = |side| same_border(side, WINDOW, stride).into();
    x.pad([border(height), border(width), (0, 0)], 0.0)
}
