//! How convolutions move over feature maps.

use crate::cpu::ConvShape;

/// How a kernel moves over the feature maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvOptions {
    /// Rows and columns from one output to the next.
    pub stride: [usize; 2],
    /// Rows and columns of zeros: top, left, bottom, right.
    pub padding: [usize; 4],
    /// Number of groups that the channels are divided into; outputs of a group depend on its inputs
    /// alone.
    pub groups: usize,
}

impl ConvOptions {
    pub(super) fn shape(&self, x: [usize; 4], weight: [usize; 4]) -> ConvShape {
        let [batch, height, width, in_channels] = x;
        let [out_channels, _, kernel_height, kernel_width] = weight;
        ConvShape {
            batch,
            in_size: [height, width],
            in_channels,
            out_channels,
            kernel_size: [kernel_height, kernel_width],
            stride: self.stride,
            padding: self.padding,
            groups: self.groups,
        }
    }
}
