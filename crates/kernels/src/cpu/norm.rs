//! Normalisation over channels, fused with a residual sum and an activation.

mod backward;
mod coefficients;
mod forward;
mod statistics;
mod vector;

use std::ops::Range;

use rayon::prelude::*;

use self::backward::{Activate, Backward};
use self::coefficients::Coefficients;
use self::forward::Forward;
use self::statistics::Statistics;
use super::scratch::{Scratch, Shared};
use super::simd::{self, InstructionSet};
use super::{Activation, Norm};

/// Normalises with the statistics of the batch: act((x - mean) / sqrt(var + eps) · gamma + beta
/// \[+ residual\]), and writes mean and biased variance.
///
/// The variance is summed about a pixel of each chunk and combined in `f64` (Chan, Golub and
/// LeVeque, "Algorithms for Computing the Sample Variance", 1983), so that a large mean does not
/// drown it.
///
/// # Shapes
///
/// `x`, `residual` and `out` `[pixels, channels]` (NHWC), all else `[channels]`.
pub fn batch_norm_forward(
    norm: &Norm<'_>,
    x: &[f32],
    residual: Option<&[f32]>,
    out: &mut [f32],
    mean: &mut [f32],
    var: &mut [f32],
) {
    check(norm, mean, var, x);
    batch_statistics(x, mean, var);
    affine_forward(norm, mean, var, x, residual, out);
}

/// Gradients of [`batch_norm_forward`].
///
/// `out`, what the forward wrote, is needed only where a residual was added before the activation;
/// ReLU6, SiLU and GELU with a residual do not occur.
///
/// # Shapes
///
/// `x`, `out`, `grad_out`, `grad_x` and `grad_residual` `[pixels, channels]`, all else
/// `[channels]`.
#[allow(clippy::too_many_arguments, reason = "one slice for each tensor")]
pub fn batch_norm_backward(
    norm: &Norm<'_>,
    x: &[f32],
    mean: &[f32],
    var: &[f32],
    out: Option<&[f32]>,
    grad_out: &[f32],
    grad_x: &mut [f32],
    grad_residual: Option<&mut [f32]>,
    grad_gamma: &mut [f32],
    grad_beta: &mut [f32],
) {
    check(norm, mean, var, x);
    assert!(x.len() == grad_out.len() && x.len() == grad_x.len());
    if x.is_empty() {
        grad_gamma.fill(0.0);
        grad_beta.fill(0.0);
        return;
    }
    let chunks = Chunks::new(x.len(), mean.len());
    let coefficients = Coefficients::new(norm, mean, var, chunks.width);
    let activate = activate(norm, out);
    match grad_residual {
        // The gradient of the sum is written once and read in the second pass.
        Some(grad_residual) => {
            assert_eq!(x.len(), grad_residual.len());
            let pass = Backward { activate, x, out, grad_out, coefficients: &coefficients };
            gradient_sums(&chunks, &pass, Some(grad_residual), None, grad_gamma, grad_beta);
            let coefficients = coefficients.about_batch(norm, var, grad_gamma, grad_beta, x.len());
            let activate = Activate::None;
            let grad_out = &*grad_residual;
            let pass = Backward { activate, x, out: None, grad_out, coefficients: &coefficients };
            input_gradient(&chunks, &pass, grad_x);
        }
        None => {
            let pass = Backward { activate, x, out, grad_out, coefficients: &coefficients };
            gradient_sums(&chunks, &pass, None, None, grad_gamma, grad_beta);
            let coefficients = coefficients.about_batch(norm, var, grad_gamma, grad_beta, x.len());
            input_gradient(&chunks, &Backward { coefficients: &coefficients, ..pass }, grad_x);
        }
    }
}

/// Normalises with the given statistics.
///
/// # Shapes
///
/// Those of [`batch_norm_forward`].
pub fn affine_forward(
    norm: &Norm<'_>,
    mean: &[f32],
    var: &[f32],
    x: &[f32],
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    check(norm, mean, var, x);
    assert_eq!(x.len(), out.len());
    assert!(residual.is_none_or(|residual| residual.len() == x.len()));
    if x.is_empty() {
        return;
    }
    let chunks = Chunks::new(x.len(), mean.len());
    let coefficients = Coefficients::new(norm, mean, var, chunks.width).folded();
    let (len, channels) = (chunks.chunk * chunks.channels, chunks.channels);
    let stream = simd::streams(out, channels);
    out.par_chunks_mut(len).zip(x.par_chunks(len)).enumerate().for_each(|(chunk, (out, x))| {
        let residual = residual.map(|residual| &residual[chunk * len..][..x.len()]);
        let coefficients = &coefficients;
        let activation = norm.activation;
        Forward { activation, channels, x, residual, coefficients, stream }.run(chunks.set, out);
    });
}

/// A normalization with given statistics as `x * scale + shift`, channel by channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleAndShift {
    /// What each channel is multiplied with.
    pub scale: Vec<f32>,
    /// What is added to each channel.
    pub shift: Vec<f32>,
}

/// What [`affine_forward`] multiplies with and adds: with these as its [`super::Epilogue`], a convolution
/// writes the same bits as one without and the normalisation after it.
pub fn scale_and_shift(norm: &Norm<'_>, mean: &[f32], var: &[f32]) -> ScaleAndShift {
    let Coefficients { scale, beta, .. } = Coefficients::new(norm, mean, var, 1).folded();
    ScaleAndShift { scale, shift: beta }
}

/// Gradients of [`affine_forward`]: the statistics are constants.
///
/// # Shapes
///
/// Those of [`batch_norm_backward`].
#[allow(clippy::too_many_arguments, reason = "one slice for each tensor")]
pub fn affine_backward(
    norm: &Norm<'_>,
    mean: &[f32],
    var: &[f32],
    x: &[f32],
    out: Option<&[f32]>,
    grad_out: &[f32],
    grad_x: &mut [f32],
    grad_residual: Option<&mut [f32]>,
    grad_gamma: &mut [f32],
    grad_beta: &mut [f32],
) {
    check(norm, mean, var, x);
    assert!(x.len() == grad_out.len() && x.len() == grad_x.len());
    assert!(grad_residual.as_ref().is_none_or(|grad| grad.len() == x.len()));
    if x.is_empty() {
        grad_gamma.fill(0.0);
        grad_beta.fill(0.0);
        return;
    }
    let chunks = Chunks::new(x.len(), mean.len());
    let coefficients = Coefficients::new(norm, mean, var, chunks.width);
    let activate = activate(norm, out);
    let pass = Backward { activate, x, out, grad_out, coefficients: &coefficients };
    gradient_sums(&chunks, &pass, grad_residual, Some(grad_x), grad_gamma, grad_beta);
}

fn check(norm: &Norm<'_>, mean: &[f32], var: &[f32], x: &[f32]) {
    let channels = norm.gamma.len();
    assert!(channels > 0 && x.len().is_multiple_of(channels), "{} of {channels}", x.len());
    assert!([norm.beta.len(), mean.len(), var.len()] == [channels; 3]);
}

fn activate(norm: &Norm<'_>, out: Option<&[f32]>) -> Activate {
    match (norm.activation, out) {
        (Activation::None, _) => Activate::None,
        (Activation::Relu, None) => Activate::Relu,
        (Activation::Relu, Some(_)) => Activate::ReluOfOut,
        (Activation::Relu6, _) => Activate::Relu6,
        (Activation::Silu, _) => Activate::Silu,
        (Activation::Gelu, _) => Activate::Gelu,
    }
}

/// How the pixels are divided into chunks. It depends on the shape alone, not on the number of
/// threads.
struct Chunks {
    set: InstructionSet,
    width: usize,
    channels: usize,
    pixels: usize,
    /// Pixels of a chunk.
    chunk: usize,
}

impl Chunks {
    fn new(len: usize, channels: usize) -> Self {
        const CHUNK_FLOATS: usize = 32 * 1024;
        let set = InstructionSet::current();
        // Few enough for a sum in `f32`.
        let chunk = (CHUNK_FLOATS / channels).clamp(32, 256);
        Self { set, width: simd::width(set), channels, pixels: len / channels, chunk }
    }

    fn num_chunks(&self) -> usize {
        self.pixels.div_ceil(self.chunk)
    }

    fn pixels_of(&self, chunk: usize) -> Range<usize> {
        chunk * self.chunk..self.pixels.min((chunk + 1) * self.chunk)
    }

    fn padded(&self) -> usize {
        self.channels.next_multiple_of(self.width)
    }

    /// Two sums for each channel, of each chunk as \[chunk\]\[sum\]\[padded channel\].
    fn chunk_sums(&self, f: impl Fn(usize, &mut [f32], &mut [f32]) + Sync) -> Scratch {
        let mut sums = Scratch::new(self.num_chunks() * 2 * self.padded());
        let chunks = sums.par_chunks_mut(2 * self.padded()).with_max_len(4).enumerate();
        // What was written last before is still in the cache, and so is for the next pass what comes
        // first there.
        chunks.rev().for_each(|(chunk, sums)| {
            sums.fill(0.0);
            let (first, second) = sums.split_at_mut(self.padded());
            f(chunk, first, second);
        });
        sums
    }

    /// Calls `f(first channel, target, second target)` for a few channels at a time.
    fn for_channels(
        &self,
        a: &mut [f32],
        b: &mut [f32],
        f: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
    ) {
        a.par_chunks_mut(CHANNELS)
            .zip(b.par_chunks_mut(CHANNELS))
            .enumerate()
            .for_each(|(idx, (a, b))| f(idx * CHANNELS, a, b));
    }
}

/// Channels that are combined together: sums of a chunk stand side by side, those of the next chunk far
/// away.
const CHANNELS: usize = 64;

/// Mean and biased variance of each channel.
fn batch_statistics(x: &[f32], mean: &mut [f32], var: &mut [f32]) {
    if x.is_empty() {
        mean.fill(0.0);
        var.fill(0.0);
        return;
    }
    let chunks = Chunks::new(x.len(), mean.len());
    let channels = chunks.channels;
    let sums = chunks.chunk_sums(|chunk, sum, squares| {
        let pixels = chunks.pixels_of(chunk);
        let x = &x[pixels.start * channels..pixels.end * channels];
        Statistics { channels, x }.run(chunks.set, sum, squares);
    });
    chunks.for_channels(mean, var, |first, mean, var| {
        let channels = first..first + mean.len();
        let mut averages = [0.0; CHANNELS];
        for_moments(&chunks, &sums, x, channels.clone(), |idx, count, mean, _| {
            averages[idx] += count * mean;
        });
        averages.iter_mut().for_each(|average| *average /= chunks.pixels as f64);
        let mut totals = [0.0; CHANNELS];
        for_moments(&chunks, &sums, x, channels, |idx, count, mean, squares| {
            totals[idx] += squares + count * (mean - averages[idx]).powi(2);
        });
        for (idx, (mean, var)) in mean.iter_mut().zip(var).enumerate() {
            *mean = averages[idx] as f32;
            *var = (totals[idx] / chunks.pixels as f64) as f32;
        }
    });
}

/// Calls `f(idx, pixels, mean, sum of squares about the mean)` for each chunk and each of `channels`, of
/// which `idx` counts from the first.
#[inline(always)]
fn for_moments(
    chunks: &Chunks,
    sums: &[f32],
    x: &[f32],
    channels: Range<usize>,
    mut f: impl FnMut(usize, f64, f64, f64),
) {
    for (chunk, sums) in sums.chunks_exact(2 * chunks.padded()).enumerate() {
        let pixels = chunks.pixels_of(chunk);
        let count = pixels.len() as f64;
        // What the sums of this chunk are about.
        let origins = &x[pixels.start * chunks.channels..][channels.clone()];
        let (sums, squares) = sums.split_at(chunks.padded());
        let parts = sums[channels.clone()].iter().zip(&squares[channels.clone()]).zip(origins);
        for (idx, ((sum, squares), origin)) in parts.enumerate() {
            let sum = f64::from(*sum);
            let squares = f64::from(*squares) - sum * sum / count;
            f(idx, count, f64::from(*origin) + sum / count, squares.max(0.0));
        }
    }
}

/// Gradients of gamma and beta, and on the way those of the sum and of the input.
fn gradient_sums(
    chunks: &Chunks,
    pass: &Backward<'_>,
    grad_sum: Option<&mut [f32]>,
    grad_x: Option<&mut [f32]>,
    grad_gamma: &mut [f32],
    grad_beta: &mut [f32],
) {
    assert!(grad_gamma.len() == chunks.channels && grad_beta.len() == chunks.channels);
    let stream = grad_sum.as_ref().is_some_and(|grad| simd::streams(grad, chunks.channels));
    let grad_sum = grad_sum.map(|grad| Shared(grad.as_mut_ptr()));
    let grad_x = grad_x.map(|grad| Shared(grad.as_mut_ptr()));
    let sums = chunks.chunk_sums(|chunk, sum, product| {
        let pixels = chunks.pixels_of(chunk);
        let range = pixels.start * chunks.channels..pixels.end * chunks.channels;
        let part = |grad: Shared<*mut f32>| {
            // SAFETY: the slice is as long as `x`, and the range is this chunk's own.
            unsafe { std::slice::from_raw_parts_mut(grad.get().add(range.start), range.len()) }
        };
        let (grad_sum, grad_x) = (grad_sum.map(part), grad_x.map(part));
        pass.part(range).sums(chunks.set, grad_sum, stream, grad_x, sum, product);
    });
    let inverse = &pass.coefficients.inverse;
    chunks.for_channels(grad_gamma, grad_beta, |first, gamma, beta| {
        let (mut totals, mut products) = ([0.0; CHANNELS], [0.0; CHANNELS]);
        for sums in sums.chunks_exact(2 * chunks.padded()) {
            let (sum, product) = sums.split_at(chunks.padded());
            let add = |totals: &mut [f64; CHANNELS], sums: &[f32]| {
                for (total, sum) in totals.iter_mut().zip(&sums[first..][..beta.len()]) {
                    *total += f64::from(*sum);
                }
            };
            add(&mut totals, sum);
            add(&mut products, product);
        }
        for (idx, (gamma, beta)) in gamma.iter_mut().zip(beta).enumerate() {
            *beta = totals[idx] as f32;
            *gamma = (products[idx] * f64::from(inverse[first + idx])) as f32;
        }
    });
}

/// The gradient of the input where the statistics are those of the batch.
fn input_gradient(chunks: &Chunks, pass: &Backward<'_>, grad_x: &mut [f32]) {
    let len = chunks.chunk * chunks.channels;
    let stream = simd::streams(grad_x, chunks.channels);
    grad_x.par_chunks_mut(len).enumerate().for_each(|(chunk, grad_x)| {
        pass.part(chunk * len..chunk * len + grad_x.len()).input(chunks.set, grad_x, stream);
    });
}
