//! Gradient of the weights by minimal filtering.
//!
//! Outputs are Aᵀ((G g Gᵀ) ⊙ (Bᵀ d B)) A of weights g and inputs d of each tile. With the gradients y of a tile's
//! outputs, that of the weights is Gᵀ(Σ (A y Aᵀ) ⊙ (Bᵀ d B)) G: the sums over tiles are products of matrices,
//! one for each point.

use rayon::prelude::*;

use super::Winograd;
use super::transform::{
    Gradients, Inputs, transform_gradients_on, transform_inputs_on, transform_sums_on,
};
use crate::cpu::Precision;
use crate::cpu::conv::pack::pitch;
use crate::cpu::conv::source::{Positions, Source};
use crate::cpu::conv::weight::{Order, Sums};
use crate::cpu::scratch::{Scratch, Shared};
use crate::cpu::simd::{self, InstructionSet};

/// Numbers of a point, of inputs and gradients together, that are multiplied at a time.
const CACHE_FLOATS: usize = 32 * 1024;

/// Tiles that are multiplied at a time, at least: the sums of many channels leave the caches in between.
const MIN_TILES: usize = 128;

/// Tiles that a task transforms.
const TILES: usize = 8;

/// Vectors of sums that a task transforms back.
const VECTORS: usize = 64;

/// Blocks of channels that a task multiplies.
const BLOCKS: usize = 4;

/// Taps of a kernel.
const TAPS: usize = 9;

impl Winograd {
    /// Writes the gradient of the weights as \[channel\]\[depth\]\[tap\]. `source` are the inputs, `origin` is that of
    /// the outputs in them, `grad_out` are the gradients of the outputs.
    pub(in crate::cpu::conv) fn weight_gradient(
        self,
        set: InstructionSet,
        source: &Source<'_>,
        origin: [isize; 2],
        grad_out: &Source<'_>,
        batch: usize,
        grad_weight: &mut [f32],
    ) {
        let (depth, width) = (source.depth, simd::width(set));
        let sums = Sums::new(grad_out.depth, self.points(), depth, width);
        let mut zeros = Scratch::new(depth.max(grad_out.depth));
        zeros.fill(0.0);
        let positions = self.positions(origin, grad_out.size);
        let num_tiles = batch * positions.per_image();
        let channels = grad_out.depth.next_multiple_of(width);
        // The width of a vector must not change the order of a sum.
        let fit = (CACHE_FLOATS / (depth + grad_out.depth)).max(MIN_TILES);
        // Parts of one length.
        let len = num_tiles.div_ceil(num_tiles.div_ceil(fit));
        let pitch = pitch(depth);
        let mut inputs = Scratch::new(self.points() * len * pitch);
        let mut gradients = Scratch::new(self.points() * len * channels);
        let mut data = Scratch::new(sums.len());
        data.fill(0.0);
        let work = Work {
            winograd: self,
            set,
            source,
            grad_out,
            positions,
            outputs: self.outputs(grad_out.size),
            zeros,
            pitch,
            channels,
            inputs: Shared(inputs.as_mut_ptr()),
            gradients: Shared(gradients.as_mut_ptr()),
            sums,
            data: Shared(data.as_mut_ptr()),
        };
        for first in (0..num_tiles).step_by(len) {
            let len = len.min(num_tiles - first);
            work.transform(first, len);
            work.multiply(len);
        }
        work.write(grad_weight);
    }

    /// Tiles of outputs of `size`, with their pixels as taps.
    fn outputs(self, size: [usize; 2]) -> Positions {
        let side = self.side();
        let taps = (0..side * side).map(|pixel| [pixel / side, pixel % side].map(|at| at as isize));
        Positions { grid: self.tiles(size), step: [side; 2], taps: taps.collect() }
    }
}

/// A sum over tiles, some of them at a time.
struct Work<'a> {
    winograd: Winograd,
    set: InstructionSet,
    source: &'a Source<'a>,
    grad_out: &'a Source<'a>,
    /// Of the inputs of tiles, and of their outputs.
    positions: Positions,
    outputs: Positions,
    zeros: Scratch,
    /// From one row of transformed inputs to the next.
    pitch: usize,
    /// Channels of the outputs in whole vectors.
    channels: usize,
    /// \[point\]\[tile\]\[depth\].
    inputs: Shared<*mut f32>,
    /// \[point\]\[block\]\[tile\]\[lane\].
    gradients: Shared<*mut f32>,
    /// With points for taps.
    sums: Sums,
    data: Shared<*mut f32>,
}

impl Work<'_> {
    /// Transforms inputs and gradients of `len` tiles from `first` on.
    fn transform(&self, first: usize, len: usize) {
        let Self { winograd, set, pitch, channels, .. } = *self;
        let starts: Vec<usize> = (0..len).step_by(TILES).collect();
        starts.par_iter().for_each_init(Vec::new, |table, &start| {
            let num_tiles = TILES.min(len - start);
            let zeros = &self.zeros;
            self.positions.addresses(
                self.source,
                zeros,
                first + start,
                num_tiles,
                num_tiles,
                table,
            );
            let inputs = Inputs {
                table: table.as_ptr(),
                num_tiles,
                depth: self.source.depth,
                pitch,
                point_stride: len * pitch,
                target: self.inputs.get().wrapping_add(start * pitch),
            };
            // SAFETY: the table holds, for each point and tile, an address that is good for `depth` values; the
            // buffer has rows for all points and tiles, each with room for whole vectors, and those of these
            // tiles are this task's own. `set` comes from `InstructionSet::current`.
            unsafe { transform_inputs_on(set, winograd, &inputs) };
            self.outputs.addresses(
                self.grad_out,
                zeros,
                first + start,
                num_tiles,
                num_tiles,
                table,
            );
            let gradients = Gradients {
                table: table.as_ptr(),
                num_tiles,
                blocks: &self.sums.blocks,
                len,
                start,
                point_stride: len * channels,
                target: self.gradients.get(),
            };
            // SAFETY: the same of pixels, the channels of the blocks, and the rows of their lanes.
            unsafe { transform_gradients_on(set, winograd, &gradients) };
        });
    }

    /// Adds the products of `len` tiles to the sums.
    fn multiply(&self, len: usize) {
        let Self { set, pitch, channels, ref sums, data, .. } = *self;
        let num_blocks = sums.blocks.len();
        let groups = num_blocks.div_ceil(BLOCKS);
        let tasks = 0..self.winograd.points() * groups;
        tasks.into_par_iter().with_max_len(1).for_each_init(Vec::new, |rows, task| {
            let (point, first) = (task / groups, task % groups * BLOCKS);
            let inputs = self.inputs.get().cast_const();
            rows.clear();
            rows.extend((0..len).map(|tile| inputs.wrapping_add((point * len + tile) * pitch)));
            let (blocks, depths) = (first..num_blocks.min(first + BLOCKS), 0..self.source.depth);
            let start = (point * channels + sums.blocks[first].channel) * len;
            let gradients = self.gradients.get().cast_const().wrapping_add(start);
            // SAFETY: `rows` are the inputs of the point, `depth` values each; from `gradients` on there are
            // those of the blocks; no other task has this point's sums of these blocks. `set` comes
            // from `InstructionSet::current`.
            unsafe {
                sums.add(set, Precision::F32, point, &blocks, &depths, rows, gradients, data.get());
            }
        });
    }

    /// Transforms the sums back and writes them.
    fn write(&self, grad_weight: &mut [f32]) {
        let Self { winograd, set, ref sums, source, .. } = *self;
        let kernels = Sums::new(self.grad_out.depth, TAPS, source.depth, simd::width(set));
        let mut gradients = Scratch::new(kernels.len());
        let target = Shared(gradients.as_mut_ptr());
        let step = VECTORS * simd::width(set);
        let parts = |block: usize| {
            let len = source.depth * sums.lanes(block);
            (0..len).step_by(step).map(move |first| (block, len, first..len.min(first + step)))
        };
        let parts: Vec<_> = (0..sums.blocks.len()).flat_map(parts).collect();
        parts.into_par_iter().for_each(|(block, len, range)| {
            let from = self.data.get().wrapping_add(sums.offsets[block]).cast_const();
            let to = target.get().wrapping_add(kernels.offsets[block]);
            // SAFETY: there are `len` sums for each point, and room for as many of each tap; the range is this
            // task's own. `set` comes from `InstructionSet::current`.
            unsafe { transform_sums_on(set, winograd, from, len, range, to) };
        });
        kernels.combine(&gradients, 1, Order::DepthTap, grad_weight);
    }
}
