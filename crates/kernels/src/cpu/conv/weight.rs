//! Gradient of the weights: a register tile of input channels × output channels sums outer products
//! over pixels.

mod tile;

use std::ops::Range;

use rayon::prelude::*;

use self::tile::{pack_on, pack_pairs_on, pair_inputs_on, tile_of_pairs_on, tile_on};
use super::pack::{Block, blocks, pitch};
use super::source::{Positions, Source};
use crate::cpu::Precision;
use crate::cpu::scratch::{Scratch, Shared};
use crate::cpu::simd::{self, InstructionSet};

/// Positions that are summed before the sums leave the registers.
const POSITIONS: usize = 128;

/// The gradient of the output, and which of its channels.
#[derive(Clone, Copy)]
pub(super) struct GradOut<'a> {
    /// From the first channel of the first pixel that is read on.
    pub data: &'a [f32],
    pub pixel_stride: usize,
    pub channels: usize,
}

/// What is summed.
pub(super) struct Operands<'a> {
    pub set: InstructionSet,
    pub precision: Precision,
    pub source: Source<'a>,
    pub positions: Positions,
    pub batch: usize,
    pub grad_out: GradOut<'a>,
}

/// Sums as \[chunk\]\[block\]\[tap\]\[depth\]\[lane\].
pub(super) struct Sums {
    pub blocks: Vec<Block>,
    /// Start of each block in a chunk.
    pub offsets: Vec<usize>,
    taps: usize,
    depth: usize,
    width: usize,
}

/// A piece of work.
struct Piece {
    chunk: usize,
    positions: Range<usize>,
    blocks: Range<usize>,
    depths: Range<usize>,
}

/// Where in a channel's row the gradient of a depth and a tap is written.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// \[depth\]\[tap\].
    DepthTap,
    /// Depths are \[kernel column\]\[input channel\] and taps kernel rows, written as
    /// \[input channel\]\[kernel row\]\[kernel column\].
    FoldedColumns {
        /// Input channels.
        channels: usize,
        /// Columns of the kernel.
        columns: usize,
    },
}

impl Order {
    /// In a row of `taps` for each depth.
    fn index(self, taps: usize, depth: usize, tap: usize) -> usize {
        match self {
            Self::DepthTap => depth * taps + tap,
            Self::FoldedColumns { channels, columns } => {
                let [column, channel] = [depth / channels, depth % channels];
                (channel * taps + tap) * columns + column
            }
        }
    }

    /// Depths that are written together: their gradients have to be one stretch of a row, which folded
    /// columns are only as a whole.
    fn depths_together(self, depth: usize) -> usize {
        match self {
            Self::DepthTap if depth > 64 => 16,
            Self::DepthTap | Self::FoldedColumns { .. } => depth,
        }
    }
}

/// Writes the gradient as \[channel\]\[place in `order`\].
pub(super) fn run(operands: &Operands<'_>, order: Order, grad_weight: &mut [f32]) {
    let Operands { set, precision, ref source, ref positions, batch, ref grad_out } = *operands;
    let sums = Sums::new(grad_out.channels, positions.taps.len(), source.depth, simd::width(set));
    let (num_chunks, pieces) = pieces(&sums, batch * positions.per_image());
    let mut data = Scratch::new(num_chunks * sums.len());
    let mut zeros = Scratch::new(source.depth);
    zeros.fill(0.0);
    let shared = Shared(data.as_mut_ptr());
    pieces.par_iter().with_max_len(1).for_each_init(Vec::new, |table, piece| {
        let data = shared.get().wrapping_add(piece.chunk * sums.len());
        sums.clear(piece, data);
        for start in piece.positions.clone().step_by(POSITIONS) {
            let len = POSITIONS.min(piece.positions.end - start);
            // Pairs repeat a last position without a partner, for which there is a gradient of 0.
            let padded_len = match precision {
                Precision::F32 => len,
                Precision::Bf16 => len.next_multiple_of(2),
            };
            positions.addresses(source, &zeros, start, len, padded_len, table);
            let packed = pack(operands, &sums, piece, start..start + len);
            let _inputs = match precision {
                // Those of several taps are read where they are.
                Precision::F32 => (sums.taps == 1).then(|| pack_inputs(table, &piece.depths)),
                Precision::Bf16 => Some(pair_inputs(set, table, &piece.depths)),
            };
            for (tap, rows) in table.chunks_exact(table.len() / sums.taps).enumerate() {
                let Piece { blocks, depths, .. } = piece;
                // SAFETY: `rows` holds an address of `depth` values for each position, or pair of them, `packed`
                // the gradients of the piece's blocks at these; `data` is a chunk of sums, of which no other
                // piece has these blocks with these depths. `set` comes from `InstructionSet::current`.
                unsafe {
                    sums.add(set, precision, tap, blocks, depths, rows, packed.as_ptr(), data);
                }
            }
        }
    });
    sums.combine(&data, num_chunks, order, grad_weight);
}

impl Sums {
    pub(super) fn new(channels: usize, taps: usize, depth: usize, width: usize) -> Self {
        let blocks = blocks(channels, width);
        let mut offsets = vec![0];
        for block in &blocks {
            offsets.push(offsets[offsets.len() - 1] + taps * depth * block.vectors * width);
        }
        Self { blocks, offsets, taps, depth, width }
    }

    /// Of a chunk.
    pub(super) fn len(&self) -> usize {
        self.offsets[self.blocks.len()]
    }

    pub(super) fn lanes(&self, block: usize) -> usize {
        self.blocks[block].vectors * self.width
    }

    /// Sets the sums of a piece to zero.
    fn clear(&self, piece: &Piece, data: *mut f32) {
        for block in piece.blocks.clone() {
            let lanes = self.lanes(block);
            for tap in 0..self.taps {
                let start = self.offsets[block] + (tap * self.depth + piece.depths.start) * lanes;
                // SAFETY: the range lies within the chunk's block, and is this piece's own.
                unsafe {
                    std::slice::from_raw_parts_mut(data.add(start), piece.depths.len() * lanes)
                        .fill(0.0);
                }
            }
        }
    }

    /// Adds the products of some positions to the sums of a tap: of the values at `rows`, an address of all
    /// depths for each position, and of the gradients of the blocks, \[block\]\[position\]\[lane\].
    #[allow(clippy::too_many_arguments, reason = "the operands of a product")]
    pub(super) unsafe fn add(
        &self,
        set: InstructionSet,
        precision: Precision,
        tap: usize,
        blocks: &Range<usize>,
        depths: &Range<usize>,
        rows: &[*const f32],
        gradients: *const f32,
        data: *mut f32,
    ) {
        let tile_on = match precision {
            Precision::F32 => tile_on,
            Precision::Bf16 => tile_of_pairs_on,
        };
        let (rows, len) = (rows.as_ptr(), rows.len());
        let mut depth = depths.start;
        while depth < depths.end {
            let num_rows = tile_rows(depths.end - depth);
            let mut gradients = gradients;
            for block in blocks.clone() {
                let (vectors, lanes) = (self.blocks[block].vectors, self.lanes(block));
                let sums = self.offsets[block] + (tap * self.depth + depth) * lanes;
                // SAFETY: the caller's.
                unsafe {
                    let sums = data.add(sums);
                    tile_on(set, vectors, num_rows, rows, depth, len, gradients, sums);
                    gradients = gradients.add(lanes * len);
                }
            }
            depth += num_rows;
        }
    }

    /// Adds up the chunks in their order and writes the gradient.
    pub(super) fn combine(
        &self,
        data: &[f32],
        num_chunks: usize,
        order: Order,
        grad_weight: &mut [f32],
    ) {
        let row = self.taps * self.depth;
        let channels: usize = self.blocks.iter().map(|block| block.channels).sum();
        assert_eq!(grad_weight.len(), channels * row);
        // Depths at a time: what they have to write is one stretch for each channel.
        let depths_len = order.depths_together(self.depth);
        let parts = self.depth.div_ceil(depths_len);
        let out = Shared(grad_weight.as_mut_ptr());
        (0..self.blocks.len() * parts).into_par_iter().for_each(|piece| {
            let block_idx = piece / parts;
            let first = piece % parts * depths_len;
            let depths = first..self.depth.min(first + depths_len);
            let stretch = self.taps * depths.len();
            let sums = self.transposed(data, num_chunks, block_idx, depths, order);
            let channel = self.blocks[block_idx].channel;
            for (lane, sums) in sums.chunks_exact(stretch).enumerate() {
                let start = (channel + lane) * row + first * self.taps;
                // SAFETY: the stretch is within the channel's row, and this piece's own.
                unsafe {
                    std::slice::from_raw_parts_mut(out.get().add(start), stretch)
                        .copy_from_slice(sums);
                }
            }
        });
    }

    /// The total of some depths of a block as \[channel\]\[place in `order`\].
    fn transposed(
        &self,
        data: &[f32],
        num_chunks: usize,
        block_idx: usize,
        depths: Range<usize>,
        order: Order,
    ) -> Scratch {
        let (block, lanes) = (self.blocks[block_idx], self.lanes(block_idx));
        let stretch = self.taps * depths.len();
        let mut transposed = Scratch::new(block.channels * stretch);
        for depth in depths.clone() {
            for tap in 0..self.taps {
                let start = self.offsets[block_idx] + (tap * self.depth + depth) * lanes;
                let mut sum = [0.0f32; 48];
                for chunk in 0..num_chunks {
                    let part = &data[chunk * self.len() + start..][..lanes];
                    for (sum, part) in sum.iter_mut().zip(part) {
                        *sum += part;
                    }
                }
                let idx = order.index(self.taps, depth, tap) - depths.start * self.taps;
                for (lane, sum) in sum[..block.channels].iter().enumerate() {
                    transposed[lane * stretch + idx] = *sum;
                }
            }
        }
        transposed
    }
}

/// Cuts the work into blocks × depths whose sums stay in the second cache, and, where these are
/// few, the positions into chunks. The cut depends on nothing but the shape.
fn pieces(sums: &Sums, positions: usize) -> (usize, Vec<Piece>) {
    const CACHE_FLOATS: usize = 72 * 1024;
    const WANTED: usize = 32;
    // Many channels at a time where there is one tap: the gradients are read once for each part of
    // the depth, the inputs once for each group of channels.
    let lanes = if sums.taps == 1 { 256 } else { 128 };
    let channels: usize = sums.blocks.iter().map(|block| block.channels).sum();
    let lanes = channels.next_multiple_of(32).min(lanes);
    let parts = sums.depth.div_ceil((CACHE_FLOATS / (sums.taps * lanes)).max(1)).max(1);
    // Whole register tiles.
    let multiple = [12, 14].into_iter().find(|rows| sums.depth.is_multiple_of(*rows)).unwrap_or(8);
    let depths_len = sums.depth.div_ceil(parts).next_multiple_of(multiple).max(1);
    // The number of chunks must not depend on the width of a vector.
    let tiles = channels.div_ceil(lanes) * sums.depth.div_ceil(depths_len);
    let num_chunks = WANTED.div_ceil(tiles.max(1)).min(positions.div_ceil(2 * POSITIONS)).max(1);
    let chunk_len = positions.div_ceil(num_chunks).next_multiple_of(POSITIONS);
    let blocks_len = lanes / (2 * sums.width);
    let mut pieces = Vec::new();
    for chunk in 0..num_chunks {
        for block in (0..sums.blocks.len()).step_by(blocks_len) {
            for depth in (0..sums.depth).step_by(depths_len) {
                pieces.push(Piece {
                    chunk,
                    positions: positions.min(chunk * chunk_len)
                        ..positions.min((chunk + 1) * chunk_len),
                    blocks: block..sums.blocks.len().min(block + blocks_len),
                    depths: depth..sums.depth.min(depth + depths_len),
                });
            }
        }
    }
    (num_chunks, pieces)
}

/// The output gradients of a piece's blocks as \[block\]\[position\]\[lane\], of bfloat16 two
/// positions in a lane.
fn pack(operands: &Operands<'_>, sums: &Sums, piece: &Piece, positions: Range<usize>) -> Scratch {
    let Operands { set, precision, grad_out, .. } = operands;
    let lanes: usize = piece.blocks.clone().map(|block| sums.lanes(block)).sum();
    let mut packed = Scratch::new(lanes * positions.len());
    let blocks = &sums.blocks[piece.blocks.clone()];
    let (first, len) = (positions.start, positions.len());
    assert!(blocks.iter().all(|block| block.channel + block.channels <= grad_out.channels));
    assert!(first * grad_out.pixel_stride + grad_out.channels <= grad_out.data.len());
    assert!((positions.end - 1) * grad_out.pixel_stride + grad_out.channels <= grad_out.data.len());
    let (source, stride) = (&grad_out.data[first * grad_out.pixel_stride..], grad_out.pixel_stride);
    let (source, target) = (source.as_ptr(), packed.as_mut_ptr());
    // SAFETY: the gradients from `first` on are there for each position, with the channels of all
    // blocks; the buffer holds whole vectors for each of them. `set` comes from
    // `InstructionSet::current`.
    unsafe {
        match precision {
            Precision::F32 => pack_on(*set, source, stride, blocks, len, target),
            Precision::Bf16 => pack_pairs_on(*set, source, stride, blocks, len, target),
        }
    }
    packed
}

/// The inputs of a piece's depths, position by position, and their addresses less the first depth. Far apart, a
/// power of two above all, few of a register tile's inputs fit into the first cache together.
fn pack_inputs(table: &mut [*const f32], depths: &Range<usize>) -> Scratch {
    let pitch = pitch(depths.len());
    let mut packed = Scratch::new(pitch * table.len());
    for (address, target) in table.iter_mut().zip(packed.chunks_exact_mut(pitch)) {
        // SAFETY: the address is good for all depths.
        let source = unsafe { std::slice::from_raw_parts(address.add(depths.start), depths.len()) };
        target[..depths.len()].copy_from_slice(source);
        *address = target.as_ptr().wrapping_sub(depths.start);
    }
    packed
}

/// The inputs of a piece's depths, two positions in a lane, and their addresses less the first depth,
/// half as many as before.
fn pair_inputs(set: InstructionSet, table: &mut Vec<*const f32>, depths: &Range<usize>) -> Scratch {
    let mut pairs = Scratch::new(depths.len() * table.len() / 2);
    for (idx, target) in pairs.chunks_exact_mut(depths.len()).enumerate() {
        let [low, high] = [table[2 * idx], table[2 * idx + 1]];
        // SAFETY: the addresses are good for all depths. `set` comes from `InstructionSet::current`.
        unsafe { pair_inputs_on(set, low.add(depths.start), high.add(depths.start), target) };
        table[idx] = target.as_ptr().wrapping_sub(depths.start);
    }
    table.truncate(table.len() / 2);
    pairs
}

/// Rows of the next tile where `left` are left: tiles of one size if they fit.
fn tile_rows(left: usize) -> usize {
    match left {
        left if left % 12 == 0 => 12,
        left if left % 14 == 0 => 14,
        left if left % 8 == 0 => 8,
        14.. => 14,
        12.. => 12,
        8.. => 8,
        4.. => 4,
        2.. => 2,
        _ => 1,
    }
}
