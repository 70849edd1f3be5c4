//! Separable convolutions.

use crate::layers::{Layers, Tracer, conv_norm, convolved};
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use dermx_kernels::Activation;

/// A convolution that filters each channel alone, and a 1x1 convolution, with nothing in between.
#[derive(Module, Debug)]
pub struct Separable {
    conv1: Conv2d,
    pointwise: Conv2d,
}

impl Separable {
    /// A square kernel that leaves `ceil(side / stride)` cells a side.
    pub fn new(
        layers: &Layers<'_>,
        [in_channels, out_channels]: [usize; 2],
        kernel_size: usize,
        stride: usize,
    ) -> Self {
        Self {
            conv1: layers.depthwise_conv(in_channels, kernel_size, stride),
            pointwise: layers.conv([in_channels, out_channels], 1, 1),
        }
    }

    /// The convolution, a normalization, a sum and an activation.
    pub fn forward(
        &self,
        norm: &BatchNorm,
        x: Tensor<4>,
        residual: Option<Tensor<4>>,
        activation: Activation,
    ) -> Tensor<4> {
        conv_norm(&self.pointwise, norm, convolved(&self.conv1, x), residual, activation)
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        tracer.conv(&self.conv1);
        tracer.conv(&self.pointwise);
    }
}
