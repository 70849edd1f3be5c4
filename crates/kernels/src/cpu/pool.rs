//! Max pooling.
//!
//! The loops are plain; the compiler makes vectors of them for each instruction set.

use std::ops::Range;

use rayon::prelude::*;

use super::PoolShape;
use super::simd::{InstructionSet, Simd, for_each_instruction_set};

/// Input rows whose gradient a task writes.
const ROWS: usize = 16;

/// Maximum of each window; what is not a number counts as the largest.
///
/// # Shapes
///
/// Those of [`PoolShape`].
pub fn max_pool_forward(shape: &PoolShape, x: &[f32], out: &mut [f32]) {
    shape.check(x.len(), out.len());
    if out.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    let [height, width] = shape.out_size();
    out.par_chunks_mut(width * shape.channels).enumerate().for_each(|(row, out)| {
        // SAFETY: `set` comes from `InstructionSet::current`.
        unsafe { row_on(set, shape, x, row / height, row % height, out) }
    });
}

/// Gradient of [`max_pool_forward`]: goes to the first maximum of each window, as in PyTorch.
///
/// # Shapes
///
/// Those of [`PoolShape`].
pub fn max_pool_backward(shape: &PoolShape, x: &[f32], grad_out: &[f32], grad_in: &mut [f32]) {
    shape.check(x.len(), grad_out.len());
    assert_eq!(x.len(), grad_in.len());
    if grad_in.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    let [height, width] = shape.in_size;
    let row = width * shape.channels;
    grad_in.par_chunks_mut(height * row).enumerate().for_each(|(image, grad_in)| {
        grad_in.par_chunks_mut(ROWS * row).enumerate().for_each(|(band, grad_in)| {
            grad_in.fill(0.0);
            let rows = band * ROWS..height.min((band + 1) * ROWS);
            // SAFETY: `grad_in` is these rows of the image. `set` comes from
            // `InstructionSet::current`.
            unsafe { gradient_on(set, shape, x, image, rows, grad_out, grad_in) }
        });
    });
}

/// The rows (`axis` 0) or columns (1) of a window that lie on the image.
#[inline(always)]
pub(super) fn window(shape: &PoolShape, axis: usize, position: usize) -> Range<usize> {
    let (border, length) = (shape.padding[axis], shape.in_size[axis]);
    let start = position * shape.stride;
    let end = start + shape.kernel_size;
    start.saturating_sub(border)..end.saturating_sub(border).min(length)
}

for_each_instruction_set! {
    fn row_on = any_row(shape: &PoolShape, x: &[f32], image: usize, row: usize, out: &mut [f32])
}

/// A row of the output.
#[inline(always)]
unsafe fn any_row<S: Simd>(
    shape: &PoolShape,
    x: &[f32],
    image: usize,
    row: usize,
    out: &mut [f32],
) {
    let rows = window(shape, 0, row);
    for (column, out) in out.chunks_exact_mut(shape.channels).enumerate() {
        out.fill(f32::NEG_INFINITY);
        let columns = window(shape, 1, column);
        for y in rows.clone() {
            let line = (image * shape.in_size[0] + y) * shape.in_size[1];
            for source in columns.clone() {
                let x = &x[(line + source) * shape.channels..][..shape.channels];
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = if x > *out || x.is_nan() { x } else { *out };
                }
            }
        }
    }
}

for_each_instruction_set! {
    fn gradient_on = any_gradient(
        shape: &PoolShape,
        x: &[f32],
        image: usize,
        band: Range<usize>,
        grad_out: &[f32],
        grad_in: &mut [f32],
    )
}

/// Some rows of an image. Windows that reach beyond them are looked at for each of the bands.
#[inline(always)]
unsafe fn any_gradient<S: Simd>(
    shape: &PoolShape,
    x: &[f32],
    image: usize,
    band: Range<usize>,
    grad_out: &[f32],
    grad_in: &mut [f32],
) {
    let [out_height, out_width] = shape.out_size();
    let [height, width] = shape.in_size;
    let x = &x[image * height * width * shape.channels..][..height * width * shape.channels];
    // The first window that ends after the band's start, and the first that starts after its end.
    let top = shape.padding[0];
    let first = (band.start + top + 1).saturating_sub(shape.kernel_size);
    let end = (band.end + top).div_ceil(shape.stride).min(out_height);
    for y in first.div_ceil(shape.stride)..end {
        for column in 0..out_width {
            let taps = Taps {
                rows: window(shape, 0, y),
                columns: window(shape, 1, column),
                width,
                channels: shape.channels,
            };
            let pixel = (image * out_height + y) * out_width + column;
            let grad = &grad_out[pixel * shape.channels..][..shape.channels];
            // SAFETY: the taps are pixels of the image, and `grad_in` is its band.
            unsafe { window_gradient::<S>(&taps, &band, x, grad, grad_in.as_mut_ptr()) };
        }
    }
}

/// The pixels of a window.
struct Taps {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Of the image.
    width: usize,
    channels: usize,
}

/// Adds a window's gradient at its first maximum where that is in the band, whose first pixel is
/// `grad_in`.
#[inline(always)]
unsafe fn window_gradient<S: Simd>(
    taps: &Taps,
    band: &Range<usize>,
    x: &[f32],
    grad: &[f32],
    grad_in: *mut f32,
) {
    let at = |y: usize, x: usize| (y * taps.width + x) * taps.channels;
    let mut channel = 0;
    while channel < taps.channels {
        let lanes = S::WIDTH.min(taps.channels - channel);
        // SAFETY: the caller's.
        unsafe {
            let x = x.as_ptr().add(channel);
            let start = x.add(at(taps.rows.start, taps.columns.start));
            let (mut best, mut first) = (S::load_first(start, lanes), S::splat(0.0));
            let (one, mut tap) = (S::splat(1.0), S::splat(0.0));
            for row in taps.rows.clone() {
                for column in taps.columns.clone() {
                    let value = S::load_first(x.add(at(row, column)), lanes);
                    first = S::where_above(value, best, tap, first);
                    best = S::where_above(value, best, value, best);
                    tap = S::add(tap, one);
                }
            }
            let grad = S::load_first(grad.as_ptr().add(channel), lanes);
            tap = S::splat(0.0);
            for row in taps.rows.clone() {
                for column in taps.columns.clone() {
                    if band.contains(&row) {
                        let target = grad_in.add(at(row - band.start, column) + channel);
                        let share = S::where_equal(first, tap, grad);
                        let sum = S::add(S::load_first(target, lanes), share);
                        S::store_first(target, sum, lanes);
                    }
                    tap = S::add(tap, one);
                }
            }
        }
        channel += S::WIDTH;
    }
}
