//! A row of the output of a depthwise convolution.

use super::taps::TapRow;
use crate::cpu::Activation;
use crate::cpu::simd::{self, Simd, for_each_instruction_set};

/// Pixels of a register tile.
const TILE: usize = 8;

/// A row of the output.
pub(super) struct Row<'a> {
    pub taps: &'a [TapRow],
    pub weight: *const f32,
    /// Channels with padding.
    pub padded: usize,
    /// Of the source, pixels.
    pub width: isize,
    /// Distance of the first column tap.
    pub first: isize,
    pub num_columns: usize,
    pub step: usize,
    /// Pixels that are written.
    pub len: usize,
    pub channels: usize,
    pub scale: *const f32,
    pub shift: *const f32,
    pub activation: Activation,
    /// Whether the output is written past the caches.
    pub stream: bool,
    /// Null where there is none; else like `out`.
    pub residual: *const f32,
    pub out: *mut f32,
    /// From one pixel that is written to the next, floats.
    pub out_step: usize,
}

for_each_instruction_set! {
    pub(super) fn row_on = any_row(row: &Row<'_>)
}

#[inline(always)]
unsafe fn any_row<S: Simd>(row: &Row<'_>) {
    // SAFETY: the caller's.
    unsafe {
        match (row.num_columns, row.step) {
            (1, 1) => tiles::<S, 1, 1>(row),
            (2, 1) => tiles::<S, 2, 1>(row),
            (3, 1) => tiles::<S, 3, 1>(row),
            (5, 1) => tiles::<S, 5, 1>(row),
            (3, 2) => tiles::<S, 3, 2>(row),
            (5, 2) => tiles::<S, 5, 2>(row),
            _ => {
                for j in 0..row.len {
                    let mut channel = 0;
                    while channel < row.channels {
                        pixel::<S>(row, j, channel);
                        channel += S::WIDTH;
                    }
                }
            }
        }
        S::fence();
    }
}

/// One pixel and vector with any number of taps and any step.
#[inline(always)]
unsafe fn pixel<S: Simd>(row: &Row<'_>, j: usize, channel: usize) {
    // SAFETY: the caller's; only columns on the image are read.
    unsafe {
        let lanes = S::WIDTH.min(row.channels - channel);
        let mut sum = S::splat(0.0);
        for TapRow { source, weights } in row.taps {
            for column in 0..row.num_columns {
                let x = (j * row.step) as isize + row.first + column as isize;
                if 0 <= x && x < row.width {
                    let value = source.add(x as usize * row.channels + channel);
                    let weight = row.weight.add(weights + column * row.padded + channel);
                    sum = S::fma(S::load_first(value, lanes), S::load(weight), sum);
                }
            }
        }
        finish::<S, 1, true>(row, j, channel, [sum]);
    }
}

#[inline(always)]
unsafe fn tiles<S: Simd, const TAPS: usize, const STEP: usize>(row: &Row<'_>) {
    let mut j = 0;
    while j < row.len {
        let left = row.len - j;
        // A tile may overlap the one before: the same values are written again.
        // SAFETY: the caller's.
        unsafe {
            if left > TILE / 2 && row.len >= TILE {
                j = j.min(row.len - TILE);
                columns::<S, TAPS, STEP, TILE>(row, j);
                j += TILE;
            } else if left > 1 && row.len >= TILE / 2 {
                j = j.min(row.len - TILE / 2);
                columns::<S, TAPS, STEP, { TILE / 2 }>(row, j);
                j += TILE / 2;
            } else {
                columns::<S, TAPS, STEP, 1>(row, j);
                j += 1;
            }
        }
    }
}

/// `PIXELS` neighbouring pixels, all channels.
#[inline(always)]
unsafe fn columns<S: Simd, const TAPS: usize, const STEP: usize, const PIXELS: usize>(
    row: &Row<'_>,
    j: usize,
) {
    let x = (j * STEP) as isize + row.first;
    let inside = 0 <= x && x + ((PIXELS - 1) * STEP + TAPS) as isize <= row.width;
    let whole = row.channels / S::WIDTH * S::WIDTH;
    // SAFETY: the caller's.
    unsafe {
        let mut channel = 0;
        if inside {
            while channel < whole {
                tile::<S, TAPS, STEP, PIXELS, true, false>(row, j, x, channel);
                channel += S::WIDTH;
            }
        } else {
            while channel < whole {
                tile::<S, TAPS, STEP, PIXELS, false, false>(row, j, x, channel);
                channel += S::WIDTH;
            }
        }
        if channel < row.channels {
            tile::<S, TAPS, STEP, PIXELS, false, true>(row, j, x, channel);
        }
    }
}

#[inline(always)]
unsafe fn tile<
    S: Simd,
    const TAPS: usize,
    const STEP: usize,
    const PIXELS: usize,
    const INSIDE: bool,
    const PARTIAL: bool,
>(
    row: &Row<'_>,
    j: usize,
    x: isize,
    channel: usize,
) {
    // SAFETY: the caller's; only columns on the image are read.
    unsafe {
        let lanes = row.channels - channel;
        let mut sums = [S::splat(0.0); PIXELS];
        let mut tap = 0;
        while tap < row.taps.len() {
            let TapRow { source, weights } = *row.taps.get_unchecked(tap);
            if INSIDE && PIXELS == TILE && tap + STEP >= row.taps.len() {
                // The rows that no row before has read, for the next tile: the hardware does not
                // see the pattern.
                let next = (x + (TILE * STEP) as isize) * row.channels as isize;
                for pixel in 0..PIXELS * STEP {
                    let address = source.wrapping_offset(next).wrapping_add(channel);
                    S::prefetch(address.wrapping_add(pixel * row.channels));
                }
            }
            let mut weight = [S::splat(0.0); TAPS];
            for k in 0..TAPS {
                weight[k] = S::load(row.weight.add(weights + k * row.padded + channel));
            }
            for column in 0..(PIXELS - 1) * STEP + TAPS {
                let x = x + column as isize;
                let value = if INSIDE || (0 <= x && x < row.width) {
                    let source = source.offset(x * row.channels as isize).add(channel);
                    if PARTIAL { S::load_first(source, lanes) } else { S::load(source) }
                } else {
                    S::splat(0.0)
                };
                for pixel in 0..PIXELS {
                    if pixel * STEP <= column && column < pixel * STEP + TAPS {
                        sums[pixel] = S::fma(value, weight[column - pixel * STEP], sums[pixel]);
                    }
                }
            }
            tap += 1;
        }
        finish::<S, PIXELS, PARTIAL>(row, j, channel, sums);
    }
}

/// The epilogue, and the writing.
#[inline(always)]
unsafe fn finish<S: Simd, const PIXELS: usize, const PARTIAL: bool>(
    row: &Row<'_>,
    j: usize,
    channel: usize,
    mut sums: [S::Vector; PIXELS],
) {
    // SAFETY: the caller's.
    unsafe {
        let lanes = S::WIDTH.min(row.channels - channel);
        let scale = S::load(row.scale.add(channel));
        let shift = S::load(row.shift.add(channel));
        for pixel in 0..PIXELS {
            sums[pixel] = S::fma(sums[pixel], scale, shift);
        }
        if !row.residual.is_null() {
            for pixel in 0..PIXELS {
                let residual = row.residual.add((j + pixel) * row.out_step + channel);
                sums[pixel] = S::add(sums[pixel], S::load_first(residual, lanes));
            }
        }
        match row.activation {
            Activation::None => {}
            Activation::Relu => {
                for pixel in 0..PIXELS {
                    sums[pixel] = S::max(S::splat(0.0), sums[pixel]);
                }
            }
            Activation::Relu6 => {
                for pixel in 0..PIXELS {
                    let positive = S::max(S::splat(0.0), sums[pixel]);
                    sums[pixel] = S::min(S::splat(6.0), positive);
                }
            }
            Activation::Silu => {
                for pixel in 0..PIXELS {
                    sums[pixel] = S::mul(sums[pixel], simd::sigmoid::<S>(sums[pixel]));
                }
            }
            Activation::Gelu => {
                for pixel in 0..PIXELS {
                    sums[pixel] = simd::gelu::<S>(sums[pixel]);
                }
            }
        }
        for pixel in 0..PIXELS {
            let out = row.out.add((j + pixel) * row.out_step + channel);
            if PARTIAL {
                S::store_first(out, sums[pixel], lanes);
            } else if row.stream {
                S::stream(out, sums[pixel]);
            } else {
                S::store(out, sums[pixel]);
            }
        }
    }
}
