//! Layers that the networks share.
//!
//! Inside the networks feature maps are `[batch, height, width, channels]`.

use crate::config::{NetworkConfig, Padding};
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d};
use burn::tensor::activation::{sigmoid, silu};
use burn::tensor::{Device, Tensor};
use dermx_kernels::cpu::ConvShape;
use dermx_kernels::{
    Activation, ConvOptions, Normalization, affine, batch_norm, channel_scale, conv_affine,
    conv_bias, conv2d, global_avg_pool, layer_norm, max_pool,
};

/// A convolution and its batch normalization. It is a tuple because torchvision names their
/// parameters 0 and 1.
pub(crate) type ConvNorm = (Conv2d, BatchNorm);

/// A bias-free convolution.
pub(crate) fn convolved(conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let options = conv_options(conv, &x);
    conv2d(x, conv.weight.val(), options)
}

/// A convolution with its bias, and an activation.
pub(crate) fn conv_biased(conv: &Conv2d, x: Tensor<4>, activation: Activation) -> Tensor<4> {
    let options = conv_options(conv, &x);
    conv_biased_with(conv, x, options, activation)
}

/// [`conv_biased`] with other options than those of the layer.
pub(crate) fn conv_biased_with(
    conv: &Conv2d,
    x: Tensor<4>,
    options: ConvOptions,
    activation: Activation,
) -> Tensor<4> {
    let weight = conv.weight.val();
    let bias = match &conv.bias {
        Some(bias) => bias.val(),
        None => Tensor::zeros([weight.dims()[0]], &x.device()),
    };
    conv_bias(x, weight, bias, options, activation)
}

/// A batch normalization, a sum and an activation.
///
/// Like Burn's layer it uses the statistics of the batch, and updates the running ones, on an
/// autodiff device while its training flag is on.
pub(crate) fn normalized(
    norm: &BatchNorm,
    x: Tensor<4>,
    residual: Option<Tensor<4>>,
    activation: Activation,
) -> Tensor<4> {
    if !is_training(norm, &x) {
        return affine(x, running(norm), residual, activation);
    }
    let (gamma, beta) = (norm.gamma.val(), norm.beta.val());
    let found = batch_norm(x, gamma, beta, norm.epsilon, residual, activation);
    let moved = |running: Tensor<1>, batch: Tensor<1>| {
        running * (1.0 - norm.momentum) + batch * norm.momentum
    };
    norm.running_mean.update(moved(norm.running_mean.value_sync(), found.mean).detach());
    norm.running_var.update(moved(norm.running_var.value_sync(), found.var).detach());
    found.out
}

/// A bias-free convolution, its batch normalization, a sum and an activation. Without gradients they
/// are computed in one pass.
pub(crate) fn conv_norm(
    conv: &Conv2d,
    norm: &BatchNorm,
    x: Tensor<4>,
    residual: Option<Tensor<4>>,
    activation: Activation,
) -> Tensor<4> {
    let weight = conv.weight.val();
    let is_tracked = x.is_tracked()
        || weight.is_tracked()
        || norm.gamma.val().is_tracked()
        || norm.beta.val().is_tracked()
        || residual.as_ref().is_some_and(Tensor::is_tracked);
    if is_tracked || is_training(norm, &x) {
        return normalized(norm, convolved(conv, x), residual, activation);
    }
    let options = conv_options(conv, &x);
    conv_affine(x, weight, options, running(norm), residual, activation)
}

fn is_training(norm: &BatchNorm, x: &Tensor<4>) -> bool {
    x.device().is_autodiff() && norm.training.is_enabled()
}

fn running(norm: &BatchNorm) -> Normalization {
    Normalization {
        gamma: norm.gamma.val(),
        beta: norm.beta.val(),
        mean: norm.running_mean.value(),
        var: norm.running_var.value(),
        epsilon: norm.epsilon,
    }
}

/// The largest value of each window.
///
/// # Shapes
/// - `x`: `[batch, height, width, channels]`; the window and its stride are as high as wide
pub(crate) fn max_pooled(pool: &MaxPool2d, x: Tensor<4>) -> Tensor<4> {
    let [_, height, width, _] = x.dims();
    let padding = Window::of_pool(pool).padding([height, width]);
    max_pool(x, pool.kernel_size[0], pool.stride[0], padding)
}

fn conv_options(conv: &Conv2d, x: &Tensor<4>) -> ConvOptions {
    let [_, height, width, _] = x.dims();
    let padding = Window::of_conv(conv).padding([height, width]);
    ConvOptions { stride: conv.stride, padding, groups: conv.groups }
}

/// What slides over feature maps.
struct Window<'a> {
    kernel_size: [usize; 2],
    stride: [usize; 2],
    padding: &'a PaddingConfig2d,
}

impl<'a> Window<'a> {
    fn of_conv(conv: &'a Conv2d) -> Self {
        Self { kernel_size: conv.kernel_size, stride: conv.stride, padding: &conv.padding }
    }

    fn of_pool(pool: &'a MaxPool2d) -> Self {
        Self { kernel_size: pool.kernel_size, stride: pool.stride, padding: &pool.padding }
    }

    /// The border at the top, left, bottom and right of feature maps of that height and width.
    fn padding(&self, [height, width]: [usize; 2]) -> [usize; 4] {
        let same = |side, dim: usize| same_border(side, self.kernel_size[dim], self.stride[dim]);
        match *self.padding {
            PaddingConfig2d::Explicit(top, left, bottom, right) => [top, left, bottom, right],
            PaddingConfig2d::Valid => [0; 4],
            PaddingConfig2d::Same => {
                let ([top, bottom], [left, right]) = (same(height, 0), same(width, 1));
                [top, left, bottom, right]
            }
        }
    }
}

/// TensorFlow's border before and after a side, with which windows leave `ceil(side / stride)` cells of it.
pub(crate) fn same_border(side: usize, kernel_size: usize, stride: usize) -> [usize; 2] {
    let needed = (side.div_ceil(stride).max(1) - 1) * stride + kernel_size;
    let border = needed.saturating_sub(side);
    [border / 2, border - border / 2]
}

/// Records the convolutions of a network and the sizes of their inputs.
pub(crate) struct Tracer {
    pub batch: usize,
    /// Height and width of the feature maps.
    pub size: [usize; 2],
    pub shapes: Vec<ConvShape>,
    /// Whether a batch normalization in training mode sees feature maps of one cell.
    pub normalizes_one_cell: bool,
}

impl Tracer {
    pub fn conv(&mut self, conv: &Conv2d) {
        let [out_channels, group_channels, _, _] = conv.weight.shape().dims();
        let shape = ConvShape {
            batch: self.batch,
            in_size: self.size,
            in_channels: group_channels * conv.groups,
            out_channels,
            kernel_size: conv.kernel_size,
            stride: conv.stride,
            padding: Window::of_conv(conv).padding(self.size),
            groups: conv.groups,
        };
        self.size = shape.out_size();
        self.shapes.push(shape);
    }

    pub fn pool(&mut self, pool: &MaxPool2d) {
        let [top, left, bottom, right] = Window::of_pool(pool).padding(self.size);
        let [height, width] = self.size;
        self.size = [height + top + bottom, width + left + right].map(|side| {
            (side + pool.stride[0]).saturating_sub(pool.kernel_size[0]) / pool.stride[0]
        });
    }

    /// A linear layer of each cell is a 1x1 convolution.
    pub fn linear(&mut self, weight: &Param<Tensor<2>>) {
        let [out_channels, in_channels] = weight.shape().dims();
        self.shapes.push(ConvShape {
            batch: self.batch,
            in_size: self.size,
            in_channels,
            out_channels,
            kernel_size: [1; 2],
            stride: [1; 2],
            padding: [0; 4],
            groups: 1,
        });
    }

    pub fn norm(&mut self, norm: &BatchNorm) {
        self.normalizes_one_cell |= norm.training.is_enabled() && self.size == [1, 1];
    }

    pub fn conv_norm(&mut self, (conv, norm): &ConvNorm) {
        self.conv(conv);
        self.norm(norm);
    }
}

/// Makes the layers of one network.
pub(crate) struct Layers<'a> {
    pub device: &'a Device,
    /// Epsilon of batch normalization.
    pub epsilon: f64,
    /// Weight of the newest batch in the running statistics.
    pub momentum: f64,
    pub padding: Padding,
}

impl<'a> Layers<'a> {
    /// The layers of the network of `config`.
    pub fn of(config: &NetworkConfig, device: &'a Device) -> Self {
        let momentum = config.batch_norm().momentum;
        Self { device, epsilon: config.epsilon(), momentum, padding: config.padding }
    }

    /// A bias-free square convolution that leaves `ceil(side / stride)` cells a side.
    pub fn conv(&self, channels: [usize; 2], kernel_size: usize, stride: usize) -> Conv2d {
        self.conv_config(channels, [kernel_size; 2], stride).init(self.device)
    }

    /// [`Self::conv`] with a bias.
    pub fn biased_conv(&self, channels: [usize; 2], kernel_size: usize, stride: usize) -> Conv2d {
        self.conv_config(channels, [kernel_size; 2], stride).with_bias(true).init(self.device)
    }

    /// Batch normalization.
    ///
    /// The running variance is updated with the biased batch variance, as Burn does, where PyTorch
    /// takes the unbiased one; the two differ by a factor `n / (n - 1)` for `n` values a channel.
    pub fn batch_norm(&self, channels: usize) -> BatchNorm {
        BatchNormConfig::new(channels)
            .with_epsilon(self.epsilon)
            .with_momentum(self.momentum)
            .init(self.device)
    }

    pub fn conv_norm(&self, channels: [usize; 2], kernel_size: usize, stride: usize) -> ConvNorm {
        (self.conv(channels, kernel_size, stride), self.batch_norm(channels[1]))
    }

    /// A bias-free square convolution at those places alone where the kernel lies on the feature maps.
    pub fn valid_conv(&self, channels: [usize; 2], kernel_size: usize, stride: usize) -> Conv2d {
        let config = self.conv_config(channels, [kernel_size; 2], stride);
        config.with_padding(PaddingConfig2d::Valid).init(self.device)
    }

    /// A bias-free convolution with a kernel of that `[height, width]`, which leaves as many cells as there are.
    pub fn oblong_conv(&self, channels: [usize; 2], kernel_size: [usize; 2]) -> Conv2d {
        self.conv_config(channels, kernel_size, 1).init(self.device)
    }

    /// A convolution that filters each channel alone.
    pub fn depthwise_conv(&self, channels: usize, kernel_size: usize, stride: usize) -> Conv2d {
        let config = self.conv_config([channels; 2], [kernel_size; 2], stride);
        config.with_groups(channels).init(self.device)
    }

    /// A convolution that filters each channel alone, and its batch normalization.
    pub fn depthwise(&self, channels: usize, kernel_size: usize, stride: usize) -> ConvNorm {
        (self.depthwise_conv(channels, kernel_size, stride), self.batch_norm(channels))
    }

    /// A pooling of square windows to their largest value that leaves `ceil(side / stride)` cells a side.
    pub fn max_pool(&self, kernel_size: usize, stride: usize) -> MaxPool2d {
        let config = MaxPool2dConfig::new([kernel_size; 2]).with_strides([stride; 2]);
        config.with_padding(self.around([kernel_size; 2])).init()
    }

    /// [`Self::depthwise`] with a bias in place of the batch normalization.
    pub fn biased_depthwise(&self, channels: usize, kernel_size: usize) -> Conv2d {
        let config = self.conv_config([channels; 2], [kernel_size; 2], 1).with_groups(channels);
        config.with_bias(true).init(self.device)
    }

    /// A convolution with a bias that takes squares beside each other; what is left at the right and below
    /// is not looked at.
    pub fn patches(&self, channels: [usize; 2], side: usize) -> Conv2d {
        Conv2dConfig::new(channels, [side; 2])
            .with_stride([side; 2])
            .with_padding(PaddingConfig2d::Valid)
            .init(self.device)
    }

    fn conv_config(
        &self,
        channels: [usize; 2],
        kernel_size: [usize; 2],
        stride: usize,
    ) -> Conv2dConfig {
        Conv2dConfig::new(channels, kernel_size)
            .with_stride([stride; 2])
            .with_padding(self.around(kernel_size))
            .with_bias(false)
    }

    /// The border with which `ceil(side / stride)` cells a side are left.
    fn around(&self, kernel_size: [usize; 2]) -> PaddingConfig2d {
        let [rows, columns] = kernel_size.map(|side| side / 2);
        match self.padding {
            Padding::Torchvision => PaddingConfig2d::Explicit(rows, columns, rows, columns),
            Padding::Tf => PaddingConfig2d::Same,
        }
    }
}

/// Layer normalization over the channels of each cell.
///
/// # Source
/// Ba et al., 2016, <https://arxiv.org/abs/1607.06450>.
#[derive(Module, Debug)]
pub struct LayerNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    /// The identity but for the normalization; `epsilon` is added to the variance.
    pub fn new(channels: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            gamma: Initializer::Ones.init([channels], device),
            beta: Initializer::Zeros.init([channels], device),
            epsilon,
        }
    }

    /// Applies the layer.
    ///
    /// # Shapes
    /// - `x` and output: `[batch, height, width, channels]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        layer_norm(x, self.gamma.val(), self.beta.val(), self.epsilon)
    }
}

/// A linear layer of each cell's channels, whose matrix is `[outputs, inputs]`, as in torchvision: Burn's
/// [`burn::nn::Linear`] would be transposed in each pass.
#[derive(Module, Debug)]
pub struct Dense {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Dense {
    /// A layer of random weights.
    pub fn new([inputs, outputs]: [usize; 2], device: &Device) -> Self {
        let (weight, bias) = linear_parameters([inputs, outputs], device);
        Self { weight, bias }
    }

    /// `act(W x + b)`.
    ///
    /// # Shapes
    /// - `x`: `[batch, height, width, inputs]`
    /// - output: `[batch, height, width, outputs]`
    pub fn forward(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        linear(x, self.weight.val(), self.bias.val(), activation)
    }

    /// `(W x + b) scale + residual`; with `None` a factor of 1, or nothing that is added.
    ///
    /// # Shapes
    /// - `x`: `[batch, height, width, inputs]`
    /// - `scale`: `[outputs]`
    /// - `residual`, output: `[batch, height, width, outputs]`
    pub fn sum(
        &self,
        x: Tensor<4>,
        scale: Option<Tensor<1>>,
        residual: Option<Tensor<4>>,
    ) -> Tensor<4> {
        let (bias, device) = (self.bias.val(), x.device());
        let zeros = Tensor::zeros(bias.dims(), &device);
        let ones = Tensor::ones(bias.dims(), &device);
        let (gamma, beta) = match scale {
            Some(scale) => (scale.clone(), bias * scale),
            None => (ones.clone(), bias),
        };
        let normalization = Normalization { gamma, beta, mean: zeros, var: ones, epsilon: 0.0 };
        let kernel = kernel_of(self.weight.val());
        let is_tracked = x.is_tracked()
            || kernel.is_tracked()
            || normalization.gamma.is_tracked()
            || normalization.beta.is_tracked()
            || residual.as_ref().is_some_and(Tensor::is_tracked);
        match is_tracked {
            true => affine(conv2d(x, kernel, POINTWISE), normalization, residual, Activation::None),
            false => conv_affine(x, kernel, POINTWISE, normalization, residual, Activation::None),
        }
    }

    pub(crate) fn trace(&self, tracer: &mut Tracer) {
        tracer.linear(&self.weight);
    }
}

/// Random weights of a linear layer: the matrix `[outputs, inputs]`, and the bias.
pub(crate) fn linear_parameters(
    [inputs, outputs]: [usize; 2],
    device: &Device,
) -> (Param<Tensor<2>>, Param<Tensor<1>>) {
    let uniform = Initializer::KaimingUniform { gain: 1.0, fan_out_only: false };
    let weight = uniform.init_with([outputs, inputs], Some(inputs), Some(outputs), device);
    (weight, Initializer::Zeros.init([outputs], device))
}

/// `act(W x + b)` of each cell's channels.
///
/// # Shapes
/// - `x`: `[batch, height, width, inputs]`
/// - `weight`: `[outputs, inputs]`
/// - `bias`: `[outputs]`
pub(crate) fn linear(
    x: Tensor<4>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    activation: Activation,
) -> Tensor<4> {
    conv_bias(x, kernel_of(weight), bias, POINTWISE, activation)
}

/// A 1x1 convolution.
pub(crate) const POINTWISE: ConvOptions =
    ConvOptions { stride: [1; 2], padding: [0; 4], groups: 1 };

/// The matrix of a linear layer as the kernel of a 1x1 convolution.
pub(crate) fn kernel_of(weight: Tensor<2>) -> Tensor<4> {
    let [outputs, inputs] = weight.dims();
    weight.reshape([outputs, inputs, 1, 1])
}

/// Squeeze and excitation: scales each channel by a factor computed from the means of all channels.
///
/// `x * sigmoid(W_2 silu(W_1 mean(x) + b_1) + b_2)`, channel by channel.
///
/// # Source
/// Hu et al., 2018, <https://arxiv.org/abs/1709.01507>, equations 2 to 4, with EfficientNet's SiLU.
#[derive(Module, Debug)]
pub struct SqueezeExcitation {
    fc1: Conv2d,
    fc2: Conv2d,
}

impl SqueezeExcitation {
    /// A layer of `channels` channels that are squeezed to `squeezed` values.
    pub fn new(channels: usize, squeezed: usize, device: &Device) -> Self {
        let linear = |inputs, outputs| Conv2dConfig::new([inputs, outputs], [1, 1]).init(device);
        Self { fc1: linear(channels, squeezed), fc2: linear(squeezed, channels) }
    }

    /// Applies the layer.
    ///
    /// # Shapes
    /// - `x` and output: `[batch, height, width, channels]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, _, _, channels] = x.dims();
        let means = global_avg_pool(x.clone()).reshape([batch, 1, 1, channels]);
        let squeezed = silu(with_bias(&self.fc1, means));
        let scale = sigmoid(with_bias(&self.fc2, squeezed)).reshape([batch, channels]);
        channel_scale(x, scale)
    }
}

fn with_bias(conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let z = convolved(conv, x);
    match &conv.bias {
        Some(bias) => z + bias.val().reshape([1, 1, 1, -1]),
        None => z,
    }
}
