//! Convolution with 3 × 3 kernels of stride 1 by minimal filtering F(m × m, 3 × 3): for each pair of
//! channels a tile of 2 × 2 outputs takes 16 products instead of 36, one of 4 × 4 outputs 36 instead of
//! 144.
//!
//! Tiles of inputs and the kernels are transformed, multiplied point by point as matrices, and the
//! products are transformed back. Errors are those of direct convolution, or smaller, for tiles of 2 × 2,
//! and twice as large for tiles of 4 × 4; those of the weights' gradient are two and three times as large.
//!
//! # Source
//!
//! A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016,
//! <https://arxiv.org/abs/1509.09308>, section 4; for the points of tiles of 4 × 4 B. Barabasz,
//! A. Anderson, K. M. Soodhalter and D. Gregg, "Error Analysis and Improving the Accuracy of Winograd
//! Convolution for Deep Neural Networks", 2018, <https://arxiv.org/abs/1803.10986>.

mod filtering;
mod lines;
mod transform;
mod weight;

use rayon::prelude::*;
use std::ops::Range;

pub(super) use self::filtering::Winograd;
use self::transform::{
    Inputs, Outputs, transform_inputs_on, transform_weights_on, write_outputs_on,
};
use super::direct::tile::{Tiles, tiles_on};
use super::direct::{Target, padded_affine};
use super::pack::{Layout, Packed, pack_block, pitch};
use super::source::{Positions, Source};
use crate::cpu::scratch::{Scratch, Shared};
use crate::cpu::simd::{self, InstructionSet};
use crate::cpu::{Activation, Epilogue, Precision};

/// Lanes of the widest block.
const MAX_LANES: usize = 48;

/// Products are written as they are.
static ONES: [f32; MAX_LANES] = [1.0; MAX_LANES];
static ZEROS: [f32; MAX_LANES] = [0.0; MAX_LANES];

/// Tiles of a piece of work are a multiple of this: of the rows of every register tile, or nearly.
const TILES: usize = 28;

impl Winograd {
    /// Kernels, transformed and packed for [`Winograd::run`]: \[block\]\[point\]\[depth\]\[lane\].
    /// `layout` has nine taps.
    pub(super) fn weights(
        self,
        set: InstructionSet,
        weight: &[f32],
        channels: usize,
        layout: &Layout,
    ) -> Packed {
        assert_eq!(layout.taps.len(), 9);
        let rows = self.points() * layout.depth;
        let width = simd::width(set);
        Packed::filled(channels, rows, width, Precision::F32, |block, lanes, target| {
            let len = layout.depth * lanes;
            let mut kernels = Scratch::new(9 * len);
            pack_block(weight, block, layout, lanes, &mut kernels);
            assert_eq!(target.len(), self.points() * len);
            // SAFETY: there are `len` values, whole vectors, for each of nine taps and each of the
            // points. `set` comes from `InstructionSet::current`.
            unsafe { transform_weights_on(set, self, kernels.as_ptr(), len, target.as_mut_ptr()) };
        })
    }

    /// Convolves `source` and writes all channels of `target`: output (i, j) sums over source pixels
    /// (i, j) + origin + {0, 1, 2}².
    pub(super) fn run(
        self,
        set: InstructionSet,
        source: &Source<'_>,
        origin: [isize; 2],
        weight: &Packed,
        epilogue: &Epilogue<'_>,
        target: &mut Target<'_>,
    ) {
        let mut zeros = Scratch::new(source.depth);
        zeros.fill(0.0);
        let channels = weight.channels();
        let [height, width] = target.size;
        assert_eq!(channels, target.pixel_stride);
        assert_eq!(target.data.len(), target.batch * height * width * channels);
        assert!(epilogue.residual.is_none_or(|residual| residual.len() == target.data.len()));
        let positions = self.positions(origin, target.size);
        let num_tiles = target.batch * positions.per_image();
        let work = Work {
            winograd: self,
            set,
            source,
            positions,
            zeros,
            pitch: pitch(source.depth),
            weight,
            affine: padded_affine(epilogue, 0, channels, simd::width(set)),
            epilogue,
            batch: target.batch,
            size: target.size,
            out: Shared(target.data.as_mut_ptr()),
        };
        let pieces = work.pieces(num_tiles);
        pieces.par_iter().with_max_len(1).for_each_init(Vec::new, |table, piece| {
            work.run(piece, table);
        });
    }
}

/// A piece of work: tiles × blocks of channels.
struct Piece {
    tiles: Range<usize>,
    blocks: Range<usize>,
}

/// A convolution, its kernels transformed.
struct Work<'a> {
    winograd: Winograd,
    set: InstructionSet,
    source: &'a Source<'a>,
    positions: Positions,
    zeros: Scratch,
    /// From one row of transformed inputs to the next.
    pitch: usize,
    weight: &'a Packed,
    affine: Vec<f32>,
    epilogue: &'a Epilogue<'a>,
    batch: usize,
    size: [usize; 2],
    /// As long as batch, size and channels say.
    out: Shared<*mut f32>,
}

impl Work<'_> {
    /// Cuts the work into tiles × blocks, so that the inputs of a piece stay in the second cache while
    /// the blocks of weights pass by, and so that there are many pieces.
    fn pieces(&self, num_tiles: usize) -> Vec<Piece> {
        const CACHE_FLOATS: usize = 96 * 1024;
        const WANTED: usize = 16;
        let num_blocks = self.weight.blocks.len();
        let fit = CACHE_FLOATS / (self.winograd.points() * self.pitch);
        let len = fit.min(num_tiles / WANTED).clamp(TILES, 8 * TILES) / TILES * TILES;
        let splits = WANTED.div_ceil(num_tiles.div_ceil(len).max(1)).clamp(1, num_blocks.max(1));
        let blocks_len = num_blocks.div_ceil(splits).max(1);
        let starts = (0..num_tiles).step_by(len);
        starts
            .flat_map(|start| {
                let tiles = start..num_tiles.min(start + len);
                let blocks = (0..num_blocks).step_by(blocks_len);
                blocks.map(move |block| Piece {
                    tiles: tiles.clone(),
                    blocks: block..num_blocks.min(block + blocks_len),
                })
            })
            .collect()
    }

    fn run(&self, piece: &Piece, table: &mut Vec<*const f32>) {
        let Piece { tiles, blocks } = piece;
        let len = tiles.len();
        self.positions.addresses(self.source, &self.zeros, tiles.start, len, len, table);
        let inputs = self.transformed(table);
        let rows = self.rows(&inputs, len);
        let targets: Vec<usize> = (0..len).map(|tile| tile * MAX_LANES).collect();
        let mut pixels = Vec::with_capacity(self.winograd.side().pow(2) * len);
        tiles.clone().for_each(|tile| self.add_pixels(tile, &mut pixels));
        let mut products = Scratch::new(self.winograd.points() * len * MAX_LANES);
        for block in blocks.clone() {
            self.multiply(block, &rows, &targets, &mut products);
            self.write(block, &pixels, &products);
        }
    }

    /// Inputs of tiles, transformed: \[point\]\[tile\]\[depth\].
    fn transformed(&self, table: &[*const f32]) -> Scratch {
        let Self { winograd, set, pitch, .. } = *self;
        let depth = self.source.depth;
        let num_tiles = table.len() / winograd.points();
        assert_eq!(table.len(), winograd.points() * num_tiles);
        assert!(depth.next_multiple_of(simd::width(set)) <= pitch);
        let mut inputs = Scratch::new(table.len() * pitch);
        let target = inputs.as_mut_ptr();
        let operands = Inputs {
            table: table.as_ptr(),
            num_tiles,
            depth,
            pitch,
            point_stride: num_tiles * pitch,
            target,
        };
        // SAFETY: the table holds, for each point and tile, an address that is good for `depth` values;
        // the buffer has as many rows, each with room for whole vectors. `set` comes from
        // `InstructionSet::current`.
        unsafe { transform_inputs_on(set, winograd, &operands) };
        inputs
    }

    /// Addresses of rows, \[point\]\[tile\]; the last of each point again for as many as a register tile
    /// reads beyond it.
    fn rows(&self, inputs: &[f32], num_tiles: usize) -> Vec<*const f32> {
        let mut rows = Vec::with_capacity(self.winograd.points() * (num_tiles + TILES));
        for point in inputs.chunks_exact(num_tiles * self.pitch) {
            rows.extend(point.chunks_exact(self.pitch).map(<[f32]>::as_ptr));
            let last = rows[rows.len() - 1];
            rows.extend([last; TILES]);
        }
        rows
    }

    /// Where the pixels of a tile start in the output; `usize::MAX` for those beyond its border.
    fn add_pixels(&self, tile: usize, pixels: &mut Vec<usize>) {
        let (side, channels) = (self.winograd.side(), self.weight.channels());
        let [height, width] = self.size;
        let [image, i, j] = self.positions.locate(tile);
        assert!(image < self.batch);
        for y in side * i..side * (i + 1) {
            for x in side * j..side * (j + 1) {
                let is_inside = y < height && x < width;
                let pixel = (image * height + y) * width + x;
                pixels.push(if is_inside { pixel * channels } else { usize::MAX });
            }
        }
    }

    /// Products of a block, \[point\]\[tile\]\[lane\].
    fn multiply(&self, block: usize, rows: &[*const f32], targets: &[usize], products: &mut [f32]) {
        let (len, depth) = (targets.len(), self.source.depth);
        let weight = self.weight.block(block);
        let vectors = self.weight.blocks[block].vectors;
        let lanes = vectors * simd::width(self.set);
        for point in 0..self.winograd.points() {
            let tiles = Tiles {
                rows: rows[point * (len + TILES)..].as_ptr(),
                row_stride: len + TILES,
                num_rows: len,
                taps: 1,
                depth,
                fetch: false,
                weight: weight[point * depth * lanes..].as_ptr(),
                vectors,
                channels: lanes,
                scale: ONES.as_ptr(),
                shift: ZEROS.as_ptr(),
                activation: Activation::None,
                residual: std::ptr::null(),
                out: products[point * len * MAX_LANES..].as_mut_ptr(),
                stream: false,
                targets: targets.as_ptr(),
            };
            // SAFETY: `rows` holds, for this point, the address of `depth` values for each tile and for
            // as many more as a register tile has rows; the products of a tile have room for all
            // lanes. `set` comes from `InstructionSet::current`.
            unsafe { tiles_on(self.set, &tiles) };
        }
    }

    /// Writes the outputs of a block.
    fn write(&self, block: usize, pixels: &[usize], products: &[f32]) {
        let block = &self.weight.blocks[block];
        let outputs = Outputs {
            products: products.as_ptr(),
            tile_stride: MAX_LANES,
            pixels,
            channel: block.channel,
            channels: block.channels,
            scale: self.affine[block.channel..].as_ptr(),
            shift: self.affine[self.affine.len() / 2 + block.channel..].as_ptr(),
            residual: self.epilogue.residual.map_or(std::ptr::null(), <[f32]>::as_ptr),
            activation: self.epilogue.activation,
            out: self.out.get(),
        };
        // SAFETY: all products have been written; `pixels` are pixels of the output, whose channels these
        // are; no other piece has these tiles with this block. `set` comes from
        // `InstructionSet::current`.
        unsafe { write_outputs_on(self.set, self.winograd, &outputs) };
    }
}
