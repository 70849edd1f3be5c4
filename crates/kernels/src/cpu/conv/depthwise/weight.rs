//! Gradient of the weights of a depthwise convolution.

use rayon::prelude::*;

use super::taps::{Map, Phase, TapRow, row_taps};
use crate::cpu::scratch::Scratch;
use crate::cpu::simd::{self, InstructionSet, Simd, for_each_instruction_set};

/// Writes the gradient of the weights, \[channel\]\[tap\]. `phase` is that of the forward pass.
pub(in crate::cpu::conv) fn weight_gradient(
    set: InstructionSet,
    source: &Map<'_>,
    grad_out: &[f32],
    channels: usize,
    phase: &Phase,
    grad_weight: &mut [f32],
) {
    let padded = channels.next_multiple_of(simd::width(set));
    let num_taps = phase.num_taps();
    let rows = grad_out.len() / (phase.grid[1] * channels).max(1);
    assert_eq!(
        source.data.len() * phase.grid[0],
        rows * source.size[0] * source.size[1] * channels
    );
    // Chunks are a function of the shape alone.
    let rows_len = rows.div_ceil(32).max(1);
    let len = num_taps * padded;
    let mut sums = Scratch::new(rows.div_ceil(rows_len) * len);
    sums.par_chunks_mut(len.max(1)).with_max_len(1).enumerate().for_each(|(chunk, sums)| {
        sums.fill(0.0);
        for row in chunk * rows_len..rows.min((chunk + 1) * rows_len) {
            let taps =
                row_taps(source, phase, channels, padded, row / phase.grid[0], row % phase.grid[0]);
            let args = GradRow {
                taps: &taps,
                grad: grad_out[row * phase.grid[1] * channels..][..phase.grid[1] * channels]
                    .as_ptr(),
                padded,
                width: source.size[1] as isize,
                first: phase.columns.first,
                num_columns: phase.columns.kernel.len(),
                step: phase.columns.step,
                len: phase.grid[1],
                channels,
                sums: sums.as_mut_ptr(),
            };
            // SAFETY: each tap is a row of the source, `grad` a row of the gradient, and `sums`
            // holds whole vectors for each tap. `set` comes from `InstructionSet::current`.
            unsafe { grad_row_on(set, &args) };
        }
    });
    grad_weight.par_chunks_mut(num_taps.max(1)).enumerate().with_min_len(16).for_each(
        |(channel, grad)| {
            for (tap, grad) in grad.iter_mut().enumerate() {
                *grad = sums.chunks_exact(len).map(|chunk| chunk[tap * padded + channel]).sum();
            }
        },
    );
}

/// A row of the output's gradient.
struct GradRow<'a> {
    taps: &'a [TapRow],
    grad: *const f32,
    padded: usize,
    width: isize,
    first: isize,
    num_columns: usize,
    step: usize,
    len: usize,
    channels: usize,
    sums: *mut f32,
}

for_each_instruction_set! {
    fn grad_row_on = any_grad_row(row: &GradRow<'_>)
}

#[inline(always)]
unsafe fn any_grad_row<S: Simd>(row: &GradRow<'_>) {
    let mut channel = 0;
    while channel < row.channels {
        let partial = row.channels - channel < S::WIDTH;
        let mut tap = 0;
        while tap < row.taps.len() {
            // SAFETY: the caller's.
            unsafe {
                match (row.num_columns, row.step, partial) {
                    (3, 1, false) => grad_columns::<S, 3, 1>(row, tap, channel),
                    (5, 1, false) => grad_columns::<S, 5, 1>(row, tap, channel),
                    (3, 2, false) => grad_columns::<S, 3, 2>(row, tap, channel),
                    (5, 2, false) => grad_columns::<S, 5, 2>(row, tap, channel),
                    _ => {
                        for column in 0..row.num_columns {
                            grad_column::<S>(row, tap, column, channel);
                        }
                    }
                }
            }
            tap += 1;
        }
        channel += S::WIDTH;
    }
}

/// One tap of any row.
#[inline(always)]
unsafe fn grad_column<S: Simd>(row: &GradRow<'_>, tap: usize, column: usize, channel: usize) {
    // SAFETY: the caller's; only columns on the image are read.
    unsafe {
        let lanes = S::WIDTH.min(row.channels - channel);
        let TapRow { source, weights } = *row.taps.get_unchecked(tap);
        let target = row.sums.add(weights + column * row.padded + channel);
        let mut sum = S::load(target);
        for j in 0..row.len {
            let x = (j * row.step) as isize + row.first + column as isize;
            if 0 <= x && x < row.width {
                let value = S::load_first(source.add(x as usize * row.channels + channel), lanes);
                let grad = S::load_first(row.grad.add(j * row.channels + channel), lanes);
                sum = S::fma(value, grad, sum);
            }
        }
        S::store(target, sum);
    }
}

/// The taps of one row of the kernel.
#[inline(always)]
unsafe fn grad_columns<S: Simd, const TAPS: usize, const STEP: usize>(
    row: &GradRow<'_>,
    tap: usize,
    channel: usize,
) {
    // SAFETY: the caller's; only columns on the image are read.
    unsafe {
        let TapRow { source, weights } = *row.taps.get_unchecked(tap);
        let target = row.sums.add(weights + channel);
        let mut sums = [S::splat(0.0); TAPS];
        for k in 0..TAPS {
            sums[k] = S::load(target.add(k * row.padded));
        }
        let mut j = 0;
        while j < row.len {
            let x = (j * STEP) as isize + row.first;
            let grad = row.grad.add(j * row.channels + channel);
            let source = source.wrapping_offset(x * row.channels as isize).wrapping_add(channel);
            if j + 4 <= row.len && 0 <= x && x + (3 * STEP + TAPS) as isize <= row.width {
                if tap + 1 == row.taps.len() {
                    // What the next row reads anew: the hardware does not see the pattern.
                    for pixel in 0..4 {
                        S::prefetch(grad.wrapping_add((row.len + pixel) * row.channels));
                    }
                    for line in 1..=STEP {
                        let next = source.wrapping_add(line * row.width as usize * row.channels);
                        for column in 0..4 * STEP {
                            S::prefetch(next.wrapping_add(column * row.channels));
                        }
                    }
                }
                let mut grads = [S::splat(0.0); 4];
                for pixel in 0..4 {
                    grads[pixel] = S::load(grad.add(pixel * row.channels));
                }
                for column in 0..3 * STEP + TAPS {
                    let value = S::load(source.add(column * row.channels));
                    for pixel in 0..4 {
                        if pixel * STEP <= column && column < pixel * STEP + TAPS {
                            let k = column - pixel * STEP;
                            sums[k] = S::fma(value, grads[pixel], sums[k]);
                        }
                    }
                }
                j += 4;
            } else {
                let grad = S::load(grad);
                for k in 0..TAPS {
                    let x = x + k as isize;
                    if 0 <= x && x < row.width {
                        let value = S::load(source.wrapping_add(k * row.channels));
                        sums[k] = S::fma(value, grad, sums[k]);
                    }
                }
                j += 1;
            }
        }
        for k in 0..TAPS {
            S::store(target.add(k * row.padded), sums[k]);
        }
    }
}
