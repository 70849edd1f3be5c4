//! Convolution with 3 × 3 kernels of stride 1 by minimal filtering F(2 × 2, 3 × 3): a tile of 2 × 2
//! outputs takes 16 products for each pair of channels instead of 36.
//!
//! Tiles of 4 × 4 inputs and the kernels are transformed, multiplied position by position as matrices,
//! and the products are transformed back. All transforms are sums, so errors stay near those of direct
//! convolution: at most about 4 times as large.
//!
//! # Source
//!
//! A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016,
//! <https://arxiv.org/abs/1509.09308>, section 4.1.

mod transform;

use rayon::prelude::*;
use std::ops::Range;

use self::transform::{Outputs, transform_inputs_on, transform_weights_on, write_outputs_on};
use super::direct::tile::{Tiles, tiles_on};
use super::direct::{Target, padded_affine};
use super::pack::{Layout, Packed, pack_block};
use super::source::{Positions, Source};
use crate::cpu::scratch::{Scratch, Shared};
use crate::cpu::simd::{self, InstructionSet};
use crate::cpu::{Activation, ConvShape, Epilogue, Precision};

/// Inputs of a tile, and products for each pair of channels.
const POINTS: usize = 16;

/// Lanes of the widest block.
const MAX_LANES: usize = 48;

/// Products are written as they are.
static ONES: [f32; MAX_LANES] = [1.0; MAX_LANES];
static ZEROS: [f32; MAX_LANES] = [0.0; MAX_LANES];

/// Tiles of a piece of work are a multiple of this: of the rows of every register tile, or nearly.
const TILES: usize = 28;

/// Whether this way is faster for outputs of `size`: not for few channels, whose transforms weigh
/// more, nor where tiles stand out far over the border. The batch has no say, since an image's results
/// must not depend on the others.
pub(super) fn pays(shape: &ConvShape, size: [usize; 2], precision: Precision) -> bool {
    const MIN_CHANNELS: usize = 32;
    let is_small = shape.kernel_size == [3, 3] && shape.stride == [1, 1];
    let channels = shape.in_channels.min(shape.out_channels);
    let num_tiles = size[0].div_ceil(2) * size[1].div_ceil(2);
    is_small
        && precision == Precision::F32
        && shape.groups == 1
        && shape.padding.iter().all(|padding| *padding <= 2)
        && channels >= MIN_CHANNELS
        && 20 * num_tiles <= 9 * size[0] * size[1]
}

/// Kernels, transformed and packed for [`run`]: \[block\]\[point\]\[depth\]\[lane\]. `layout` has nine
/// taps.
pub(super) fn weights(
    set: InstructionSet,
    weight: &[f32],
    channels: usize,
    layout: &Layout,
) -> Packed {
    assert_eq!(layout.taps.len(), 9);
    let rows = POINTS * layout.depth;
    Packed::filled(channels, rows, simd::width(set), Precision::F32, |block, lanes, target| {
        let len = layout.depth * lanes;
        let mut kernels = Scratch::new(9 * len);
        pack_block(weight, block, layout, lanes, &mut kernels);
        assert_eq!(target.len(), POINTS * len);
        // SAFETY: there are `len` values, whole vectors, for each of nine taps and each of 16 points.
        // `set` comes from `InstructionSet::current`.
        unsafe { transform_weights_on(set, kernels.as_ptr(), len, target.as_mut_ptr()) };
    })
}

/// Convolves `source` and writes all channels of `target`: output (i, j) sums over source pixels
/// (i, j) + origin + {0, 1, 2}².
pub(super) fn run(
    set: InstructionSet,
    source: &Source<'_>,
    origin: [isize; 2],
    weight: &Packed,
    epilogue: &Epilogue<'_>,
    target: &mut Target<'_>,
) {
    let width = simd::width(set);
    let mut zeros = Scratch::new(source.depth);
    zeros.fill(0.0);
    let points = (0..POINTS as isize).map(|point| [origin[0] + point / 4, origin[1] + point % 4]);
    let positions = Positions {
        grid: target.size.map(|side| side.div_ceil(2)),
        step: [2, 2],
        taps: points.collect(),
    };
    let channels = weight.blocks.last().map_or(0, |block| block.channel + block.channels);
    let affine = padded_affine(epilogue, 0, channels, width);
    let [height, columns] = target.size;
    assert_eq!(channels, target.pixel_stride);
    assert_eq!(target.data.len(), target.batch * height * columns * channels);
    assert!(epilogue.residual.is_none_or(|residual| residual.len() == target.data.len()));
    let out = Shared(target.data.as_mut_ptr());
    let target = &*target;
    // Rows of inputs an odd number of cache lines apart: a power of two apart, they would share lines
    // of the first cache.
    let pitch = (source.depth.div_ceil(16) | 1) * 16;
    pieces(target.batch * positions.per_image(), pitch, weight.blocks.len())
        .par_iter()
        .with_max_len(1)
        .for_each_init(Vec::new, |table, (tiles, blocks)| {
            let len = tiles.len();
            positions.addresses(source, &zeros, tiles.start, len, len, table);
            let inputs = transformed(set, table, source.depth, pitch);
            let rows = rows(&inputs, len, pitch);
            let pixels: Vec<[usize; 4]> =
                tiles.clone().map(|tile| pixels(&positions, target, tile)).collect();
            let targets: Vec<usize> = (0..len).map(|tile| tile * MAX_LANES).collect();
            let mut products = Scratch::new(POINTS * len * MAX_LANES);
            for idx in blocks.clone() {
                let block = &weight.blocks[idx];
                let lanes = block.vectors * width;
                for point in 0..POINTS {
                    let tiles = Tiles {
                        rows: rows[point * (len + TILES)..].as_ptr(),
                        row_stride: len + TILES,
                        num_rows: len,
                        taps: 1,
                        depth: source.depth,
                        fetch: false,
                        weight: weight.block(idx)[point * source.depth * lanes..].as_ptr(),
                        vectors: block.vectors,
                        channels: lanes,
                        scale: ONES.as_ptr(),
                        shift: ZEROS.as_ptr(),
                        activation: Activation::None,
                        residual: std::ptr::null(),
                        out: products[point * len * MAX_LANES..].as_mut_ptr(),
                        stream: false,
                        targets: targets.as_ptr(),
                    };
                    // SAFETY: `rows` holds, for this point, the address of `depth` values for each
                    // tile and for as many more as a register tile has rows; the products of a tile
                    // have room for all lanes. `set` comes from `InstructionSet::current`.
                    unsafe { tiles_on(set, &tiles) };
                }
                let outputs = Outputs {
                    products: products.as_ptr(),
                    tile_stride: MAX_LANES,
                    pixels: &pixels,
                    channel: block.channel,
                    channels: block.channels,
                    scale: affine[block.channel..].as_ptr(),
                    shift: affine[affine.len() / 2 + block.channel..].as_ptr(),
                    residual: epilogue.residual.map_or(std::ptr::null(), <[f32]>::as_ptr),
                    activation: epilogue.activation,
                    out: out.get(),
                };
                // SAFETY: the products of all points have just been written; `pixels` are pixels of
                // the output, whose channels these are; no other piece has these tiles with this
                // block. `set` comes from `InstructionSet::current`.
                unsafe { write_outputs_on(set, &outputs) };
            }
        });
}

/// Cuts the work into tiles × blocks, so that the inputs of a piece stay in the second cache while the
/// blocks of weights pass by, and so that there are many pieces.
fn pieces(num_tiles: usize, pitch: usize, num_blocks: usize) -> Vec<(Range<usize>, Range<usize>)> {
    const CACHE_FLOATS: usize = 192 * 1024;
    const WANTED: usize = 16;
    let fit = CACHE_FLOATS / (POINTS * pitch);
    let len = fit.min(num_tiles / WANTED).clamp(TILES, 8 * TILES) / TILES * TILES;
    let splits = WANTED.div_ceil(num_tiles.div_ceil(len).max(1)).clamp(1, num_blocks.max(1));
    let blocks_len = num_blocks.div_ceil(splits).max(1);
    let starts = (0..num_tiles).step_by(len);
    starts
        .flat_map(|start| {
            let tiles = start..num_tiles.min(start + len);
            let blocks = (0..num_blocks).step_by(blocks_len);
            blocks.map(move |block| (tiles.clone(), block..num_blocks.min(block + blocks_len)))
        })
        .collect()
}

/// Inputs of tiles, transformed: \[point\]\[tile\]\[depth\], rows `pitch` apart.
fn transformed(set: InstructionSet, table: &[*const f32], depth: usize, pitch: usize) -> Scratch {
    let num_tiles = table.len() / POINTS;
    assert!(table.len() == POINTS * num_tiles && depth.next_multiple_of(simd::width(set)) <= pitch);
    let mut inputs = Scratch::new(table.len() * pitch);
    // SAFETY: the table holds, for each point and tile, an address that is good for `depth` values; the
    // buffer has as many rows, each with room for whole vectors. `set` comes from
    // `InstructionSet::current`.
    unsafe {
        transform_inputs_on(set, table.as_ptr(), num_tiles, depth, pitch, inputs.as_mut_ptr());
    }
    inputs
}

/// Addresses of rows, \[point\]\[tile\]; the last of each point again for as many as a register tile
/// reads beyond it.
fn rows(inputs: &[f32], num_tiles: usize, pitch: usize) -> Vec<*const f32> {
    let row = |point: usize, tile: usize| {
        inputs[(point * num_tiles + tile.min(num_tiles - 1)) * pitch..].as_ptr()
    };
    (0..POINTS).flat_map(|point| (0..num_tiles + TILES).map(move |tile| row(point, tile))).collect()
}

/// Where the four pixels of a tile start in the output; `usize::MAX` for those beyond its border.
fn pixels(positions: &Positions, target: &Target<'_>, tile: usize) -> [usize; 4] {
    let [height, width] = target.size;
    let [image, i, j] = positions.locate(tile);
    assert!(image < target.batch);
    [[0, 0], [0, 1], [1, 0], [1, 1]].map(|[down, right]| {
        let (y, x) = (2 * i + down, 2 * j + right);
        let is_inside = y < height && x < width;
        if is_inside {
            ((image * height + y) * width + x) * target.pixel_stride
        } else {
            usize::MAX
        }
    })
}
