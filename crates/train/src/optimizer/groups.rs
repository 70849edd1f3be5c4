//! What differs between the parameters of a network.

use dermx_model::{Network, num_stages_behind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What differs between the parameters of a network in a step; the default treats all alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
}

impl Default for ParameterGroups {
    fn default() -> Self {
        Self { decay_norms_and_biases: true, layer_decay: 1.0 }
    }
}

/// [`ParameterGroups`] of one network.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    config: ParameterGroups,
    /// Number of stages between a parameter and the output, by name.
    depths: BTreeMap<String, usize>,
}

impl Groups {
    pub fn new(config: ParameterGroups, network: &Network) -> Self {
        Self { config, depths: num_stages_behind(network) }
    }

    /// Whether the parameter with `num_dims` dimensions decays.
    pub const fn decays(&self, num_dims: usize) -> bool {
        self.config.decay_norms_and_biases || num_dims > 1
    }

    /// Factor on the learning rate of the parameter `name`.
    pub fn rate_factor(&self, name: &str) -> f64 {
        let depth = self.depths.get(name).copied().unwrap_or(0);
        self.config.layer_decay.powi(depth as i32)
    }
}
