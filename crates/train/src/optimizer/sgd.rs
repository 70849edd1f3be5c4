//! The arithmetic of stochastic gradient descent.

use super::chunk::CHUNK;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What stochastic gradient descent is built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SgdConfig {
    /// Share of the last movement that is kept; 0 keeps none.
    pub momentum: f32,
    /// Whether the gradient is looked up ahead of the movement, after Nesterov.
    pub nesterov: bool,
    /// Weight decay `d`: `d w` is added to the gradient.
    pub weight_decay: f32,
}

/// The arithmetic of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct SgdRule {
    pub config: SgdConfig,
    pub step_size: f32,
}

impl SgdRule {
    /// A step without momentum, which has no state. Returns whether the weights are finite
    /// afterwards.
    pub fn apply_plain(&self, weights: &mut [f32], gradient: &[f32]) -> bool {
        let Self { config: SgdConfig { weight_decay, .. }, step_size } = *self;
        let chunks = weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        let are_finite = chunks.map(|(weights, gradient)| {
            let mut are_finite = true;
            for (weight, &gradient) in weights.iter_mut().zip(gradient) {
                *weight -= step_size * (gradient + weight_decay * *weight);
                are_finite &= weight.is_finite();
            }
            are_finite
        });
        are_finite.reduce(|| true, |one, other| one & other)
    }

    /// A step with momentum. Returns whether weights and state are finite afterwards.
    pub fn apply(&self, weights: &mut [f32], gradient: &[f32], movement: &mut [f32]) -> bool {
        let Self { config: SgdConfig { momentum, nesterov, weight_decay }, step_size } = *self;
        let chunks = weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        let movement = movement.par_chunks_mut(CHUNK);
        let are_finite = chunks.zip(movement).map(|((weights, gradient), movement)| {
            let mut are_finite = true;
            let values = weights.iter_mut().zip(gradient);
            for ((weight, &gradient), movement) in values.zip(movement) {
                let gradient = gradient + weight_decay * *weight;
                *movement = momentum * *movement + gradient;
                let direction = if nesterov { gradient + momentum * *movement } else { *movement };
                *weight -= step_size * direction;
                are_finite &= weight.is_finite() & movement.is_finite();
            }
            are_finite
        });
        are_finite.reduce(|| true, |one, other| one & other)
    }
}
