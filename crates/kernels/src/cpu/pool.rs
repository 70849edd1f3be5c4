//! Max pooling.
//!
//! The loops are plain; the compiler makes vectors of them for each instruction set.

use std::ops::Range;

use rayon::prelude::*;

use super::PoolShape;
use super::scratch::Shared;
use super::simd::{InstructionSet, Simd, for_each_instruction_set};

/// Channels that a gradient task goes through at a time.
const CHANNELS: usize = 16;

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
    grad_in.par_iter_mut().with_min_len(1 << 14).for_each(|grad| *grad = 0.0);
    if grad_out.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    let target = Shared(grad_in.as_mut_ptr());
    let parts = shape.channels.div_ceil(CHANNELS);
    (0..shape.batch * parts).into_par_iter().with_max_len(1).for_each(|piece| {
        let (image, first) = (piece / parts, piece % parts * CHANNELS);
        let channels = first..shape.channels.min(first + CHANNELS);
        // SAFETY: `grad_in` is as long as `x`, and this piece alone has these channels of this
        // image. `set` comes from `InstructionSet::current`.
        unsafe { gradient_on(set, shape, x, image, channels, grad_out, target.get()) }
    });
}

/// The part of a window that lies on the image.
#[inline(always)]
fn window(shape: &PoolShape, position: usize, length: usize) -> Range<usize> {
    let start = position * shape.stride;
    let end = start + shape.kernel_size;
    start.saturating_sub(shape.padding)..end.saturating_sub(shape.padding).min(length)
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
    let rows = window(shape, row, shape.in_size[0]);
    for (column, out) in out.chunks_exact_mut(shape.channels).enumerate() {
        out.fill(f32::NEG_INFINITY);
        let columns = window(shape, column, shape.in_size[1]);
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
        channels: Range<usize>,
        grad_out: &[f32],
        grad_in: *mut f32,
    )
}

/// Some channels of an image.
#[inline(always)]
unsafe fn any_gradient<S: Simd>(
    shape: &PoolShape,
    x: &[f32],
    image: usize,
    channels: Range<usize>,
    grad_out: &[f32],
    grad_in: *mut f32,
) {
    let [height, width] = shape.out_size();
    for pixel in 0..height * width {
        let rows = window(shape, pixel / width, shape.in_size[0]);
        let columns = window(shape, pixel % width, shape.in_size[1]);
        let first_row = image * shape.in_size[0];
        let grad = &grad_out[(image * height * width + pixel) * shape.channels..];
        let mut channel = channels.start;
        while channel < channels.end {
            let lanes = S::WIDTH.min(channels.end - channel);
            let taps = Taps {
                rows: first_row + rows.start..first_row + rows.end,
                columns: columns.clone(),
                width: shape.in_size[1],
                stride: shape.channels,
                lanes,
            };
            // SAFETY: the taps are pixels of `x` and of the gradient, with the lanes' channels,
            // which are the caller's.
            unsafe {
                let x = x.as_ptr().add(channel);
                window_gradient::<S>(&taps, x, grad[channel..].as_ptr(), grad_in.add(channel));
            }
            channel += lanes;
        }
    }
}

/// The pixels of a window.
struct Taps {
    /// Rows of all images.
    rows: Range<usize>,
    columns: Range<usize>,
    /// Of an image.
    width: usize,
    stride: usize,
    lanes: usize,
}

/// Adds a window's gradient at its first maximum.
#[inline(always)]
unsafe fn window_gradient<S: Simd>(
    taps: &Taps,
    x: *const f32,
    grad: *const f32,
    grad_in: *mut f32,
) {
    let at = |y: usize, x: usize| (y * taps.width + x) * taps.stride;
    // SAFETY: the caller's.
    unsafe {
        let start = x.add(at(taps.rows.start, taps.columns.start));
        let (mut best, mut first) = (S::load_first(start, taps.lanes), S::splat(0.0));
        let (one, mut tap) = (S::splat(1.0), S::splat(0.0));
        for row in taps.rows.clone() {
            for column in taps.columns.clone() {
                let value = S::load_first(x.add(at(row, column)), taps.lanes);
                first = S::where_above(value, best, tap, first);
                best = S::where_above(value, best, value, best);
                tap = S::add(tap, one);
            }
        }
        let grad = S::load_first(grad, taps.lanes);
        tap = S::splat(0.0);
        for row in taps.rows.clone() {
            for column in taps.columns.clone() {
                let target = grad_in.add(at(row, column));
                let share = S::where_equal(first, tap, grad);
                let sum = S::add(S::load_first(target, taps.lanes), share);
                S::store_first(target, sum, taps.lanes);
                tap = S::add(tap, one);
            }
        }
    }
}
