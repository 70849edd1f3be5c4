//! The three transforms. Each is that of a line, applied to columns, then to rows.

use crate::cpu::Activation;
use crate::cpu::simd::{self, Simd, for_each_instruction_set};

/// Products of tiles, and where the outputs go.
pub(super) struct Outputs<'a> {
    /// \[point\]\[tile\]\[lane\].
    pub products: *const f32,
    /// From the products of a tile to those of the next.
    pub tile_stride: usize,
    /// For each tile, where its four pixels start; `usize::MAX` where there is none.
    pub pixels: &'a [[usize; 4]],
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
    pub(super) fn transform_weights_on = transform_weights(
        kernels: *const f32,
        len: usize,
        target: *mut f32,
    )
}

for_each_instruction_set! {
    pub(super) fn transform_inputs_on = transform_inputs(
        table: *const *const f32,
        num_tiles: usize,
        depth: usize,
        pitch: usize,
        target: *mut f32,
    )
}

for_each_instruction_set! {
    pub(super) fn write_outputs_on = write_outputs(outputs: &Outputs<'_>)
}

/// G g Gᵀ of `len` kernels.
#[inline(always)]
unsafe fn transform_weights<S: Simd>(kernels: *const f32, len: usize, target: *mut f32) {
    // SAFETY: the caller's: nine times `len` values are read, 16 times `len` written.
    unsafe {
        for at in (0..len).step_by(S::WIDTH) {
            let mut columns = [[S::splat(0.0); 4]; 3];
            for j in 0..3 {
                let [a, b, c] = [0, 1, 2].map(|i| i * 3 + j);
                columns[j] = kernel_line::<S>(
                    S::load(kernels.add(a * len + at)),
                    S::load(kernels.add(b * len + at)),
                    S::load(kernels.add(c * len + at)),
                );
            }
            for i in 0..4 {
                let row = kernel_line::<S>(columns[0][i], columns[1][i], columns[2][i]);
                for j in 0..4 {
                    S::store(target.add((i * 4 + j) * len + at), row[j]);
                }
            }
        }
    }
}

/// Bᵀ d B of each tile and depth.
#[inline(always)]
unsafe fn transform_inputs<S: Simd>(
    table: *const *const f32,
    num_tiles: usize,
    depth: usize,
    pitch: usize,
    target: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        for tile in 0..num_tiles {
            let mut sources = [std::ptr::null(); 16];
            for (point, source) in sources.iter_mut().enumerate() {
                *source = *table.add(point * num_tiles + tile);
            }
            let target = target.add(tile * pitch);
            let mut at = 0;
            while at + S::WIDTH <= depth {
                input_vector::<S, false>(&sources, at, 0, num_tiles * pitch, target);
                at += S::WIDTH;
            }
            if at < depth {
                input_vector::<S, true>(&sources, at, depth - at, num_tiles * pitch, target);
            }
        }
    }
}

/// `PARTIAL`: there are only `lanes`; the others are taken to be 0.
#[inline(always)]
unsafe fn input_vector<S: Simd, const PARTIAL: bool>(
    sources: &[*const f32; 16],
    at: usize,
    lanes: usize,
    point_stride: usize,
    target: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut columns = [[S::splat(0.0); 4]; 4];
        for j in 0..4 {
            let mut line = [S::splat(0.0); 4];
            for i in 0..4 {
                let source = sources[i * 4 + j].add(at);
                line[i] = if PARTIAL { S::load_first(source, lanes) } else { S::load(source) };
            }
            columns[j] = input_line::<S>(line);
        }
        for i in 0..4 {
            let row = input_line::<S>([columns[0][i], columns[1][i], columns[2][i], columns[3][i]]);
            for j in 0..4 {
                S::store(target.add((i * 4 + j) * point_stride + at), row[j]);
            }
        }
    }
}

/// Aᵀ m A of each tile and channel, the epilogue, and the writing.
#[inline(always)]
unsafe fn write_outputs<S: Simd>(outputs: &Outputs<'_>) {
    // SAFETY: the caller's.
    unsafe {
        for (tile, pixels) in outputs.pixels.iter().enumerate() {
            let products = outputs.products.add(tile * outputs.tile_stride);
            let mut at = 0;
            while at + S::WIDTH <= outputs.channels {
                output_vector::<S, false>(outputs, products, pixels, at);
                at += S::WIDTH;
            }
            if at < outputs.channels {
                output_vector::<S, true>(outputs, products, pixels, at);
            }
        }
    }
}

#[inline(always)]
unsafe fn output_vector<S: Simd, const PARTIAL: bool>(
    outputs: &Outputs<'_>,
    products: *const f32,
    pixels: &[usize; 4],
    at: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let point_stride = outputs.pixels.len() * outputs.tile_stride;
        let mut columns = [[S::splat(0.0); 2]; 4];
        for j in 0..4 {
            let mut line = [S::splat(0.0); 4];
            for i in 0..4 {
                line[i] = S::load(products.add((i * 4 + j) * point_stride + at));
            }
            columns[j] = output_line::<S>(line);
        }
        let lanes = outputs.channels - at;
        let (scale, shift) = (S::load(outputs.scale.add(at)), S::load(outputs.shift.add(at)));
        for i in 0..2 {
            let row =
                output_line::<S>([columns[0][i], columns[1][i], columns[2][i], columns[3][i]]);
            for j in 0..2 {
                let pixel = pixels[i * 2 + j];
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
                value = match outputs.activation {
                    Activation::None => value,
                    Activation::Relu => S::max(S::splat(0.0), value),
                    Activation::Silu => S::mul(value, simd::sigmoid::<S>(value)),
                };
                if PARTIAL {
                    S::store_first(outputs.out.add(offset), value, lanes);
                } else {
                    S::store(outputs.out.add(offset), value);
                }
            }
        }
    }
}

/// (a, (a + b + c) / 2, (a - b + c) / 2, c).
#[inline(always)]
unsafe fn kernel_line<S: Simd>(a: S::Vector, b: S::Vector, c: S::Vector) -> [S::Vector; 4] {
    // SAFETY: the caller's.
    unsafe {
        let (half, ends) = (S::splat(0.5), S::add(a, c));
        [a, S::mul(half, S::add(ends, b)), S::mul(half, S::sub(ends, b)), c]
    }
}

/// (a - c, b + c, c - b, b - d).
#[inline(always)]
unsafe fn input_line<S: Simd>([a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 4] {
    // SAFETY: the caller's.
    unsafe { [S::sub(a, c), S::add(b, c), S::sub(c, b), S::sub(b, d)] }
}

/// (a + b + c, b - c - d).
#[inline(always)]
unsafe fn output_line<S: Simd>([a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 2] {
    // SAFETY: the caller's.
    unsafe { [S::add(S::add(a, b), c), S::sub(S::sub(b, c), d)] }
}
