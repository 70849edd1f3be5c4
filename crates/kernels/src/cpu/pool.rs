//! Max pooling.

use rayon::prelude::*;

use super::PoolShape;

/// Maximum of each window.
///
/// # Shapes
///
/// Those of [`PoolShape`].
pub fn max_pool_forward(shape: &PoolShape, x: &[f32], out: &mut [f32]) {
    shape.check(x.len(), out.len());
    let [height, width] = shape.out_size();
    out.par_chunks_mut(shape.channels).enumerate().for_each(|(pixel, out)| {
        for (c, value) in out.iter_mut().enumerate() {
            *value = x[first_maximum(
                shape,
                x,
                pixel / (height * width),
                pixel / width % height,
                pixel % width,
                c,
            )];
        }
    });
}

/// Gradient of [`max_pool_forward`]: goes to the first maximum of each window, as in PyTorch.
pub fn max_pool_backward(shape: &PoolShape, x: &[f32], grad_out: &[f32], grad_in: &mut [f32]) {
    shape.check(x.len(), grad_out.len());
    assert_eq!(x.len(), grad_in.len());
    let [height, width] = shape.out_size();
    let image_len = shape.in_size[0] * shape.in_size[1] * shape.channels;
    grad_in.par_chunks_mut(image_len).enumerate().for_each(|(image, grad_in)| {
        grad_in.fill(0.0);
        for idx in 0..height * width * shape.channels {
            let (pixel, c) = (idx / shape.channels, idx % shape.channels);
            let source = first_maximum(shape, x, image, pixel / width, pixel % width, c);
            grad_in[source - image * image_len] +=
                grad_out[image * height * width * shape.channels + idx];
        }
    });
}

/// Index in `x` of a window's first maximum.
fn first_maximum(
    shape: &PoolShape,
    x: &[f32],
    image: usize,
    y: usize,
    x0: usize,
    c: usize,
) -> usize {
    let rows = window(shape, y, shape.in_size[0]);
    let columns = window(shape, x0, shape.in_size[1]);
    let idx = |y: usize, x: usize| {
        ((image * shape.in_size[0] + y) * shape.in_size[1] + x) * shape.channels + c
    };
    let mut first = idx(rows.start, columns.start);
    for y in rows {
        for source_x in columns.clone() {
            if x[idx(y, source_x)] > x[first] {
                first = idx(y, source_x);
            }
        }
    }
    first
}

/// The part of a window that lies on the image.
fn window(shape: &PoolShape, position: usize, length: usize) -> std::ops::Range<usize> {
    let start = position * shape.stride;
    start.saturating_sub(shape.padding)
        ..(start + shape.kernel_size).saturating_sub(shape.padding).min(length)
}
