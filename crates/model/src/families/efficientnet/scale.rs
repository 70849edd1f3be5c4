//! What distinguishes one EfficientNet from another.

use crate::descriptor::NormSettings;

/// Stages of an EfficientNet.
pub const NUM_STAGES: usize = 7;

/// A run of blocks at one resolution.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// Factor on the channels inside a block.
    pub expansion: usize,
    /// Height and width of the depthwise kernel.
    pub kernel_size: usize,
    /// Stride of the first block; the others have none.
    pub stride: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub num_blocks: usize,
}

impl Stage {
    const fn new(
        [expansion, kernel_size, stride]: [usize; 3],
        [in_channels, out_channels]: [usize; 2],
        num_blocks: usize,
    ) -> Self {
        Self { expansion, kernel_size, stride, in_channels, out_channels, num_blocks }
    }
}

/// EfficientNet-B0, table 1 of the paper: expansion, kernel and stride; channels in and out; blocks.
const B0: [Stage; NUM_STAGES] = [
    Stage::new([1, 3, 1], [32, 16], 1),
    Stage::new([6, 3, 2], [16, 24], 2),
    Stage::new([6, 5, 2], [24, 40], 2),
    Stage::new([6, 3, 2], [40, 80], 3),
    Stage::new([6, 5, 1], [80, 112], 3),
    Stage::new([6, 5, 2], [112, 192], 4),
    Stage::new([6, 3, 1], [192, 320], 1),
];

/// What distinguishes one size of EfficientNet from another: compound scaling.
///
/// # Source
/// Tan and Le, 2019, <https://arxiv.org/abs/1905.11946>, section 3.3.
#[derive(Debug, Clone, Copy)]
pub struct EfficientNetScale {
    /// Factor on the channels of B0.
    width: f64,
    /// Factor on the blocks of B0.
    depth: f64,
    /// Rate of dropout before the linear layer.
    pub dropout: f64,
}

impl EfficientNetScale {
    pub const fn new(width: f64, depth: f64, dropout: f64) -> Self {
        Self { width, depth, dropout }
    }

    /// Channels of the last feature maps.
    pub fn num_features(&self) -> usize {
        4 * self.channels(B0[NUM_STAGES - 1].out_channels)
    }

    /// Settings of batch normalization; torchvision's B5 to B7 have TensorFlow's.
    pub fn batch_norm(&self) -> NormSettings {
        match self.width < 1.5 {
            true => NormSettings { epsilon: 1e-5, momentum: 0.1 },
            false => NormSettings { epsilon: 1e-3, momentum: 0.01 },
        }
    }

    /// The stages, with the channels and blocks of this size.
    pub fn stages(&self) -> [Stage; NUM_STAGES] {
        B0.map(|stage| Stage {
            in_channels: self.channels(stage.in_channels),
            out_channels: self.channels(stage.out_channels),
            num_blocks: (stage.num_blocks as f64 * self.depth).ceil() as usize,
            ..stage
        })
    }

    fn channels(&self, base: usize) -> usize {
        divisible_by_8(base as f64 * self.width)
    }
}

/// The multiple of 8 next to `channels`, but not less than 9/10 of it.
fn divisible_by_8(channels: f64) -> usize {
    let nearest = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (nearest as f64) < 0.9 * channels { nearest + 8 } else { nearest }
}
