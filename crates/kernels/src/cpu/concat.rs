//! Feature maps side by side.

use rayon::prelude::*;

/// Pixels that are copied together.
const PIXELS: usize = 256;

/// The channels of `a`, then those of `b`, pixel by pixel.
///
/// # Shapes
///
/// `a` `[pixels, channels[0]]`, `b` `[pixels, channels[1]]`, `out` `[pixels, sum of channels]`.
pub fn concat_forward(a: &[f32], b: &[f32], channels: [usize; 2], out: &mut [f32]) {
    let [len_a, len_b] = check(a, b, channels, out);
    let parts = out.par_chunks_mut(PIXELS * (len_a + len_b));
    let parts = parts.zip(a.par_chunks(PIXELS * len_a)).zip(b.par_chunks(PIXELS * len_b));
    parts.for_each(|((out, a), b)| {
        let pixels = out.chunks_exact_mut(len_a + len_b);
        let pixels = pixels.zip(a.chunks_exact(len_a)).zip(b.chunks_exact(len_b));
        for ((out, a), b) in pixels {
            out[..len_a].copy_from_slice(a);
            out[len_a..].copy_from_slice(b);
        }
    });
}

/// Gradients of [`concat_forward`]: what was copied goes back.
///
/// # Shapes
///
/// Those of [`concat_forward`].
pub fn concat_backward(
    grad_out: &[f32],
    channels: [usize; 2],
    grad_a: &mut [f32],
    grad_b: &mut [f32],
) {
    let [len_a, len_b] = check(grad_a, grad_b, channels, grad_out);
    let parts = grad_out.par_chunks(PIXELS * (len_a + len_b));
    let parts = parts.zip(grad_a.par_chunks_mut(PIXELS * len_a));
    parts.zip(grad_b.par_chunks_mut(PIXELS * len_b)).for_each(|((grad, a), b)| {
        let pixels = grad.chunks_exact(len_a + len_b);
        let pixels = pixels.zip(a.chunks_exact_mut(len_a)).zip(b.chunks_exact_mut(len_b));
        for ((grad, a), b) in pixels {
            a.copy_from_slice(&grad[..len_a]);
            b.copy_from_slice(&grad[len_a..]);
        }
    });
}

fn check(a: &[f32], b: &[f32], channels: [usize; 2], both: &[f32]) -> [usize; 2] {
    let [len_a, len_b] = channels;
    assert!(len_a > 0 && len_b > 0, "{channels:?}");
    assert!(a.len().is_multiple_of(len_a), "{} of {len_a}", a.len());
    assert_eq!(a.len() / len_a * len_b, b.len());
    assert_eq!(a.len() + b.len(), both.len());
    channels
}
