//! What differs between the parameters of a network.

use crate::error::TrainError;
use dermx_model::{Network, matching_parameters, num_stages_behind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What differs between the parameters of a network in a step; the default treats all alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterGroups {
    /// Whether parameters of one dimension decay, too: biases, and scale and shift of normalizations.
    pub decay_norms_and_biases: bool,
    /// The learning rate of each stage ([`dermx_model::stages`]) is this times that of the stage behind
    /// it; the head has the whole rate. 1: all have.
    ///
    /// # Source
    /// Clark et al., 2020 (<https://arxiv.org/abs/2003.10555>); Bao et al., 2022
    /// (<https://arxiv.org/abs/2106.08254>), whose layers are stages here.
    pub layer_decay: f64,
    /// Factors on the learning rate by patterns of names, as in [`dermx_model::set_trainable`]. A
    /// parameter has the product of all that match it.
    pub rate_factors: BTreeMap<String, f64>,
    /// Factors on weight decay, likewise.
    pub decay_factors: BTreeMap<String, f64>,
}

impl Default for ParameterGroups {
    fn default() -> Self {
        Self {
            decay_norms_and_biases: true,
            layer_decay: 1.0,
            rate_factors: BTreeMap::new(),
            decay_factors: BTreeMap::new(),
        }
    }
}

/// [`ParameterGroups`] of one network.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    decays_norms_and_biases: bool,
    /// Factors of each parameter that has one, by name.
    rate_factors: BTreeMap<String, f64>,
    decay_factors: BTreeMap<String, f64>,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            decays_norms_and_biases: true,
            rate_factors: BTreeMap::new(),
            decay_factors: BTreeMap::new(),
        }
    }
}

impl Groups {
    pub fn new(config: &ParameterGroups, network: &Network) -> Result<Self, TrainError> {
        let depths = num_stages_behind(network).into_iter();
        let of_depth = |depth: usize| config.layer_decay.powi(depth as i32);
        let mut rate_factors = depths.map(|(name, depth)| (name, of_depth(depth))).collect();
        multiply(&mut rate_factors, "rate_factors", &config.rate_factors, network)?;
        let mut decay_factors = BTreeMap::new();
        multiply(&mut decay_factors, "decay_factors", &config.decay_factors, network)?;
        let decays_norms_and_biases = config.decay_norms_and_biases;
        Ok(Self { decays_norms_and_biases, rate_factors, decay_factors })
    }

    /// Factor on the weight decay of the parameter `name` with `num_dims` dimensions.
    pub fn decay_factor(&self, name: &str, num_dims: usize) -> f64 {
        match self.decays_norms_and_biases || num_dims > 1 {
            true => self.decay_factors.get(name).copied().unwrap_or(1.0),
            false => 0.0,
        }
    }

    /// Factor on the learning rate of the parameter `name`.
    pub fn rate_factor(&self, name: &str) -> f64 {
        self.rate_factors.get(name).copied().unwrap_or(1.0)
    }
}

/// Multiplies the factors of parameters with those of the patterns that match them; `key` is for messages.
fn multiply(
    factors: &mut BTreeMap<String, f64>,
    key: &str,
    patterns: &BTreeMap<String, f64>,
    network: &Network,
) -> Result<(), TrainError> {
    for (pattern, factor) in patterns {
        let names = matching_parameters(network, pattern);
        let names = names.map_err(|error| TrainError::Groups(format!("{key}: {error}")))?;
        names.into_iter().for_each(|name| *factors.entry(name).or_insert(1.0) *= factor);
    }
    Ok(())
}
