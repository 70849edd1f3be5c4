//! The arithmetic of stochastic gradient descent.

use super::CHUNK;
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
    /// Without momentum there is no movement to keep.
    pub fn apply_plain(&self, weights: &mut [f32], gradient: &[f32]) {
        let Self { config: SgdConfig { weight_decay, .. }, step_size } = *self;
        let chunks = weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        chunks.for_each(|(weights, gradient)| {
            for (weight, &gradient) in weights.iter_mut().zip(gradient) {
                *weight -= step_size * (gradient + weight_decay * *weight);
            }
        });
    }

    pub fn apply(&self, weights: &mut [f32], gradient: &[f32], movement: &mut [f32]) {
        let Self { config: SgdConfig { momentum, nesterov, weight_decay }, step_size } = *self;
        let chunks = weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        chunks.zip(movement.par_chunks_mut(CHUNK)).for_each(|((weights, gradient), movement)| {
            let values = weights.iter_mut().zip(gradient);
            for ((weight, &gradient), movement) in values.zip(movement) {
                let gradient = gradient + weight_decay * *weight;
                *movement = momentum * *movement + gradient;
                let direction = if nesterov { gradient + momentum * *movement } else { *movement };
                *weight -= step_size * direction;
            }
        });
    }
}
