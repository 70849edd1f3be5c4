//! Average pooling.
//!
//! The loops are plain; the compiler makes vectors of them for each instruction set.

use std::ops::Range;

use rayon::prelude::*;

use super::PoolShape;
use super::pool::window;
use super::simd::{InstructionSet, Simd, for_each_instruction_set};

/// Mean of each window; with `counts_padding` over the border's zeros too, else over the pixels of the
/// image alone.
///
/// # Shapes
///
/// Those of [`PoolShape`].
pub fn avg_pool_forward(shape: &PoolShape, counts_padding: bool, x: &[f32], out: &mut [f32]) {
    shape.check(x.len(), out.len());
    if out.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    let [height, width] = shape.out_size();
    let means = Means { shape, counts_padding };
    out.par_chunks_mut(width * shape.channels).enumerate().for_each(|(row, out)| {
        // SAFETY: `set` comes from `InstructionSet::current`.
        unsafe { forward_on(set, means, x, [row / height, row % height], out) }
    });
}

/// Gradient of [`avg_pool_forward`]: each pixel gets its share of every window that it is in.
///
/// # Shapes
///
/// Those of [`PoolShape`].
pub fn avg_pool_backward(
    shape: &PoolShape,
    counts_padding: bool,
    grad_out: &[f32],
    grad_in: &mut [f32],
) {
    shape.check(grad_in.len(), grad_out.len());
    if grad_in.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    let [height, width] = shape.in_size;
    let means = Means { shape, counts_padding };
    grad_in.par_chunks_mut(width * shape.channels).enumerate().for_each(|(row, grad_in)| {
        // SAFETY: `set` comes from `InstructionSet::current`.
        unsafe { backward_on(set, means, grad_out, [row / height, row % height], grad_in) }
    });
}

#[derive(Clone, Copy)]
struct Means<'a> {
    shape: &'a PoolShape,
    counts_padding: bool,
}

impl Means<'_> {
    /// The weight of each pixel of a window, of which these rows and columns lie on the image.
    #[inline(always)]
    fn share(&self, rows: &Range<usize>, columns: &Range<usize>) -> f32 {
        let count = match self.counts_padding {
            true => self.shape.kernel_size * self.shape.kernel_size,
            false => rows.len() * columns.len(),
        };
        1.0 / count as f32
    }

    /// The windows that the row (`axis` 0) or column (1) `position` is in, of `count`.
    #[inline(always)]
    fn windows(&self, axis: usize, position: usize, count: usize) -> Range<usize> {
        let position = position + self.shape.padding[axis];
        let last = position / self.shape.stride;
        let first = (position + 1).saturating_sub(self.shape.kernel_size);
        first.div_ceil(self.shape.stride)..count.min(last + 1)
    }
}

for_each_instruction_set! {
    fn forward_on = any_forward(means: Means<'_>, x: &[f32], row: [usize; 2], out: &mut [f32])
}

/// A row of the output: image and row.
#[inline(always)]
unsafe fn any_forward<S: Simd>(
    means: Means<'_>,
    x: &[f32],
    [image, row]: [usize; 2],
    out: &mut [f32],
) {
    let shape = means.shape;
    let [height, width] = shape.in_size;
    let rows = window(shape, 0, row);
    for (column, out) in out.chunks_exact_mut(shape.channels).enumerate() {
        out.fill(0.0);
        let columns = window(shape, 1, column);
        for y in rows.clone() {
            for source in columns.clone() {
                let at = ((image * height + y) * width + source) * shape.channels;
                for (out, x) in out.iter_mut().zip(&x[at..][..shape.channels]) {
                    *out += x;
                }
            }
        }
        let share = means.share(&rows, &columns);
        out.iter_mut().for_each(|out| *out *= share);
    }
}

for_each_instruction_set! {
    fn backward_on = any_backward(
        means: Means<'_>,
        grad_out: &[f32],
        row: [usize; 2],
        grad_in: &mut [f32],
    )
}

/// A row of the input: image and row.
#[inline(always)]
unsafe fn any_backward<S: Simd>(
    means: Means<'_>,
    grad_out: &[f32],
    [image, row]: [usize; 2],
    grad_in: &mut [f32],
) {
    let shape = means.shape;
    let [out_height, out_width] = shape.out_size();
    for (column, grad_in) in grad_in.chunks_exact_mut(shape.channels).enumerate() {
        grad_in.fill(0.0);
        for y in means.windows(0, row, out_height) {
            let rows = window(shape, 0, y);
            for x in means.windows(1, column, out_width) {
                let share = means.share(&rows, &window(shape, 1, x));
                let at = ((image * out_height + y) * out_width + x) * shape.channels;
                for (grad_in, grad) in grad_in.iter_mut().zip(&grad_out[at..][..shape.channels]) {
                    *grad_in += share * grad;
                }
            }
        }
    }
}
