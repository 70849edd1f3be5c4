//! The transforms of outputs and of gradients. Each is that of a line, applied to columns, then to rows.

use std::ops::Range;

use super::filtering::Winograd;
use super::lines::{F2, F4, Lines};
use crate::cpu::Activation;
use crate::cpu::conv::direct::tile::activated;
use crate::cpu::conv::pack::Block;
use crate::cpu::simd::{Simd, for_each_instruction_set};

/// Where the inputs of tiles are, and where they go, transformed.
pub(super) struct Inputs {
    /// \[point\]\[tile\], addresses of `depth` values.
    pub table: *const *const f32,
    pub num_tiles: usize,
    pub depth: usize,
    /// From the inputs of a tile and point to those of the next.
    pub pitch: usize,
    /// From the inputs of a point to those of the next.
    pub point_stride: usize,
    /// \[point\]\[tile\]\[depth\].
    pub target: *mut f32,
}

/// Where the gradients of the outputs of tiles are, and where they go, transformed.
pub(super) struct Gradients<'a> {
    /// \[pixel\]\[tile\], addresses of the channels of all blocks.
    pub table: *const *const f32,
    pub num_tiles: usize,
    pub blocks: &'a [Block],
    /// Tiles of the target, and which of them is the first here.
    pub len: usize,
    pub start: usize,
    /// From the gradients of a point to those of the next.
    pub point_stride: usize,
    /// \[point\]\[block\]\[tile\]\[lane\].
    pub target: *mut f32,
}

/// Products of tiles, and where the outputs go.
pub(super) struct Outputs<'a> {
    /// \[point\]\[tile\]\[lane\].
    pub products: *const f32,
    /// From the products of a tile to those of the next.
    pub tile_stride: usize,
    /// \[tile\]\[pixel\], where a pixel starts; `usize::MAX` where there is none.
    pub pixels: &'a [usize],
    /// The first channel that is written.
    pub channel: usize,
    pub channels: usize,
    /// For whole vectors.
    pub scale: *const f32,
    pub shift: *const f32,
    pub activation: Activation,
    /// Null where there is none; else as the output.
    pub residual: *const f32,
    pub out: *mut f32,
}

for_each_instruction_set! {
    pub(super) fn transform_weights_on = any_weights(
        winograd: Winograd,
        kernels: *const f32,
        len: usize,
        target: *mut f32,
    )
}

for_each_instruction_set! {
    pub(super) fn transform_inputs_on = any_inputs(winograd: Winograd, inputs: &Inputs)
}

for_each_instruction_set! {
    pub(super) fn write_outputs_on = any_outputs(winograd: Winograd, outputs: &Outputs<'_>)
}

for_each_instruction_set! {
    pub(super) fn transform_gradients_on = any_gradients(
        winograd: Winograd,
        gradients: &Gradients<'_>,
    )
}

for_each_instruction_set! {
    pub(super) fn transform_sums_on = any_sums(
        winograd: Winograd,
        sums: *const f32,
        len: usize,
        range: Range<usize>,
        target: *mut f32,
    )
}

#[inline(always)]
unsafe fn any_gradients<S: Simd>(winograd: Winograd, gradients: &Gradients<'_>) {
    // SAFETY: the caller's.
    unsafe {
        match winograd {
            Winograd::F2 => transform_gradients::<S, F2, 2, 4>(gradients),
            Winograd::F4 => transform_gradients::<S, F4, 4, 6>(gradients),
        }
    }
}

#[inline(always)]
unsafe fn any_sums<S: Simd>(
    winograd: Winograd,
    sums: *const f32,
    len: usize,
    range: Range<usize>,
    target: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        match winograd {
            Winograd::F2 => transform_sums::<S, F2, 2, 4>(sums, len, range, target),
            Winograd::F4 => transform_sums::<S, F4, 4, 6>(sums, len, range, target),
        }
    }
}

#[inline(always)]
unsafe fn any_weights<S: Simd>(
    winograd: Winograd,
    kernels: *const f32,
    len: usize,
    target: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        match winograd {
            Winograd::F2 => transform_weights::<S, F2, 2, 4>(kernels, len, target),
            Winograd::F4 => transform_weights::<S, F4, 4, 6>(kernels, len, target),
        }
    }
}

#[inline(always)]
unsafe fn any_inputs<S: Simd>(winograd: Winograd, inputs: &Inputs) {
    // SAFETY: the caller's.
    unsafe {
        match winograd {
            Winograd::F2 => transform_inputs::<S, F2, 2, 4>(inputs),
            Winograd::F4 => transform_inputs::<S, F4, 4, 6>(inputs),
        }
    }
}

#[inline(always)]
unsafe fn any_outputs<S: Simd>(winograd: Winograd, outputs: &Outputs<'_>) {
    // SAFETY: the caller's.
    unsafe {
        match winograd {
            Winograd::F2 => write_outputs::<S, F2, 2, 4>(outputs),
            Winograd::F4 => write_outputs::<S, F4, 4, 6>(outputs),
        }
    }
}

/// G g Gᵀ of `len` kernels.
#[inline(always)]
unsafe fn transform_weights<S: Simd, L: Lines<M, T>, const M: usize, const T: usize>(
    kernels: *const f32,
    len: usize,
    target: *mut f32,
) {
    // SAFETY: the caller's: nine times `len` values are read, T² times `len` written.
    unsafe {
        for at in (0..len).step_by(S::WIDTH) {
            let mut columns = [[S::splat(0.0); T]; 3];
            for j in 0..3 {
                let line = [0, 1, 2].map(|i| S::load(kernels.add((i * 3 + j) * len + at)));
                columns[j] = L::kernel::<S>(line);
            }
            for i in 0..T {
                let row = L::kernel::<S>([columns[0][i], columns[1][i], columns[2][i]]);
                for j in 0..T {
                    S::store(target.add((i * T + j) * len + at), row[j]);
                }
            }
        }
    }
}

/// Gᵀ m G of those of `len` sums that are in `range`.
#[inline(always)]
unsafe fn transform_sums<S: Simd, L: Lines<M, T>, const M: usize, const T: usize>(
    sums: *const f32,
    len: usize,
    range: Range<usize>,
    target: *mut f32,
) {
    // SAFETY: the caller's: of T² times `len` values some are read, of nine times `len` written.
    unsafe {
        for at in range.step_by(S::WIDTH) {
            let mut columns = [[S::splat(0.0); 3]; T];
            for j in 0..T {
                let mut line = [S::splat(0.0); T];
                for i in 0..T {
                    line[i] = S::load(sums.add((i * T + j) * len + at));
                }
                columns[j] = L::kernel_transposed::<S>(line);
            }
            for i in 0..3 {
                let mut line = [S::splat(0.0); T];
                for j in 0..T {
                    line[j] = columns[j][i];
                }
                let row = L::kernel_transposed::<S>(line);
                for j in 0..3 {
                    S::store(target.add((i * 3 + j) * len + at), row[j]);
                }
            }
        }
    }
}

/// A y Aᵀ of each tile and channel.
#[inline(always)]
unsafe fn transform_gradients<S: Simd, L: Lines<M, T>, const M: usize, const T: usize>(
    gradients: &Gradients<'_>,
) {
    // SAFETY: the caller's.
    unsafe {
        for tile in 0..gradients.num_tiles {
            let mut sources = [[std::ptr::null(); M]; M];
            for i in 0..M {
                for j in 0..M {
                    sources[i][j] = *gradients.table.add((i * M + j) * gradients.num_tiles + tile);
                }
            }
            for block in gradients.blocks {
                let row = (gradients.start + tile) * block.vectors * S::WIDTH;
                let target = gradients.target.add(block.channel * gradients.len + row);
                for v in 0..block.vectors {
                    let at = v * S::WIDTH;
                    let target = target.add(at);
                    if at + S::WIDTH <= block.channels {
                        gradient_vector::<S, L, M, T, false>(
                            gradients, &sources, block, at, target,
                        );
                    } else {
                        gradient_vector::<S, L, M, T, true>(gradients, &sources, block, at, target);
                    }
                }
            }
        }
    }
}

/// `PARTIAL`: not all lanes from `at` on have a channel; the others are taken to be 0.
#[inline(always)]
unsafe fn gradient_vector<
    S: Simd,
    L: Lines<M, T>,
    const M: usize,
    const T: usize,
    const PARTIAL: bool,
>(
    gradients: &Gradients<'_>,
    sources: &[[*const f32; M]; M],
    block: &Block,
    at: usize,
    target: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let lanes = block.channels - at;
        let mut columns = [[S::splat(0.0); T]; M];
        for j in 0..M {
            let mut line = [S::splat(0.0); M];
            for i in 0..M {
                let source = sources[i][j].add(block.channel + at);
                line[i] = if PARTIAL { S::load_first(source, lanes) } else { S::load(source) };
            }
            columns[j] = L::output_transposed::<S>(line);
        }
        for i in 0..T {
            let mut line = [S::splat(0.0); M];
            for j in 0..M {
                line[j] = columns[j][i];
            }
            let row = L::output_transposed::<S>(line);
            for j in 0..T {
                S::store(target.add((i * T + j) * gradients.point_stride), row[j]);
            }
        }
    }
}

/// Bᵀ d B of each tile and depth.
#[inline(always)]
unsafe fn transform_inputs<S: Simd, L: Lines<M, T>, const M: usize, const T: usize>(
    inputs: &Inputs,
) {
    // SAFETY: the caller's.
    unsafe {
        for tile in 0..inputs.num_tiles {
            let mut sources = [[std::ptr::null(); T]; T];
            for i in 0..T {
                for j in 0..T {
                    sources[i][j] = *inputs.table.add((i * T + j) * inputs.num_tiles + tile);
                }
            }
            let mut at = 0;
            while at + S::WIDTH <= inputs.depth {
                input_vector::<S, L, M, T, false>(inputs, &sources, tile, at);
                at += S::WIDTH;
            }
            if at < inputs.depth {
                input_vector::<S, L, M, T, true>(inputs, &sources, tile, at);
            }
        }
    }
}

/// `PARTIAL`: not all lanes have a depth; the others are taken to be 0.
#[inline(always)]
unsafe fn input_vector<
    S: Simd,
    L: Lines<M, T>,
    const M: usize,
    const T: usize,
    const PARTIAL: bool,
>(
    inputs: &Inputs,
    sources: &[[*const f32; T]; T],
    tile: usize,
    at: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let lanes = inputs.depth - at;
        let mut columns = [[S::splat(0.0); T]; T];
        for j in 0..T {
            let mut line = [S::splat(0.0); T];
            for i in 0..T {
                let source = sources[i][j].add(at);
                line[i] = if PARTIAL { S::load_first(source, lanes) } else { S::load(source) };
            }
            columns[j] = L::input::<S>(line);
        }
        for i in 0..T {
            let mut line = [S::splat(0.0); T];
            for j in 0..T {
                line[j] = columns[j][i];
            }
            let row = L::input::<S>(line);
            for j in 0..T {
                let point = (i * T + j) * inputs.point_stride;
                S::store(inputs.target.add(point + tile * inputs.pitch + at), row[j]);
            }
        }
    }
}

/// Aᵀ m A of each tile and channel, the epilogue, and the writing.
#[inline(always)]
unsafe fn write_outputs<S: Simd, L: Lines<M, T>, const M: usize, const T: usize>(
    outputs: &Outputs<'_>,
) {
    // SAFETY: the caller's.
    unsafe {
        for tile in 0..outputs.pixels.len() / (M * M) {
            let mut at = 0;
            while at + S::WIDTH <= outputs.channels {
                output_vector::<S, L, M, T, false>(outputs, tile, at);
                at += S::WIDTH;
            }
            if at < outputs.channels {
                output_vector::<S, L, M, T, true>(outputs, tile, at);
            }
        }
    }
}

#[inline(always)]
unsafe fn output_vector<
    S: Simd,
    L: Lines<M, T>,
    const M: usize,
    const T: usize,
    const PARTIAL: bool,
>(
    outputs: &Outputs<'_>,
    tile: usize,
    at: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let products = outputs.products.add(tile * outputs.tile_stride + at);
        let point_stride = outputs.pixels.len() / (M * M) * outputs.tile_stride;
        let mut columns = [[S::splat(0.0); M]; T];
        for j in 0..T {
            let mut line = [S::splat(0.0); T];
            for i in 0..T {
                line[i] = S::load(products.add((i * T + j) * point_stride));
            }
            columns[j] = L::output::<S>(line);
        }
        let lanes = outputs.channels - at;
        let (scale, shift) = (S::load(outputs.scale.add(at)), S::load(outputs.shift.add(at)));
        for i in 0..M {
            let mut line = [S::splat(0.0); T];
            for j in 0..T {
                line[j] = columns[j][i];
            }
            let row = L::output::<S>(line);
            for j in 0..M {
                let pixel = *outputs.pixels.get_unchecked((tile * M + i) * M + j);
                if pixel == usize::MAX {
                    continue;
                }
                let mut value = S::fma(row[j], scale, shift);
                let offset = pixel + outputs.channel + at;
                if !outputs.residual.is_null() {
                    let residual = outputs.residual.add(offset);
                    let residual =
                        if PARTIAL { S::load_first(residual, lanes) } else { S::load(residual) };
                    value = S::add(value, residual);
                }
                value = activated::<S>(outputs.activation, value);
                if PARTIAL {
                    S::store_first(outputs.out.add(offset), value, lanes);
                } else {
                    S::store(outputs.out.add(offset), value);
                }
            }
        }
    }
}
