//! Normalisation of each pixel over its channels.
//!
//! The loops are plain; the compiler makes vectors of them for each instruction set. Sums are taken in
//! [`LANES`] parts whatever the length of a vector, so that all instruction sets give the same bits.

use rayon::prelude::*;

use super::scratch::Scratch;
use super::simd::{InstructionSet, Simd, for_each_instruction_set};

/// Parts of the sum over a pixel's channels.
const LANES: usize = 16;

/// Pixels that a task takes, and whose sum is taken in `f32`.
const PIXELS: usize = 64;

/// (x - mean) / sqrt(var + epsilon) · gamma + beta, with the mean and the biased variance of each pixel's
/// channels.
///
/// # Shapes
///
/// `x` and `out` `[pixels, channels]`, `gamma` and `beta` `[channels]`.
pub fn layer_norm_forward(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, out: &mut [f32]) {
    let channels = gamma.len();
    assert!(channels > 0 && x.len().is_multiple_of(channels), "{} of {channels}", x.len());
    assert!(beta.len() == channels && out.len() == x.len());
    let set = InstructionSet::current();
    let part = PIXELS * channels;
    out.par_chunks_mut(part).zip(x.par_chunks(part)).for_each(|(out, x)| {
        // SAFETY: `set` comes from `InstructionSet::current`.
        unsafe { forward_on(set, x, gamma, beta, epsilon, out) }
    });
}

/// Gradients of [`layer_norm_forward`].
///
/// With n = (x - mean) / sqrt(var + epsilon) and g = gamma · grad_out the gradient of the input is
/// (g - mean(g) - n · mean(g · n)) / sqrt(var + epsilon), means over the channels of a pixel.
///
/// # Shapes
///
/// Each gradient that of its tensor.
pub fn layer_norm_backward(
    x: &[f32],
    gamma: &[f32],
    epsilon: f32,
    grad_out: &[f32],
    grad_x: &mut [f32],
    grad_gamma: &mut [f32],
    grad_beta: &mut [f32],
) {
    let channels = gamma.len();
    assert!(channels > 0 && x.len().is_multiple_of(channels), "{} of {channels}", x.len());
    assert!([grad_out.len(), grad_x.len()] == [x.len(); 2]);
    assert!([grad_gamma.len(), grad_beta.len()] == [channels; 2]);
    let set = InstructionSet::current();
    let part = PIXELS * channels;
    // Of each part the sums for gamma, then those for beta.
    let mut sums = Scratch::new(x.len().div_ceil(part) * 2 * channels);
    let tensors = grad_x.par_chunks_mut(part).zip(x.par_chunks(part));
    tensors.zip(grad_out.par_chunks(part)).zip(sums.par_chunks_mut(2 * channels)).for_each(
        |(((grad_x, x), grad_out), sums)| {
            // SAFETY: `set` comes from `InstructionSet::current`.
            unsafe { backward_on(set, x, gamma, epsilon, grad_out, grad_x, sums) }
        },
    );
    for (channel, (gamma, beta)) in grad_gamma.iter_mut().zip(grad_beta).enumerate() {
        let total = |first: usize| -> f32 {
            sums[first..].iter().step_by(2 * channels).map(|sum| f64::from(*sum)).sum::<f64>()
                as f32
        };
        (*gamma, *beta) = match sums.is_empty() {
            true => (0.0, 0.0),
            false => (total(channel), total(channels + channel)),
        };
    }
}

for_each_instruction_set! {
    fn forward_on = forward_pixels(
        x: &[f32],
        gamma: &[f32],
        beta: &[f32],
        epsilon: f32,
        out: &mut [f32],
    )
}

#[inline(always)]
unsafe fn forward_pixels<S: Simd>(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
    out: &mut [f32],
) {
    let channels = gamma.len();
    for (out, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
        let [mean, inverse] = statistics(x, epsilon);
        for (((out, x), gamma), beta) in out.iter_mut().zip(x).zip(gamma).zip(beta) {
            *out = (x - mean) * inverse * gamma + beta;
        }
    }
}

for_each_instruction_set! {
    fn backward_on = backward_pixels(
        x: &[f32],
        gamma: &[f32],
        epsilon: f32,
        grad_out: &[f32],
        grad_x: &mut [f32],
        sums: &mut [f32],
    )
}

#[inline(always)]
unsafe fn backward_pixels<S: Simd>(
    x: &[f32],
    gamma: &[f32],
    epsilon: f32,
    grad_out: &[f32],
    grad_x: &mut [f32],
    sums: &mut [f32],
) {
    let channels = gamma.len();
    sums.fill(0.0);
    let (gamma_sums, beta_sums) = sums.split_at_mut(channels);
    let pixels = grad_x.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
    for ((grad_x, x), grad_out) in pixels.zip(grad_out.chunks_exact(channels)) {
        let [mean, inverse] = statistics(x, epsilon);
        // The gradient of what is normalised.
        for ((grad_x, grad_out), gamma) in grad_x.iter_mut().zip(grad_out).zip(gamma) {
            *grad_x = grad_out * gamma;
        }
        let mean_grad = (sum(grad_x) / channels as f64) as f32;
        let mean_product = (sum_of_products(grad_x, x, mean) / channels as f64) as f32 * inverse;
        for (grad_x, x) in grad_x.iter_mut().zip(x) {
            *grad_x = (*grad_x - mean_grad - (x - mean) * inverse * mean_product) * inverse;
        }
        let totals = gamma_sums.iter_mut().zip(&mut *beta_sums);
        for (((gamma, beta), x), grad_out) in totals.zip(x).zip(grad_out) {
            *gamma += (x - mean) * inverse * grad_out;
            *beta += grad_out;
        }
    }
}

/// Mean, and 1 / sqrt(var + epsilon).
#[inline(always)]
fn statistics(x: &[f32], epsilon: f32) -> [f32; 2] {
    let num_channels = x.len() as f64;
    let mean = (sum(x) / num_channels) as f32;
    let squares = {
        let mut lanes = [0.0_f32; LANES];
        let mut parts = x.chunks_exact(LANES);
        for part in &mut parts {
            for (lane, x) in lanes.iter_mut().zip(part) {
                *lane += (x - mean) * (x - mean);
            }
        }
        let rest = parts.remainder().iter().map(|x| f64::from((x - mean) * (x - mean)));
        total(lanes) + rest.sum::<f64>()
    };
    [mean, (1.0 / (squares / num_channels + f64::from(epsilon)).sqrt()) as f32]
}

#[inline(always)]
fn sum(x: &[f32]) -> f64 {
    let mut lanes = [0.0_f32; LANES];
    let mut parts = x.chunks_exact(LANES);
    for part in &mut parts {
        for (lane, x) in lanes.iter_mut().zip(part) {
            *lane += x;
        }
    }
    total(lanes) + parts.remainder().iter().map(|x| f64::from(*x)).sum::<f64>()
}

/// Σ grad · (x - mean).
#[inline(always)]
fn sum_of_products(grad: &[f32], x: &[f32], mean: f32) -> f64 {
    let mut lanes = [0.0_f32; LANES];
    let mut grads = grad.chunks_exact(LANES);
    let mut parts = x.chunks_exact(LANES);
    for (grad, x) in (&mut grads).zip(&mut parts) {
        for ((lane, grad), x) in lanes.iter_mut().zip(grad).zip(x) {
            *lane += grad * (x - mean);
        }
    }
    let rest = grads.remainder().iter().zip(parts.remainder());
    total(lanes) + rest.map(|(grad, x)| f64::from(grad * (x - mean))).sum::<f64>()
}

#[inline(always)]
fn total(lanes: [f32; LANES]) -> f64 {
    lanes.iter().map(|lane| f64::from(*lane)).sum()
}
