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
        let grad = (image * height * width + pixel) * shape.channels + channels.start;
        let rows = window(shape, pixel / width, shape.in_size[0]);
        let columns = window(shape, pixel % width, shape.in_size[1]);
        let taps = rows.clone().flat_map(|y| columns.clone().map(move |x| (y, x))).map(|(y, x)| {
            ((image * shape.in_size[0] + y) * shape.in_size[1] + x) * shape.channels
                + channels.start
        });
        // SAFETY: the caller's channels.
        unsafe {
            if channels.len() == CHANNELS {
                window_gradient(taps, CHANNELS, x, &grad_out[grad..], grad_in);
            } else {
                window_gradient(taps, channels.len(), x, &grad_out[grad..], grad_in);
            }
        }
    }
}

/// Adds a window's gradient at its first maximum; `taps` are the places of its pixels.
#[inline(always)]
unsafe fn window_gradient(
    taps: impl Iterator<Item = usize> + Clone,
    channels: usize,
    x: &[f32],
    grad: &[f32],
    grad_in: *mut f32,
) {
    let grad = &grad[..channels];
    let mut best = [f32::NEG_INFINITY; CHANNELS];
    let mut first = [0u32; CHANNELS];
    for (tap, at) in taps.clone().enumerate() {
        let x = &x[at..][..channels];
        for lane in 0..channels {
            // The first tap counts even where all are negative infinity.
            let better = (x[lane] > best[lane]) | x[lane].is_nan() | (tap == 0);
            first[lane] = if better { tap as u32 } else { first[lane] };
            best[lane] = if better { x[lane] } else { best[lane] };
        }
    }
    for (tap, at) in taps.enumerate() {
        assert!(at + channels <= x.len());
        // SAFETY: an index of `x`, as long as the gradient, and the caller's channels.
        let target = unsafe { std::slice::from_raw_parts_mut(grad_in.add(at), channels) };
        for lane in 0..channels {
            target[lane] += if first[lane] == tap as u32 { grad[lane] } else { 0.0 };
        }
    }
}
