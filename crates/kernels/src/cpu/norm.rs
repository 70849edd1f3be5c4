//! Normalisation over channels, fused with a residual sum and an activation.

use rayon::prelude::*;

use super::{Activation, Norm};

/// Normalises with the statistics of the batch: act((x - mean) / sqrt(var + eps) · gamma + beta
/// \[+ residual\]), and writes mean and biased variance.
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
    let channels = norm.gamma.len();
    let pixels = (x.len() / channels).max(1) as f64;
    mean.par_iter_mut().zip(var.par_iter_mut()).enumerate().for_each(|(c, (mean, var))| {
        let values = || x[c..].iter().step_by(channels).map(|value| f64::from(*value));
        let average = values().sum::<f64>() / pixels;
        *mean = average as f32;
        *var = (values().map(|value| (value - average).powi(2)).sum::<f64>() / pixels) as f32;
    });
    affine_forward(norm, mean, var, x, residual, out);
}

/// Gradients of [`batch_norm_forward`].
///
/// `out`, what the forward wrote, is needed only where a residual was added before the activation;
/// SiLU with a residual does not occur.
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
    affine_backward(
        norm,
        mean,
        var,
        x,
        out,
        grad_out,
        grad_x,
        grad_residual,
        grad_gamma,
        grad_beta,
    );
    let channels = norm.gamma.len();
    let pixels = (x.len() / channels).max(1) as f32;
    grad_x.par_chunks_mut(channels).zip(x.par_chunks(channels)).for_each(|(grad_x, x)| {
        for c in 0..channels {
            let inverse = 1.0 / (var[c] + norm.epsilon).sqrt();
            let normalised = (x[c] - mean[c]) * inverse;
            grad_x[c] -=
                norm.gamma[c] * inverse * (grad_beta[c] + normalised * grad_gamma[c]) / pixels;
        }
    });
}

/// Normalises with the given statistics.
pub fn affine_forward(
    norm: &Norm<'_>,
    mean: &[f32],
    var: &[f32],
    x: &[f32],
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let channels = norm.gamma.len();
    out.par_chunks_mut(channels).enumerate().for_each(|(pixel, out)| {
        for c in 0..channels {
            let idx = pixel * channels + c;
            let inverse = 1.0 / (var[c] + norm.epsilon).sqrt();
            let y = (x[idx] - mean[c]) * inverse * norm.gamma[c] + norm.beta[c];
            let y = y + residual.map_or(0.0, |residual| residual[idx]);
            out[c] = match norm.activation {
                Activation::None => y,
                Activation::Relu => y.max(0.0),
                Activation::Silu => y / (1.0 + (-y).exp()),
            };
        }
    });
}

/// Gradients of [`affine_forward`]: the statistics are constants.
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
    let channels = norm.gamma.len();
    let normalised = |idx: usize, c: usize| (x[idx] - mean[c]) / (var[c] + norm.epsilon).sqrt();
    let grad_sum = |idx: usize, c: usize| {
        let y = normalised(idx, c) * norm.gamma[c] + norm.beta[c];
        match norm.activation {
            Activation::None => grad_out[idx],
            Activation::Relu if out.map_or(y, |out| out[idx]) > 0.0 => grad_out[idx],
            Activation::Relu => 0.0,
            Activation::Silu => {
                let sigmoid = 1.0 / (1.0 + (-y).exp());
                grad_out[idx] * sigmoid * (1.0 + y * (1.0 - sigmoid))
            }
        }
    };
    grad_gamma.par_iter_mut().zip(grad_beta.par_iter_mut()).enumerate().for_each(
        |(c, (gamma, beta))| {
            let (mut sum, mut product) = (0.0f64, 0.0f64);
            for idx in (c..x.len()).step_by(channels) {
                let grad = grad_sum(idx, c);
                sum += f64::from(grad);
                product += f64::from(grad * normalised(idx, c));
            }
            (*gamma, *beta) = (product as f32, sum as f32);
        },
    );
    if let Some(grad_residual) = grad_residual {
        grad_residual
            .par_iter_mut()
            .enumerate()
            .for_each(|(idx, grad)| *grad = grad_sum(idx, idx % channels));
    }
    grad_x.par_iter_mut().enumerate().for_each(|(idx, grad)| {
        let c = idx % channels;
        *grad = grad_sum(idx, c) * norm.gamma[c] / (var[c] + norm.epsilon).sqrt();
    });
}
