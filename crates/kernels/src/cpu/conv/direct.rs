//! Direct convolution: a register tile of pixels × output channels sums over all taps and input
//! channels, then goes through the epilogue and is written once.

use rayon::prelude::*;

use super::pack::Packed;
use super::source::{Positions, Source};
use crate::cpu::scratch::{Scratch, Shared};
use crate::cpu::simd::{self, InstructionSet, Simd, for_each_instruction_set};
use crate::cpu::{Activation, Epilogue};

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
    let channels = phases.first().map_or(0, |phase| {
        phase.weight.blocks.last().map_or(0, |block| block.channel + block.channels)
    });
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
                unsafe { tiles_on(set, &tiles) };
            }
        },
    );
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

/// A column of register tiles: all positions of a piece for one block of channels.
struct Tiles {
    /// \[tap\]\[row\], addresses of `depth` values.
    rows: *const *const f32,
    row_stride: usize,
    num_rows: usize,
    taps: usize,
    depth: usize,
    /// Whether the rows are not yet in the cache.
    fetch: bool,
    /// \[tap\]\[depth\]\[lane\].
    weight: *const f32,
    vectors: usize,
    channels: usize,
    /// For whole vectors.
    scale: *const f32,
    shift: *const f32,
    activation: Activation,
    /// Null where there is none; else with the output's offsets.
    residual: *const f32,
    out: *mut f32,
    /// Whether the output is written past the caches.
    stream: bool,
    /// For each row, where its pixel starts.
    targets: *const usize,
}

for_each_instruction_set! {
    fn tiles_on = any_tiles(tiles: &Tiles)
}

#[inline(always)]
unsafe fn any_tiles<S: Simd>(tiles: &Tiles) {
    // SAFETY: the caller's.
    unsafe {
        match (S::ROWS[1], tiles.vectors) {
            (14, 1) => column::<S, 28, 1>(tiles),
            (14, 2) => column::<S, 14, 2>(tiles),
            (14, _) => column::<S, 9, 3>(tiles),
            (6, 1) => column::<S, 12, 1>(tiles),
            (6, 2) => column::<S, 6, 2>(tiles),
            (6, _) => column::<S, 4, 3>(tiles),
            (_, 1) => column::<S, 4, 1>(tiles),
            (_, 2) => column::<S, 2, 2>(tiles),
            (_, _) => column::<S, 1, 3>(tiles),
        }
    }
}

#[inline(always)]
unsafe fn column<S: Simd, const ROWS: usize, const VECTORS: usize>(tiles: &Tiles) {
    let mut first = 0;
    while first < tiles.num_rows {
        // SAFETY: the caller's; `first` is a row.
        unsafe {
            let rows = ROWS.min(tiles.num_rows - first);
            let sums = if tiles.fetch && tiles.taps == 1 {
                sums::<S, ROWS, VECTORS, true>(tiles, first)
            } else {
                sums::<S, ROWS, VECTORS, false>(tiles, first)
            };
            if tiles.channels == VECTORS * S::WIDTH {
                finish::<S, ROWS, VECTORS, false>(tiles, first, rows, sums);
            } else {
                finish::<S, ROWS, VECTORS, true>(tiles, first, rows, sums);
            }
        }
        first += ROWS;
    }
    if tiles.stream {
        // SAFETY: the caller's.
        unsafe { S::fence() };
    }
}

/// The sums of a tile, in the order tap, depth. `FETCH`: on the way the rows of the next tile are
/// fetched; one tap has too little to do with them for the hardware to be in time.
#[inline(always)]
unsafe fn sums<S: Simd, const ROWS: usize, const VECTORS: usize, const FETCH: bool>(
    tiles: &Tiles,
    first: usize,
) -> [[S::Vector; VECTORS]; ROWS] {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
        if tiles.taps == 0 || tiles.depth == 0 {
            return sums;
        }
        // Loops that test at their end: otherwise the compiler moves the sums to the stack and back
        // for each tap.
        let mut weight = tiles.weight;
        let mut tap = 0;
        loop {
            let addresses = tiles.rows.add(tap * tiles.row_stride + first);
            let rows: [*const f32; ROWS] = addresses.cast::<[*const f32; ROWS]>().read();
            let mut depth = 0;
            let mut next = 0;
            loop {
                if FETCH && depth == next {
                    const LINE: usize = 16;
                    for r in 0..ROWS {
                        S::prefetch((*addresses.add(ROWS + r)).wrapping_add(depth));
                    }
                    next += LINE;
                }
                let mut lanes = [S::splat(0.0); VECTORS];
                for v in 0..VECTORS {
                    lanes[v] = S::load(weight.add(v * S::WIDTH));
                }
                weight = weight.add(VECTORS * S::WIDTH);
                for r in 0..ROWS {
                    let value = S::splat(*rows[r].add(depth));
                    for v in 0..VECTORS {
                        sums[r][v] = S::fma(value, lanes[v], sums[r][v]);
                    }
                }
                depth += 1;
                if depth == tiles.depth {
                    break;
                }
            }
            tap += 1;
            if tap == tiles.taps {
                break;
            }
        }
        sums
    }
}

/// The epilogue, and the writing.
#[inline(always)]
unsafe fn finish<S: Simd, const ROWS: usize, const VECTORS: usize, const PARTIAL: bool>(
    tiles: &Tiles,
    first: usize,
    num_rows: usize,
    mut sums: [[S::Vector; VECTORS]; ROWS],
) {
    // SAFETY: the caller's; rows from `num_rows` on are not accessed, and where the last vector is
    // not full, neither are its lanes without a channel.
    unsafe {
        let last = tiles.channels - (VECTORS - 1) * S::WIDTH;
        for v in 0..VECTORS {
            let scale = S::load(tiles.scale.add(v * S::WIDTH));
            let shift = S::load(tiles.shift.add(v * S::WIDTH));
            for r in 0..ROWS {
                sums[r][v] = S::fma(sums[r][v], scale, shift);
            }
        }
        if !tiles.residual.is_null() {
            for r in 0..ROWS {
                if r < num_rows {
                    let residual = tiles.residual.add(*tiles.targets.add(first + r));
                    for v in 0..VECTORS {
                        let value = if PARTIAL && v == VECTORS - 1 {
                            S::load_first(residual.add(v * S::WIDTH), last)
                        } else {
                            S::load(residual.add(v * S::WIDTH))
                        };
                        sums[r][v] = S::add(sums[r][v], value);
                    }
                }
            }
        }
        match tiles.activation {
            Activation::None => {}
            Activation::Relu => {
                for r in 0..ROWS {
                    for v in 0..VECTORS {
                        sums[r][v] = S::max(S::splat(0.0), sums[r][v]);
                    }
                }
            }
            Activation::Silu => {
                for r in 0..ROWS {
                    for v in 0..VECTORS {
                        sums[r][v] = S::mul(sums[r][v], simd::sigmoid::<S>(sums[r][v]));
                    }
                }
            }
        }
        for r in 0..ROWS {
            if r < num_rows {
                let out = tiles.out.add(*tiles.targets.add(first + r));
                for v in 0..VECTORS {
                    if PARTIAL && v == VECTORS - 1 {
                        S::store_first(out.add(v * S::WIDTH), sums[r][v], last);
                    } else if tiles.stream {
                        S::stream(out.add(v * S::WIDTH), sums[r][v]);
                    } else {
                        S::store(out.add(v * S::WIDTH), sums[r][v]);
                    }
                }
            }
        }
    }
}
