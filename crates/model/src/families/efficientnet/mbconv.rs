//! The blocks of EfficientNet.

use crate::layers::{ConvNorm, Layers, SqueezeExcitation, Tracer, conv_norm};
use crate::tap::Tap;
use burn::module::Module;
use burn::tensor::Tensor;
use dermx_kernels::Activation;

/// Settings of one block.
#[derive(Debug, Clone, Copy)]
pub struct MbConvConfig {
    /// Factor on the channels inside the block.
    pub expansion: usize,
    pub kernel_size: usize,
    pub stride: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    /// Rate of stochastic depth.
    pub drop_rate: f64,
}

/// One inverted bottleneck: a 1x1 convolution to more channels, a depthwise one, squeeze and
/// excitation, a 1x1 convolution to fewer channels, and a shortcut where sizes stay.
///
/// # Source
/// Sandler et al., 2018, <https://arxiv.org/abs/1801.04381>, with squeeze and excitation as in
/// EfficientNet; layout and names of torchvision.
#[derive(Module, Debug)]
pub struct MbConv {
    block: Vec<Layer>,
    has_shortcut: bool,
    drop_rate: f64,
}

/// A layer of a block. The variants' names are not part of parameter names.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Layer {
    /// Convolution, batch normalization, SiLU.
    Active(ConvNorm),
    /// Squeeze and excitation.
    Squeeze(SqueezeExcitation),
    /// Convolution and batch normalization.
    Linear(ConvNorm),
}

impl MbConv {
    pub fn new(layers: &Layers<'_>, config: &MbConvConfig) -> Self {
        let MbConvConfig { in_channels, out_channels, stride, .. } = *config;
        let inside = config.expansion * in_channels;
        let squeezed = (in_channels / 4).max(1);
        let mut block = Vec::with_capacity(4);
        if inside != in_channels {
            block.push(Layer::Active(layers.conv_norm([in_channels, inside], 1, 1)));
        }
        block.push(Layer::Active(layers.depthwise(inside, config.kernel_size, stride)));
        block.push(Layer::Squeeze(SqueezeExcitation::new(inside, squeezed, layers.device)));
        block.push(Layer::Linear(layers.conv_norm([inside, out_channels], 1, 1)));
        let has_shortcut = stride == 1 && in_channels == out_channels;
        Self { block, has_shortcut, drop_rate: config.drop_rate }
    }

    /// Rate of stochastic depth; a block without a shortcut is never dropped.
    pub const fn drop_rate(&self) -> f64 {
        if self.has_shortcut { self.drop_rate } else { 0.0 }
    }

    pub fn trace(&self, tracer: &mut Tracer) {
        for layer in &self.block {
            match layer {
                Layer::Active(layer) | Layer::Linear(layer) => tracer.conv_norm(layer),
                // Its convolutions see one pixel, which is too little to count.
                Layer::Squeeze(_) => {}
            }
        }
    }

    /// Applies the block that is called `name`, with a tap before the shortcut is added.
    ///
    /// # Shapes
    /// - `input`: `[batch, height, width, in_channels]`
    /// - output: `[batch, ceil(height / stride), ceil(width / stride), out_channels]`
    pub fn forward_tapped(&self, input: Tensor<4>, name: &str, tap: &mut Tap<'_>) -> Tensor<4> {
        let branch = format!("{name}.block");
        let is_tapped = tap.wants(&branch);
        let mut shortcut = self.has_shortcut.then(|| input.clone());
        let x = self.block.iter().fold(input, |x, layer| match layer {
            Layer::Active((conv, norm)) => conv_norm(conv, norm, x, None, Activation::Silu),
            Layer::Squeeze(squeeze) => squeeze.forward(x),
            // The last layer adds the shortcut in the same pass, unless a tap is in between.
            Layer::Linear((conv, norm)) => {
                let residual = shortcut.take_if(|_| !is_tapped);
                conv_norm(conv, norm, x, residual, Activation::None)
            }
        });
        let x = tap.apply(&branch, x);
        match shortcut {
            Some(shortcut) => x + shortcut,
            None => x,
        }
    }
}
