//! Gradient of the weights.

use rayon::prelude::*;

use crate::cpu::ConvShape;

/// Gradient of the weights.
pub fn conv_backward_weight(
    shape: &ConvShape,
    x: &[f32],
    grad_out: &[f32],
    grad_weight: &mut [f32],
) {
    shape.check(x.len(), grad_weight.len(), grad_out.len());
    let [height, width] = shape.out_size();
    let group_in = shape.in_channels / shape.groups;
    let group_out = shape.out_channels / shape.groups;
    grad_weight.par_chunks_mut(group_in * shape.num_taps()).enumerate().for_each(
        |(co, grad_weight)| {
            grad_weight.fill(0.0);
            for pixel in 0..shape.batch * height * width {
                let grad = grad_out[pixel * shape.out_channels + co];
                let (image, y, x0) =
                    (pixel / (height * width), pixel / width % height, pixel % width);
                for_taps(shape, image, y, x0, |tap, source| {
                    for ci in 0..group_in {
                        grad_weight[ci * shape.num_taps() + tap] +=
                            grad * x[source * shape.in_channels + co / group_out * group_in + ci];
                    }
                });
            }
        },
    );
}

/// Calls `visit(tap, source pixel)` for each tap of an output pixel that falls on the image.
fn for_taps(
    shape: &ConvShape,
    image: usize,
    y: usize,
    x: usize,
    mut visit: impl FnMut(usize, usize),
) {
    let [in_height, in_width] = shape.in_size;
    for tap in 0..shape.num_taps() {
        let [kh, kw] = [tap / shape.kernel_size[1], tap % shape.kernel_size[1]];
        let source_y = (y * shape.stride[0] + kh).wrapping_sub(shape.padding[0]);
        let source_x = (x * shape.stride[1] + kw).wrapping_sub(shape.padding[1]);
        if source_y < in_height && source_x < in_width {
            visit(tap, (image * in_height + source_y) * in_width + source_x);
        }
    }
}
