//! Direct convolution: a register tile of pixels × output channels sums over all taps and input
//! channels, then goes through the epilogue and is written once.

pub(super) mod tile;

use rayon::prelude::*;

use self::tile::{Tiles, tiles_of_pairs_on, tiles_on};
use super::pack::Packed;
use super::source::{Positions, Source};
use crate::cpu::scratch::{Scratch, Shared};
use crate::cpu::simd::{self, InstructionSet};
use crate::cpu::{Epilogue, Precision};

/// Positions whose output is written with the same weights, and where it is written: position
/// (i, j) at pixel (offset + i · step, offset + j · step).
pub(super) struct Phase {
    pub positions: Positions,
    pub weight: Packed,
    pub offset: [usize; 2],
    pub step: [usize; 2],
}

/// The feature map that is written, and which of its channels.
pub(super) struct Target<'a> {
    pub data: &'a mut [f32],
    pub batch: usize,
    pub size: [usize; 2],
    /// Channels of the feature map.
    pub pixel_stride: usize,
    /// The first channel that is written.
    pub channel: usize,
}

/// Positions of a piece of work are a multiple of this: of the rows of every register tile, or
/// nearly.
const POSITIONS: usize = 28;

/// A piece of work: positions × blocks of channels.
struct Piece {
    phase: usize,
    positions: std::ops::Range<usize>,
    blocks: std::ops::Range<usize>,
}

/// Computes all phases.
pub(super) fn run(
    set: InstructionSet,
    source: &Source<'_>,
    phases: &[Phase],
    epilogue: &Epilogue<'_>,
    target: &mut Target<'_>,
) {
    let mut zeros = Scratch::new(source.depth);
    zeros.fill(0.0);
    let channels = phases.first().map_or(0, |phase| phase.weight.channels());
    let affine = padded_affine(epilogue, target.channel, channels, simd::width(set));
    let pieces = pieces(source, phases, target.batch);
    let [height, width] = target.size;
    assert!(target.channel + channels <= target.pixel_stride);
    assert_eq!(target.data.len(), target.batch * height * width * target.pixel_stride);
    assert!(epilogue.residual.is_none_or(|residual| residual.len() == target.data.len()));
    let stream = simd::streams(target.data, target.pixel_stride);
    let stream = stream && target.channel.is_multiple_of(16);
    let out = Shared(target.data.as_mut_ptr());
    let target = &*target;
    pieces.par_iter().with_max_len(1).for_each_init(
        || (Vec::new(), Vec::new()),
        |(table, targets), piece| {
            let phase = &phases[piece.phase];
            let len = piece.positions.len();
            // A tile may read, but not write, rows after the last position, and fetches as many
            // more.
            let stride = len + 2 * POSITIONS;
            let first = piece.positions.start;
            phase.positions.addresses(source, &zeros, first, len, stride, table);
            let _apart = rows_apart(source, phase, len, table);
            pixel_offsets(phase, target, piece, targets);
            for block_idx in piece.blocks.clone() {
                let block = phase.weight.blocks[block_idx];
                let channel = target.channel + block.channel;
                let tiles = Tiles {
                    rows: table.as_ptr(),
                    row_stride: stride,
                    num_rows: len,
                    taps: phase.positions.taps.len(),
                    depth: source.depth,
                    fetch: block_idx == piece.blocks.start,
                    weight: phase.weight.block(block_idx).as_ptr(),
                    vectors: block.vectors,
                    channels: block.channels,
                    scale: affine[block.channel..].as_ptr(),
                    shift: affine[affine.len() / 2 + block.channel..].as_ptr(),
                    activation: epilogue.activation,
                    residual: epilogue
                        .residual
                        .map_or(std::ptr::null(), |residual| residual[channel..].as_ptr()),
                    stream,
                    // SAFETY: the channel is one of the first pixel's.
                    out: unsafe { out.get().add(channel) },
                    targets: targets.as_ptr(),
                };
                // SAFETY: `rows` holds, for each tap, an address for each position and for as many
                // more as a tile has rows, each good for `depth` values; `targets` holds a pixel of
                // the output for each position; the block's channels are channels of the output;
                // no other piece has this phase's positions with this block, and no two phases
                // share pixels. `set` comes from `InstructionSet::current`.
                unsafe {
                    match phase.weight.precision {
                        Precision::F32 => tiles_on(set, &tiles),
                        Precision::Bf16 => tiles_of_pairs_on(set, &tiles),
                    }
                }
            }
        },
    );
}

/// Copies the rows, and has the table point there, where positions are a multiple of a page apart: the
/// rows of a register tile would share the same few lines of the first cache. They are read again for
/// each block of channels, so that the copy is little beside.
fn rows_apart(
    source: &Source<'_>,
    phase: &Phase,
    len: usize,
    table: &mut [*const f32],
) -> Option<Scratch> {
    const PAGE_FLOATS: usize = 1024;
    const LINE_FLOATS: usize = 16;
    let depth = source.depth;
    let distance = source.pixel_stride * phase.positions.step[1];
    let is_copied = distance.is_multiple_of(PAGE_FLOATS)
        && phase.positions.taps.len() == 1
        && phase.weight.blocks.len() > 1;
    if !is_copied || len == 0 {
        return None;
    }
    let pitch = depth + LINE_FLOATS;
    let mut rows = Scratch::new(len * pitch);
    for (address, row) in table.iter_mut().zip(rows.chunks_exact_mut(pitch)) {
        // SAFETY: the table's addresses are good for `depth` values, in the source or in the zeros.
        let values = unsafe { std::slice::from_raw_parts(*address, depth) };
        row[..depth].copy_from_slice(values);
        *address = row.as_ptr();
    }
    let last = table[len - 1];
    table[len..].fill(last);
    Some(rows)
}

/// Scale and shift of `channels` channels from `first` on, each padded to whole vectors.
pub(super) fn padded_affine(
    epilogue: &Epilogue<'_>,
    first: usize,
    channels: usize,
    width: usize,
) -> Vec<f32> {
    let padded = channels.next_multiple_of(width);
    let mut affine = vec![1.0; padded];
    affine.resize(2 * padded, 0.0);
    if let Some(scale) = epilogue.scale {
        affine[..channels].copy_from_slice(&scale[first..][..channels]);
    }
    if let Some(shift) = epilogue.shift {
        affine[padded..][..channels].copy_from_slice(&shift[first..][..channels]);
    }
    affine
}

/// Cuts the work so that the input of a piece stays in the second cache while the blocks of
/// weights pass by, and so that there are many pieces.
fn pieces(source: &Source<'_>, phases: &[Phase], batch: usize) -> Vec<Piece> {
    const CACHE_FLOATS: usize = 48 * 1024;
    const WANTED: usize = 32;
    let total: usize = phases.iter().map(|phase| batch * phase.positions.per_image()).sum();
    let mut pieces = Vec::new();
    for (phase_idx, phase) in phases.iter().enumerate() {
        let positions = batch * phase.positions.per_image();
        let [step_y, step_x] = phase.positions.step;
        let touched = if phase.positions.taps.len() > 1 { step_y * step_x } else { 1 };
        let fit = CACHE_FLOATS / (touched * source.pixel_stride.max(1)).max(1);
        let len =
            fit.min(total / WANTED).clamp(3 * POSITIONS, 16 * POSITIONS) / POSITIONS * POSITIONS;
        let num_blocks = phase.weight.blocks.len();
        let splits = WANTED.div_ceil(total.div_ceil(len)).clamp(1, num_blocks.div_ceil(2).max(1));
        let blocks_len = num_blocks.div_ceil(splits).max(1);
        for start in (0..positions).step_by(len) {
            for block in (0..num_blocks).step_by(blocks_len) {
                pieces.push(Piece {
                    phase: phase_idx,
                    positions: start..positions.min(start + len),
                    blocks: block..num_blocks.min(block + blocks_len),
                });
            }
        }
    }
    pieces
}

/// Where the output pixel of each position of a piece starts.
fn pixel_offsets(phase: &Phase, target: &Target<'_>, piece: &Piece, offsets: &mut Vec<usize>) {
    let [height, width] = target.size;
    offsets.clear();
    offsets.extend(piece.positions.clone().map(|position| {
        let [image, i, j] = phase.positions.locate(position);
        let y = phase.offset[0] + i * phase.step[0];
        let x = phase.offset[1] + j * phase.step[1];
        assert!(image < target.batch && y < height && x < width);
        ((image * height + y) * width + x) * target.pixel_stride
    }));
}
