//! The arithmetic of Adam and AdamW.

use super::chunk::CHUNK;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What Adam and AdamW are built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// Decay of the first moment, `beta_1`.
    pub beta_1: f32,
    /// Decay of the second moment, `beta_2`.
    pub beta_2: f32,
    /// Added to the root of the second moment after bias correction.
    pub epsilon: f32,
    /// Weight decay `d`: Adam adds `d w` to the gradient, AdamW takes `lr d w` off the weight.
    pub weight_decay: f32,
}

/// How weights decay in a step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decay {
    None,
    /// This times the weight is added to the gradient.
    InGradient(f32),
    /// The weight is multiplied by this.
    OfWeight(f32),
}

impl Decay {
    /// `weight_decay` times the weight, added to the gradient.
    pub const fn in_gradient(weight_decay: f32) -> Self {
        if weight_decay == 0.0 { Self::None } else { Self::InGradient(weight_decay) }
    }
}

/// The arithmetic of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct AdamRule {
    config: AdamConfig,
    decay: Decay,
    /// `lr / (1 - beta_1^t)`.
    step_size: f32,
    /// `sqrt(1 - beta_2^t)`.
    second_root: f32,
}

impl AdamRule {
    /// Step `num_steps`, counted from 1.
    pub fn new(config: AdamConfig, decay: Decay, learning_rate: f64, num_steps: u32) -> Self {
        let correction = |beta: f32| 1.0 - f64::from(beta).powi(num_steps as i32);
        Self {
            config,
            decay,
            step_size: (learning_rate / correction(config.beta_1)) as f32,
            second_root: correction(config.beta_2).sqrt() as f32,
        }
    }

    /// Makes the step. Returns whether weights and moments are finite afterwards.
    pub fn apply(&self, weights: &mut [f32], gradient: &[f32], moments: [&mut [f32]; 2]) -> bool {
        match self.decay {
            Decay::None => self.pass(weights, gradient, moments, |_, gradient| gradient),
            Decay::InGradient(decay) => {
                self.pass(weights, gradient, moments, |weight, gradient| gradient + decay * *weight)
            }
            Decay::OfWeight(kept) => self.pass(weights, gradient, moments, |weight, gradient| {
                *weight *= kept;
                gradient
            }),
        }
    }

    /// One pass over a parameter; `decayed` is what the gradient of a weight becomes.
    fn pass(
        &self,
        weights: &mut [f32],
        gradient: &[f32],
        [first, second]: [&mut [f32]; 2],
        decayed: impl Fn(&mut f32, f32) -> f32 + Sync,
    ) -> bool {
        let Self { config, step_size, second_root, .. } = *self;
        let AdamConfig { beta_1, beta_2, epsilon, .. } = config;
        let moments = first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK));
        let chunks = weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        let are_finite = chunks.zip(moments).map(|((weights, gradient), (first, second))| {
            let mut are_finite = true;
            let moments = first.iter_mut().zip(second);
            for ((weight, &gradient), (first, second)) in
                weights.iter_mut().zip(gradient).zip(moments)
            {
                let gradient = decayed(weight, gradient);
                *first = *first * beta_1 + gradient * (1.0 - beta_1);
                *second = *second * beta_2 + gradient * gradient * (1.0 - beta_2);
                *weight -= *first / (second.sqrt() / second_root + epsilon) * step_size;
                are_finite &= weight.is_finite() & first.is_finite() & second.is_finite();
            }
            are_finite
        });
        are_finite.reduce(|| true, |one, other| one & other)
    }
}
