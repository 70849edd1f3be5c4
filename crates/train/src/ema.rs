//! A moving average of the weights.

use dermx_model::NamedTensor;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The exponential moving average of parameters and running statistics, starting from the weights
/// that training starts from: after each step `a = a + (1 - decay) (w - a)`.
///
/// # Source
/// Polyak and Juditsky, 1992; as timm's `ModelEmaV2`.
#[derive(Debug, Clone)]
pub(crate) struct Ema {
    decay: f64,
    weights: BTreeMap<String, NamedTensor>,
}

impl Ema {
    pub const fn new(decay: f64, weights: BTreeMap<String, NamedTensor>) -> Self {
        Self { decay, weights }
    }

    pub const fn weights(&self) -> &BTreeMap<String, NamedTensor> {
        &self.weights
    }

    /// Takes in the weights after a step.
    pub fn update(&mut self, weights: &BTreeMap<String, NamedTensor>) {
        let share = (1.0 - self.decay) as f32;
        for (name, average) in &mut self.weights {
            if let Some(tensor) = weights.get(name) {
                let pairs = average.values.par_iter_mut().zip(&tensor.values);
                pairs.for_each(|(average, value)| *average += share * (value - *average));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ema;
    use dermx_model::NamedTensor;
    use std::collections::BTreeMap;

    fn weights(values: [f32; 2]) -> BTreeMap<String, NamedTensor> {
        BTreeMap::from([("w".into(), NamedTensor { shape: vec![2], values: values.to_vec() })])
    }

    #[test]
    fn the_average_moves_by_its_share_and_stays_where_nothing_moves() {
        let mut ema = Ema::new(0.75, weights([0.0, 0.1]));
        ema.update(&weights([4.0, 0.1]));
        // 0 + 0.25 (4 - 0) = 1; then 1 + 0.25 (2 - 1) = 1.25
        assert_eq!(ema.weights()["w"].values, [1.0, 0.1]);
        ema.update(&weights([2.0, 0.1]));
        assert_eq!(ema.weights()["w"].values, [1.25, 0.1]);
    }
}
