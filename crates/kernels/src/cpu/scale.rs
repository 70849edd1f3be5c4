//! One number for each channel of an image: global average pooling, and channel scaling as in a
//! squeeze-and-excitation block.
//!
//! The loops are plain; the compiler makes vectors of them for each instruction set.

use rayon::prelude::*;

use super::scratch::Scratch;
use super::simd::{InstructionSet, Simd, for_each_instruction_set};

/// Pixels whose sum is taken in `f32`.
const PIXELS: usize = 256;

/// Multiplies each channel of each image with its factor.
///
/// # Shapes
///
/// `x` and `out` `[batch, pixels, channels]`, `scale` `[batch, channels]`.
pub fn channel_scale_forward(
    x: &[f32],
    scale: &[f32],
    pixels: usize,
    channels: usize,
    out: &mut [f32],
) {
    assert_eq!(x.len(), scale.len() * pixels);
    assert_eq!(x.len(), out.len());
    if x.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    let image = pixels * channels;
    let part = PIXELS * channels;
    out.par_chunks_mut(image).zip(x.par_chunks(image)).zip(scale.par_chunks(channels)).for_each(
        |((out, x), scale)| {
            out.par_chunks_mut(part).zip(x.par_chunks(part)).for_each(|(out, x)| {
                // SAFETY: `set` comes from `InstructionSet::current`.
                unsafe { scale_on(set, x, scale, out) }
            });
        },
    );
}

/// Gradients of [`channel_scale_forward`].
///
/// # Shapes
///
/// Each gradient that of its tensor.
pub fn channel_scale_backward(
    x: &[f32],
    scale: &[f32],
    grad_out: &[f32],
    pixels: usize,
    channels: usize,
    grad_x: &mut [f32],
    grad_scale: &mut [f32],
) {
    assert!([scale.len() * pixels, grad_out.len(), grad_x.len()] == [x.len(); 3]);
    assert_eq!(scale.len(), grad_scale.len());
    if x.is_empty() {
        grad_scale.fill(0.0);
        return;
    }
    let set = InstructionSet::current();
    let image = pixels * channels;
    let part = PIXELS * channels;
    let parts = pixels.div_ceil(PIXELS);
    let mut sums = Scratch::new(scale.len() * parts);
    let tensors = grad_x.par_chunks_mut(image).zip(x.par_chunks(image));
    let tensors = tensors.zip(grad_out.par_chunks(image)).zip(scale.par_chunks(channels));
    tensors.zip(sums.par_chunks_mut(parts * channels)).for_each(
        |((((grad_x, x), grad_out), scale), sums)| {
            let tensors = grad_x.par_chunks_mut(part).zip(x.par_chunks(part));
            tensors.zip(grad_out.par_chunks(part)).zip(sums.par_chunks_mut(channels)).for_each(
                |(((grad_x, x), grad_out), sums)| {
                    sums.fill(0.0);
                    // SAFETY: `set` comes from `InstructionSet::current`.
                    unsafe { scale_gradient_on(set, x, scale, grad_out, grad_x, sums) }
                },
            );
        },
    );
    combine(&sums, parts, channels, 1.0, grad_scale);
}

/// Mean of each channel over an image.
///
/// # Shapes
///
/// `x` `[batch, pixels, channels]`, `out` `[batch, channels]`.
pub fn global_avg_pool_forward(x: &[f32], pixels: usize, channels: usize, out: &mut [f32]) {
    assert_eq!(x.len(), out.len() * pixels);
    if x.is_empty() {
        out.fill(0.0);
        return;
    }
    let set = InstructionSet::current();
    let image = pixels * channels;
    let parts = pixels.div_ceil(PIXELS);
    let mut sums = Scratch::new(out.len() * parts);
    x.par_chunks(image).zip(sums.par_chunks_mut(parts * channels)).for_each(|(x, sums)| {
        let parts = x.par_chunks(PIXELS * channels).zip(sums.par_chunks_mut(channels));
        parts.for_each(|(x, sums)| {
            sums.fill(0.0);
            // SAFETY: `set` comes from `InstructionSet::current`.
            unsafe { sum_on(set, x, sums) }
        });
    });
    combine(&sums, parts, channels, 1.0 / pixels as f64, out);
}

/// Gradient of [`global_avg_pool_forward`].
///
/// # Shapes
///
/// `grad_out` `[batch, channels]`, `grad_x` `[batch, pixels, channels]`.
pub fn global_avg_pool_backward(
    grad_out: &[f32],
    pixels: usize,
    channels: usize,
    grad_x: &mut [f32],
) {
    assert_eq!(grad_x.len(), grad_out.len() * pixels);
    if grad_x.is_empty() {
        return;
    }
    let images = grad_x.par_chunks_mut(pixels * channels).zip(grad_out.par_chunks(channels));
    images.for_each(|(grad_x, grad_out)| {
        let share: Vec<f32> = grad_out.iter().map(|grad| grad / pixels as f32).collect();
        let rows = grad_x.par_chunks_mut(channels).with_min_len(PIXELS);
        rows.for_each(|grad_x| grad_x.copy_from_slice(&share));
    });
}

/// Adds up \[image\]\[part\]\[channel\] over the parts, in their order, and multiplies with
/// `factor`.
fn combine(sums: &[f32], parts: usize, channels: usize, factor: f64, out: &mut [f32]) {
    out.par_chunks_mut(channels).zip(sums.par_chunks(parts * channels)).for_each(|(out, sums)| {
        for (channel, out) in out.iter_mut().enumerate() {
            let parts = sums[channel..].iter().step_by(channels);
            *out = (parts.map(|sum| f64::from(*sum)).sum::<f64>() * factor) as f32;
        }
    });
}

for_each_instruction_set! {
    fn scale_on = scale_rows(x: &[f32], scale: &[f32], out: &mut [f32])
}

#[inline(always)]
unsafe fn scale_rows<S: Simd>(x: &[f32], scale: &[f32], out: &mut [f32]) {
    for (out, x) in out.chunks_exact_mut(scale.len()).zip(x.chunks_exact(scale.len())) {
        for ((out, x), scale) in out.iter_mut().zip(x).zip(scale) {
            *out = x * scale;
        }
    }
}

for_each_instruction_set! {
    fn scale_gradient_on = scale_gradient_rows(
        x: &[f32],
        scale: &[f32],
        grad_out: &[f32],
        grad_x: &mut [f32],
        sums: &mut [f32],
    )
}

#[inline(always)]
unsafe fn scale_gradient_rows<S: Simd>(
    x: &[f32],
    scale: &[f32],
    grad_out: &[f32],
    grad_x: &mut [f32],
    sums: &mut [f32],
) {
    let channels = scale.len();
    let rows = grad_x.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
    for ((grad_x, x), grad_out) in rows.zip(grad_out.chunks_exact(channels)) {
        let values = grad_x.iter_mut().zip(x).zip(grad_out).zip(scale).zip(&mut *sums);
        for ((((grad_x, x), grad_out), scale), sum) in values {
            *grad_x = grad_out * scale;
            *sum += x * grad_out;
        }
    }
}

for_each_instruction_set! {
    fn sum_on = sum_rows(x: &[f32], sums: &mut [f32])
}

#[inline(always)]
unsafe fn sum_rows<S: Simd>(x: &[f32], sums: &mut [f32]) {
    for x in x.chunks_exact(sums.len()) {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += x;
        }
    }
}
