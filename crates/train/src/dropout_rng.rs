//! The random numbers of dropout and stochastic depth.

use burn::tensor::Tensor;
use dermx_data::Random;
use dermx_model::{DropSite, Network};

/// Draws what training drops in one network: a function of seed, tap, epoch and image id.
#[derive(Debug)]
pub(crate) struct DropoutRng {
    seed: u64,
    sites: Vec<DropSite>,
}

impl DropoutRng {
    pub fn new(network: &Network, seed: u64) -> Self {
        Self { seed, sites: network.drop_sites() }
    }

    /// The taps where something is dropped.
    pub fn taps(&self) -> Vec<&str> {
        self.sites.iter().map(|site| site.name.as_str()).collect()
    }

    /// `x`, the activation of the images `ids` at the tap `name`, after dropout.
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

#[cfg(test)]
mod tests {
    use super::DropoutRng;
    use burn::tensor::{Device, Tensor};
    use dermx_model::{DropSite, DropUnit};

    fn dropout(seed: u64) -> DropoutRng {
        let site = |name: &str, unit| DropSite { name: name.into(), rate: 0.5, unit };
        DropoutRng {
            seed,
            sites: vec![site("image", DropUnit::Image), site("value", DropUnit::Value)],
        }
    }

    /// Eight ones for each image, after dropout.
    fn left(rng: &DropoutRng, tap: &str, epoch: u32, ids: &[&str]) -> Vec<Vec<f32>> {
        let ones = Tensor::ones([ids.len(), 8, 1, 1], &Device::flex());
        let data = rng.apply(tap, ones, epoch, ids).into_data();
        data.iter::<f32>().collect::<Vec<f32>>().chunks(8).map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn what_is_dropped_depends_on_seed_place_epoch_and_image_alone() {
        let found = left(&dropout(1), "value", 1, &["a", "b"]);
        assert_ne!(found[0], found[1]);
        let turned = left(&dropout(1), "value", 1, &["b", "c", "a"]);
        assert_eq!([&turned[2], &turned[0]], [&found[0], &found[1]]);
        assert_ne!(left(&dropout(1), "value", 2, &["a", "b"]), found);
        assert_ne!(left(&dropout(2), "value", 1, &["a", "b"]), found);
    }

    #[test]
    fn half_is_dropped_and_the_rest_doubled() {
        let ids: Vec<String> = (0..200).map(|idx| idx.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for (tap, num_draws) in [("image", 200.0), ("value", 1600.0)] {
            let found = left(&dropout(3), tap, 1, &ids).concat();
            assert!(found.iter().all(|&value| value == 0.0 || value == 2.0));
            let mean = found.iter().sum::<f32>() / found.len() as f32;
            // Four standard deviations.
            assert!((mean - 1.0).abs() < 4.0 / f32::sqrt(num_draws), "{tap}: {mean}");
        }
    }

    #[test]
    fn other_taps_are_left_alone() {
        assert_eq!(left(&dropout(1), "stem", 1, &["a"]), [[1.0; 8]]);
    }
}
