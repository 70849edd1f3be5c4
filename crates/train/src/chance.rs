//! What chance drops in training.

use burn::tensor::Tensor;
use dermx_data::Random;
use dermx_model::{DropSite, Network};

/// Dropout and stochastic depth of one network, as (seed, place, epoch, image id) say.
#[derive(Debug)]
pub(crate) struct Chance {
    seed: u64,
    sites: Vec<DropSite>,
}

impl Chance {
    pub fn new(network: &Network, seed: u64) -> Self {
        Self { seed, sites: network.drop_sites() }
    }

    /// What goes on from the tap `name` with the activation `x` of the images `ids`.
    pub fn apply(&self, name: &str, x: Tensor<4>, epoch: u32, ids: &[&str]) -> Tensor<4> {
        let Some(site) = self.sites.iter().find(|site| site.name == name) else { return x };
        let num_draws = site.num_draws(&x);
        let purpose = format!("drop {name}");
        let mut draws = Vec::with_capacity(ids.len() * num_draws);
        for id in ids {
            let mut random = Random::new(self.seed, &purpose, u64::from(epoch), id);
            draws.extend((0..num_draws).map(|_| random.unit()));
        }
        site.apply(x, &draws)
    }
}
