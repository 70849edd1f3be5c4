//! One number for each channel of an image: global average pooling, and channel scaling as in a
//! squeeze-and-excitation block.

use rayon::prelude::*;

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
    out.par_chunks_mut(channels).zip(x.par_chunks(channels)).enumerate().for_each(
        |(pixel, (out, x))| {
            let scale = &scale[pixel / pixels * channels..][..channels];
            for c in 0..channels {
                out[c] = x[c] * scale[c];
            }
        },
    );
}

/// Gradients of [`channel_scale_forward`].
pub fn channel_scale_backward(
    x: &[f32],
    scale: &[f32],
    grad_out: &[f32],
    pixels: usize,
    channels: usize,
    grad_x: &mut [f32],
    grad_scale: &mut [f32],
) {
    assert_eq!(scale.len(), grad_scale.len());
    channel_scale_forward(grad_out, scale, pixels, channels, grad_x);
    grad_scale.par_iter_mut().enumerate().for_each(|(idx, grad)| {
        let first = idx / channels * pixels * channels + idx % channels;
        let values = (0..pixels).map(|pixel| first + pixel * channels);
        *grad = values.map(|idx| f64::from(x[idx] * grad_out[idx])).sum::<f64>() as f32;
    });
}

/// Mean of each channel over an image.
///
/// # Shapes
///
/// `x` `[batch, pixels, channels]`, `out` `[batch, channels]`.
pub fn global_avg_pool_forward(x: &[f32], pixels: usize, channels: usize, out: &mut [f32]) {
    assert_eq!(x.len(), out.len() * pixels);
    out.par_iter_mut().enumerate().for_each(|(idx, mean)| {
        let first = idx / channels * pixels * channels + idx % channels;
        let values = (0..pixels).map(|pixel| f64::from(x[first + pixel * channels]));
        *mean = (values.sum::<f64>() / pixels as f64) as f32;
    });
}

/// Gradient of [`global_avg_pool_forward`].
pub fn global_avg_pool_backward(
    grad_out: &[f32],
    pixels: usize,
    channels: usize,
    grad_x: &mut [f32],
) {
    assert_eq!(grad_x.len(), grad_out.len() * pixels);
    grad_x.par_chunks_mut(channels).enumerate().for_each(|(pixel, grad_x)| {
        let grad_out = &grad_out[pixel / pixels * channels..][..channels];
        for c in 0..channels {
            grad_x[c] = grad_out[c] / pixels as f32;
        }
    });
}
