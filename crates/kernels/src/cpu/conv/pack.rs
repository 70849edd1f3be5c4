//! Weights in the order in which the kernels read them.

use rayon::prelude::*;

use crate::cpu::scratch::{Scratch, Shared};

/// Output channels that a register tile computes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// First of its channels.
    pub channel: usize,
    /// Its channels that exist.
    pub channels: usize,
    /// Vectors that hold them: 1, 2 or 3.
    pub vectors: usize,
}

/// Splits `channels` into blocks of two vectors and, for an odd number of vectors, one of three or
/// one at the end.
pub(super) fn blocks(channels: usize, width: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut channel = 0;
    while channel < channels {
        let vectors = match (channels - channel).div_ceil(width) {
            odd @ (1 | 3) => odd,
            _ => 2,
        };
        let end = channels.min(channel + vectors * width);
        blocks.push(Block { channel, channels: end - channel, vectors });
        channel = end;
    }
    blocks
}

/// Where weights stand in memory: element (tap, depth, channel) at
/// taps\[tap\] + depth · depth_stride + channel · channel_stride.
pub(super) struct Layout {
    pub taps: Vec<usize>,
    pub depth: usize,
    pub depth_stride: usize,
    pub channel_stride: usize,
}

/// Weights as \[block\]\[tap\]\[depth\]\[lane\], zeros in the lanes without a channel.
pub(super) struct Packed {
    pub blocks: Vec<Block>,
    /// Start of each block.
    offsets: Vec<usize>,
    data: Scratch,
}

impl Packed {
    pub(super) fn new(weight: &[f32], channels: usize, layout: &Layout, width: usize) -> Self {
        let blocks = blocks(channels, width);
        let rows = layout.taps.len() * layout.depth;
        let mut offsets = vec![0];
        for block in &blocks {
            offsets.push(offsets[offsets.len() - 1] + rows * block.vectors * width);
        }
        let mut data = Scratch::new(offsets[blocks.len()]);
        let target = Shared(data.as_mut_ptr());
        blocks.par_iter().zip(&offsets).for_each(|(block, &offset)| {
            let len = rows * block.vectors * width;
            // SAFETY: block `offset..offset + len` lies within the buffer and is this task's own.
            let target = unsafe { std::slice::from_raw_parts_mut(target.get().add(offset), len) };
            pack_block(weight, block, layout, block.vectors * width, target);
        });
        Self { blocks, offsets, data }
    }

    pub(super) fn block(&self, idx: usize) -> &[f32] {
        &self.data[self.offsets[idx]..self.offsets[idx + 1]]
    }
}

fn pack_block(weight: &[f32], block: &Block, layout: &Layout, lanes: usize, target: &mut [f32]) {
    if block.channels < lanes {
        target.fill(0.0);
    }
    // Few depths at a time, so that what is written stays in the first cache.
    const DEPTHS: usize = 16;
    for first in (0..layout.depth).step_by(DEPTHS) {
        for lane in 0..block.channels {
            let source = (block.channel + lane) * layout.channel_stride;
            for depth in first..layout.depth.min(first + DEPTHS) {
                for (idx, tap) in layout.taps.iter().enumerate() {
                    target[(idx * layout.depth + depth) * lanes + lane] =
                        weight[source + depth * layout.depth_stride + tap];
                }
            }
        }
    }
}
