//! Convolution.

use rayon::prelude::*;

use super::{Activation, ConvShape, Epilogue};

/// Convolves `x` with `weight` and writes activation(z · scale + shift + residual).
///
/// # Shapes
///
/// Those of [`ConvShape`].
pub fn conv_forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    shape.check(x.len(), weight.len(), out.len());
    epilogue.check(shape.out_channels, out.len());
    let [height, width] = shape.out_size();
    let group_in = shape.in_channels / shape.groups;
    let group_out = shape.out_channels / shape.groups;
    out.par_chunks_mut(shape.out_channels).enumerate().for_each(|(pixel, row)| {
        let (image, y, x0) = (pixel / (height * width), pixel / width % height, pixel % width);
        for (co, value) in row.iter_mut().enumerate() {
            let mut sum = 0.0;
            for_taps(shape, image, y, x0, |tap, source| {
                for ci in 0..group_in {
                    sum += x[source * shape.in_channels + co / group_out * group_in + ci]
                        * weight[(co * group_in + ci) * shape.num_taps() + tap];
                }
            });
            let z = sum * epilogue.scale.map_or(1.0, |scale| scale[co])
                + epilogue.shift.map_or(0.0, |shift| shift[co])
                + epilogue
                    .residual
                    .map_or(0.0, |residual| residual[pixel * shape.out_channels + co]);
            *value = match epilogue.activation {
                Activation::None => z,
                Activation::Relu => z.max(0.0),
                Activation::Silu => z / (1.0 + (-z).exp()),
            };
        }
    });
}

/// Gradient of the input: the transposed convolution of `grad_out`.
pub fn conv_backward_input(
    shape: &ConvShape,
    weight: &[f32],
    grad_out: &[f32],
    grad_in: &mut [f32],
) {
    shape.check(grad_in.len(), weight.len(), grad_out.len());
    let [height, width] = shape.out_size();
    let group_in = shape.in_channels / shape.groups;
    let group_out = shape.out_channels / shape.groups;
    let image_len = shape.in_size[0] * shape.in_size[1] * shape.in_channels;
    grad_in.par_chunks_mut(image_len).enumerate().for_each(|(image, grad_in)| {
        grad_in.fill(0.0);
        for pixel in 0..height * width {
            let row = &grad_out[(image * height * width + pixel) * shape.out_channels..];
            for_taps(shape, 0, pixel / width, pixel % width, |tap, source| {
                for (co, grad) in row[..shape.out_channels].iter().enumerate() {
                    for ci in 0..group_in {
                        grad_in[source * shape.in_channels + co / group_out * group_in + ci] +=
                            grad * weight[(co * group_in + ci) * shape.num_taps() + tap];
                    }
                }
            });
        }
    });
}

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
