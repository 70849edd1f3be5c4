//! Which minimal filtering there is, and for which convolutions.

use crate::cpu::conv::source::Positions;
use crate::cpu::{ConvShape, Precision};

/// Minimal filtering F(m × m, 3 × 3) by its m.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cpu::conv) enum Winograd {
    /// F(2 × 2, 3 × 3): tiles of 2 × 2 outputs.
    F2,
    /// F(4 × 4, 3 × 3): tiles of 4 × 4 outputs.
    F4,
}

impl Winograd {
    /// The fastest for outputs of `size`; `None` where direct convolution is faster: for few channels,
    /// whose transforms weigh more, and where tiles stand out far over the border. The batch has no
    /// say, since an image's results must not depend on the others.
    pub fn choose(shape: &ConvShape, size: [usize; 2], precision: Precision) -> Option<Self> {
        const MIN_CHANNELS: usize = 32;
        // Beyond, transformed weights leave the caches.
        const MAX_CHANNELS_OF_F4: usize = 256;
        let is_small = shape.kernel_size == [3, 3] && shape.stride == [1, 1];
        let is_plain = shape.groups == 1 && precision == Precision::F32;
        let [few, many] =
            [shape.in_channels.min(shape.out_channels), shape.in_channels.max(shape.out_channels)];
        let reaches_in = shape.padding.iter().all(|padding| *padding <= 2);
        if !is_small || !is_plain || !reaches_in || few < MIN_CHANNELS {
            return None;
        }
        // Products in twentieths of those of direct convolution.
        let share = |winograd: Self| {
            let [rows, columns] = winograd.tiles(size);
            20 * winograd.points() * rows * columns / (9 * size[0] * size[1]).max(1)
        };
        let is_f4 = many <= MAX_CHANNELS_OF_F4 && share(Self::F4) < share(Self::F2);
        let winograd = if is_f4 { Self::F4 } else { Self::F2 };
        (share(winograd) <= 16).then_some(winograd)
    }

    /// The fastest for the gradient of the weights; `None` where direct sums are faster, which have fewer taps
    /// than there are points, for few outputs. They are those of all images, since the gradient is.
    pub fn choose_for_weights(shape: &ConvShape, precision: Precision) -> Option<Self> {
        const MIN_OUTPUTS: usize = 256;
        let winograd = Self::choose(shape, shape.out_size(), precision)?;
        let [rows, columns] = winograd.tiles(shape.out_size());
        let outputs = shape.batch * rows * columns * winograd.side().pow(2);
        (outputs >= MIN_OUTPUTS).then_some(winograd)
    }

    /// Outputs of a tile along each axis.
    pub fn side(self) -> usize {
        match self {
            Self::F2 => 2,
            Self::F4 => 4,
        }
    }

    /// Inputs of a tile, and products for each pair of channels.
    pub fn points(self) -> usize {
        (self.side() + 2).pow(2)
    }

    /// Rows and columns of tiles.
    pub fn tiles(self, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side.div_ceil(self.side()))
    }

    /// Tiles of outputs of `size`, with their inputs as taps.
    pub fn positions(self, origin: [isize; 2], size: [usize; 2]) -> Positions {
        let (side, reach) = (self.side(), self.side() + 2);
        let taps = (0..self.points()).map(|point| {
            [origin[0] + (point / reach) as isize, origin[1] + (point % reach) as isize]
        });
        Positions { grid: self.tiles(size), step: [side; 2], taps: taps.collect() }
    }
}
