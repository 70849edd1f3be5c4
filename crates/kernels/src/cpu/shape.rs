//! Shapes and settings of the kernels.

use serde::{Deserialize, Serialize};

/// What is applied to a value last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// The value itself.
    #[default]
    None,
    /// max(z, 0).
    Relu,
    /// min(max(z, 0), 6).
    Relu6,
    /// z · sigmoid(z), also called swish.
    Silu,
    /// z · Φ(z), with Φ the distribution of a standard normal variable.
    Gelu,
}

/// The type of the numbers that a convolution multiplies. It sums, reads and writes `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// bfloat16: both operands are rounded to 8 significant bits, to nearest, ties to even. Depthwise
    /// convolutions, whose time goes into memory, and a stem's, of at most four input channels and
    /// with a kernel wider than 1, multiply `f32` all the same.
    Bf16,
}

/// Geometry of a convolution.
///
/// # Shapes
///
/// Input `[batch, in_height, in_width, in_channels]`, output
/// `[batch, out_height, out_width, out_channels]`, weights
/// `[out_channels, in_channels / groups, kernel_height, kernel_width]`, all contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Images.
    pub batch: usize,
    /// Height and width of the input, pixels.
    pub in_size: [usize; 2],
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel_size: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Zeros added at the top, left, bottom and right.
    pub padding: [usize; 4],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl ConvShape {
    /// Height and width of the output: floor((in + padding - kernel) / stride) + 1, 0 where the
    /// kernel does not fit.
    pub fn out_size(&self) -> [usize; 2] {
        let [top, left, bottom, right] = self.padding;
        [
            positions(self.in_size[0] + top + bottom, self.kernel_size[0], self.stride[0]),
            positions(self.in_size[1] + left + right, self.kernel_size[1], self.stride[1]),
        ]
    }

    /// Length of the input slice.
    pub fn in_len(&self) -> usize {
        self.batch * self.in_size[0] * self.in_size[1] * self.in_channels
    }

    /// Length of the output slice.
    pub fn out_len(&self) -> usize {
        let [height, width] = self.out_size();
        self.batch * height * width * self.out_channels
    }

    /// Length of the weight slice.
    pub fn weight_len(&self) -> usize {
        self.out_channels * (self.in_channels / self.groups) * self.num_taps()
    }

    /// Positions of the kernel: height times width.
    pub(super) fn num_taps(&self) -> usize {
        self.kernel_size[0] * self.kernel_size[1]
    }

    pub(super) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels && self.groups == self.out_channels
    }

    pub(super) fn check(&self, x: usize, weight: usize, out: usize) {
        assert!(self.groups > 0 && self.stride[0] > 0 && self.stride[1] > 0, "{self:?}");
        assert_eq!(self.in_channels % self.groups, 0, "{self:?}");
        assert_eq!(self.out_channels % self.groups, 0, "{self:?}");
        assert_eq!(x, self.in_len(), "input of {self:?}");
        assert_eq!(weight, self.weight_len(), "weights of {self:?}");
        assert_eq!(out, self.out_len(), "output of {self:?}");
    }
}

/// Positions of a window of `kernel` in `length`.
fn positions(length: usize, kernel: usize, stride: usize) -> usize {
    if length < kernel { 0 } else { (length - kernel) / stride + 1 }
}

/// What is done to a convolution's output z before it is written:
/// activation(z · scale\[c\] + shift\[c\] + residual).
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// A factor for each output channel.
    pub scale: Option<&'a [f32]>,
    /// A summand for each output channel: bias, or what a folded normalisation adds.
    pub shift: Option<&'a [f32]>,
    /// A feature map of the output's shape.
    pub residual: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
}

impl Epilogue<'_> {
    pub(super) fn check(&self, channels: usize, out: usize) {
        assert!(self.scale.is_none_or(|scale| scale.len() == channels), "scale");
        assert!(self.shift.is_none_or(|shift| shift.len() == channels), "shift");
        assert!(self.residual.is_none_or(|residual| residual.len() == out), "residual");
    }
}

/// Affine parameters of a normalisation over channels, and the activation that follows it.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Factor for each channel.
    pub gamma: &'a [f32],
    /// Summand for each channel.
    pub beta: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
    /// Applied after the residual is added.
    pub activation: Activation,
}

/// Geometry of a pooling with the same window and stride in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Images.
    pub batch: usize,
    /// Height and width of the input, pixels.
    pub in_size: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Side of the window.
    pub kernel_size: usize,
    /// Step of the window.
    pub stride: usize,
    /// Border at the top, left, bottom and right, never the maximum and in a mean 0 or left out; each at
    /// most half the window.
    pub padding: [usize; 4],
}

impl PoolShape {
    /// Height and width of the output.
    pub fn out_size(&self) -> [usize; 2] {
        let [top, left, bottom, right] = self.padding;
        let [height, width] = self.in_size;
        [height + top + bottom, width + left + right]
            .map(|side| positions(side, self.kernel_size, self.stride))
    }

    /// Length of the input slice.
    pub fn in_len(&self) -> usize {
        self.batch * self.in_size[0] * self.in_size[1] * self.channels
    }

    /// Length of the output slice.
    pub fn out_len(&self) -> usize {
        let [height, width] = self.out_size();
        self.batch * height * width * self.channels
    }

    pub(super) fn check(&self, x: usize, out: usize) {
        let fits = self.padding.iter().all(|border| 2 * border <= self.kernel_size);
        assert!(self.stride > 0 && fits, "{self:?}");
        assert_eq!(x, self.in_len(), "input of {self:?}");
        assert_eq!(out, self.out_len(), "output of {self:?}");
    }
}
