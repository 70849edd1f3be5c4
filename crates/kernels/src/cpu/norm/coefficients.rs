//! What the passes multiply with and add, channel by channel.

use crate::cpu::Norm;

/// One number for each channel, padded with zeros to whole vectors.
#[derive(Clone)]
pub(super) struct Coefficients {
    pub channels: usize,
    pub mean: Vec<f32>,
    /// 1 / sqrt(var + eps).
    pub inverse: Vec<f32>,
    /// gamma / sqrt(var + eps).
    pub scale: Vec<f32>,
    pub beta: Vec<f32>,
    /// What is added to the gradient of the input: constant + slope · (x - mean).
    pub constant: Vec<f32>,
    pub slope: Vec<f32>,
}

impl Coefficients {
    pub fn new(norm: &Norm<'_>, mean: &[f32], var: &[f32], width: usize) -> Self {
        let channels = mean.len();
        let padded = |f: &dyn Fn(usize) -> f32| {
            let mut values: Vec<f32> = (0..channels).map(f).collect();
            values.resize(channels.next_multiple_of(width), 0.0);
            values
        };
        let inverse =
            |c: usize| (1.0 / (f64::from(var[c]) + f64::from(norm.epsilon)).sqrt()) as f32;
        Self {
            channels,
            mean: padded(&|c| mean[c]),
            inverse: padded(&inverse),
            scale: padded(&|c| norm.gamma[c] * inverse(c)),
            beta: padded(&|c| norm.beta[c]),
            constant: padded(&|_| 0.0),
            slope: padded(&|_| 0.0),
        }
    }

    /// For the output alone: x · scale + (beta - mean · scale), as a convolution's epilogue has it.
    pub fn folded(mut self) -> Self {
        let parts = self.beta.iter_mut().zip(&mut self.mean).zip(&self.scale);
        for ((beta, mean), scale) in parts {
            *beta -= *mean * scale;
            *mean = 0.0;
        }
        self
    }

    /// With the gradient's share that goes through the mean and variance of the batch.
    pub fn about_batch(
        &self,
        norm: &Norm<'_>,
        var: &[f32],
        grad_gamma: &[f32],
        grad_beta: &[f32],
        len: usize,
    ) -> Self {
        let mut of_batch = self.clone();
        let pixels = (len / self.channels) as f64;
        for c in 0..self.channels {
            let inverse = 1.0 / (f64::from(var[c]) + f64::from(norm.epsilon)).sqrt();
            let share = -f64::from(norm.gamma[c]) * inverse / pixels;
            of_batch.constant[c] = (share * f64::from(grad_beta[c])) as f32;
            of_batch.slope[c] = (share * inverse * f64::from(grad_gamma[c])) as f32;
        }
        of_batch
    }
}
