//! What a cell of a NASNet-A takes of the cell before the last, by Keras' names.

use crate::layers::{Layers, Tracer, conv_norm, convolved, normalized};
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::{Tensor, s};
use dermx_kernels::{Activation, concat};

/// What a cell takes beside the output of the cell before it.
#[derive(Debug, Clone, Copy)]
pub enum Previous {
    /// That output itself: in the first cell there is nothing else.
    Same,
    /// Feature maps of the same size, from the cell before the last.
    Equal,
    /// Feature maps from before a reduction with that stride.
    Larger(usize),
}

/// Channels of what a cell takes and gives.
#[derive(Debug, Clone, Copy)]
pub struct CellChannels {
    /// Of the output of the cell before.
    pub input: usize,
    /// Of what it takes beside it.
    pub previous: usize,
    /// Of each branch.
    pub filters: usize,
}

/// Brings the output of the cell before the last to the size and channels of a cell. The variants' names are not part
/// of parameter names.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Adjust {
    /// Feature maps of the same size.
    Projection(Projection),
    /// Larger ones.
    Halving(Halving),
}

/// A 1x1 convolution.
#[derive(Module, Debug)]
pub struct Projection {
    conv_projection: Conv2d,
    bn: BatchNorm,
}

/// Two 1x1 convolutions that stride, the second of feature maps moved by a cell, beside each other.
#[derive(Module, Debug)]
pub struct Halving {
    conv_1: Conv2d,
    conv_2: Conv2d,
    bn: BatchNorm,
}

impl Adjust {
    pub fn new(layers: &Layers<'_>, previous: Previous, channels: CellChannels) -> Option<Self> {
        let CellChannels { previous: in_channels, filters, .. } = channels;
        match previous {
            Previous::Same => None,
            Previous::Equal => Some(Self::Projection(Projection {
                conv_projection: layers.conv([in_channels, filters], 1, 1),
                bn: layers.batch_norm(filters),
            })),
            Previous::Larger(stride) => Some(Self::Halving(Halving {
                conv_1: layers.conv([in_channels, filters / 2], 1, stride),
                conv_2: layers.conv([in_channels, filters / 2], 1, stride),
                bn: layers.batch_norm(filters),
            })),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = relu(x);
        match self {
            Self::Projection(Projection { conv_projection, bn }) => {
                conv_norm(conv_projection, bn, x, None, Activation::None)
            }
            Self::Halving(Halving { conv_1, conv_2, bn }) => {
                let moved = x.clone().pad([(0, 1), (0, 1), (0, 0)], 0.0);
                let moved = moved.slice(s![.., 1.., 1.., ..]);
                let x = concat(convolved(conv_1, x), convolved(conv_2, moved));
                normalized(bn, x, None, Activation::None)
            }
        }
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        match self {
            Self::Projection(Projection { conv_projection, bn }) => {
                tracer.conv(conv_projection);
                tracer.norm(bn);
            }
            Self::Halving(Halving { conv_1, conv_2, bn }) => {
                let size = tracer.size;
                tracer.conv(conv_1);
                tracer.size = size;
                tracer.conv(conv_2);
                tracer.norm(bn);
            }
        }
    }
}

/// What a cell takes of the cell before the last.
pub fn adjusted(adjust: Option<&Adjust>, previous: Tensor<4>) -> Tensor<4> {
    match adjust {
        Some(adjust) => adjust.forward(previous),
        None => previous,
    }
}
