//! Weights in the order in which the kernels read them.

use rayon::prelude::*;

use crate::cpu::Precision;
use crate::cpu::scratch::{Scratch, Shared};
use crate::cpu::simd::pair;

/// The output channels that a register tile computes.
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

/// From one row of `len` values to the next: an odd number of cache lines, since rows a power of two apart would
/// share lines of the first cache.
pub(super) fn pitch(len: usize) -> usize {
    const LINE: usize = 16;
    (len.div_ceil(LINE) | 1) * LINE
}

/// Where weights stand in memory: element (tap, depth, channel) at
/// taps\[tap\] + depth · depth_stride + channel · channel_stride.
pub(super) struct Layout {
    pub taps: Vec<usize>,
    pub depth: usize,
    pub depth_stride: usize,
    pub channel_stride: usize,
}

/// Weights as \[block\]\[tap\]\[depth\]\[lane\], zeros in the lanes without a channel; of
/// bfloat16 two depths in a lane.
pub(super) struct Packed {
    pub blocks: Vec<Block>,
    pub precision: Precision,
    /// Start of each block.
    offsets: Vec<usize>,
    data: Scratch,
}

impl Packed {
    pub(super) fn new(
        weight: &[f32],
        channels: usize,
        layout: &Layout,
        width: usize,
        precision: Precision,
    ) -> Self {
        let rows = layout.taps.len() * layout.depth;
        Self::filled(channels, rows, width, precision, |block, lanes, target| {
            pack_block(weight, block, layout, lanes, target);
            if precision == Precision::Bf16 {
                pair_depths(target, layout, lanes);
            }
        })
    }

    /// Blocks of `rows` times so many lanes as a block has, each filled by `fill(block, lanes, values)`.
    pub(super) fn filled(
        channels: usize,
        rows: usize,
        width: usize,
        precision: Precision,
        fill: impl Fn(&Block, usize, &mut [f32]) + Sync,
    ) -> Self {
        let blocks = blocks(channels, width);
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
            fill(block, block.vectors * width, target);
        });
        Self { blocks, precision, offsets, data }
    }

    /// Channels of all blocks.
    pub(super) fn channels(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.channel + block.channels)
    }

    pub(super) fn block(&self, idx: usize) -> &[f32] {
        &self.data[self.offsets[idx]..self.offsets[idx + 1]]
    }
}

/// One block of [`Packed::new`].
pub(super) fn pack_block(
    weight: &[f32],
    block: &Block,
    layout: &Layout,
    lanes: usize,
    target: &mut [f32],
) {
    if target.is_empty() {
        return;
    }
    if block.channels < lanes {
        target.fill(0.0);
    }
    // Few depths at a time, so that what is written stays in the first cache.
    const DEPTHS: usize = 16;
    let taps = &layout.taps;
    assert!(target.len() == taps.len() * layout.depth * lanes && block.channels <= lanes);
    let last = (block.channel + block.channels - 1) * layout.channel_stride
        + (layout.depth - 1) * layout.depth_stride;
    assert!(taps.iter().all(|tap| last + tap < weight.len()));
    if layout.channel_stride == 1 {
        for (row, target) in target.chunks_exact_mut(lanes).enumerate() {
            let (tap, depth) = (taps[row / layout.depth], row % layout.depth);
            let source = block.channel + tap + depth * layout.depth_stride;
            target[..block.channels].copy_from_slice(&weight[source..][..block.channels]);
        }
        return;
    }
    for first in (0..layout.depth).step_by(DEPTHS) {
        let depths = layout.depth.min(first + DEPTHS) - first;
        for lane in 0..block.channels {
            let source =
                (block.channel + lane) * layout.channel_stride + first * layout.depth_stride;
            // SAFETY: the last weight of the block is one of the slice's, and the lanes of each tap
            // and depth are of the target's. With checks this takes twice as long.
            let copy = |idx: usize, tap: usize, depth: usize| unsafe {
                *target.as_mut_ptr().add((idx * layout.depth + first + depth) * lanes + lane) =
                    *weight.get_unchecked(source + tap + depth * layout.depth_stride);
            };
            copy_all(taps, depths, copy);
        }
    }
}

/// Two depths of \[tap\]\[depth\]\[lane\] become one, in place; what is left at the end is not used.
fn pair_depths(rows: &mut [f32], layout: &Layout, lanes: usize) {
    let mut written = 0;
    for tap in 0..layout.taps.len() {
        for depth in (0..layout.depth).step_by(2) {
            let mut pairs = [0.0; 48];
            let low = (tap * layout.depth + depth) * lanes;
            let high = (depth + 1 < layout.depth).then_some(low + lanes);
            for (lane, target) in pairs[..lanes].iter_mut().enumerate() {
                *target = pair(rows[low + lane], high.map_or(0.0, |high| rows[high + lane]));
            }
            rows[written..][..lanes].copy_from_slice(&pairs[..lanes]);
            written += lanes;
        }
    }
}

/// Calls `copy` for each tap and depth, in the order of memory.
#[inline(always)]
fn copy_all(taps: &[usize], depths: usize, mut copy: impl FnMut(usize, usize, usize)) {
    if let [tap] = *taps {
        (0..depths).for_each(|depth| copy(0, tap, depth));
    } else {
        for depth in 0..depths {
            taps.iter().enumerate().for_each(|(idx, tap)| copy(idx, *tap, depth));
        }
    }
}
