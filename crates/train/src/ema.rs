//! A moving average of the weights.

use crate::finite::NonFinite;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use dermx_kernels::with_values;
use dermx_model::{NamedTensor, Network, ParameterPath};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Number of values that one thread moves at a time.
const CHUNK: usize = 1 << 14;

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

    /// Updates the average with the weights of `network`, without copying them.
    ///
    /// # Errors
    /// The first average that is not finite.
    pub fn update(&mut self, network: &Network) -> Result<(), NonFinite> {
        let mut averager = Averager {
            path: ParameterPath::default(),
            share: (1.0 - self.decay) as f32,
            averages: &mut self.weights,
            non_finite: None,
        };
        // `valid` makes Burn apply pending updates of running statistics; it copies no weights.
        network.valid().visit(&mut averager);
        averager.non_finite.map_or(Ok(()), Err)
    }
}

struct Averager<'a> {
    path: ParameterPath,
    share: f32,
    averages: &'a mut BTreeMap<String, NamedTensor>,
    non_finite: Option<NonFinite>,
}

impl ModuleVisitor for Averager<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, is_linear) = (self.path.name(), self.path.is_linear_weight());
        let Some(NamedTensor { shape, values: averages }) = self.averages.get_mut(&name) else {
            return;
        };
        let share = self.share;
        let are_finite = with_values(param.val(), |values| match (is_linear, shape.as_slice()) {
            (true, &[outputs, inputs]) => {
                update_transposed(averages, values, [outputs, inputs], share)
            }
            _ => {
                let chunks = averages.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
                let are_finite = chunks.map(|(averages, values)| update(averages, values, share));
                are_finite.reduce(|| true, |one, other| one & other)
            }
        });
        if !are_finite && self.non_finite.is_none() {
            self.non_finite = NonFinite::in_values(&format!("ema.{name}"), averages);
        }
    }
}

/// Whether the averages are finite afterwards.
fn update<'a>(averages: &mut [f32], values: impl IntoIterator<Item = &'a f32>, share: f32) -> bool {
    let mut are_finite = true;
    for (average, value) in averages.iter_mut().zip(values) {
        *average += share * (value - *average);
        are_finite &= average.is_finite();
    }
    are_finite
}

/// As [`update`]; `averages` are `[outputs, inputs]`, `values` as Burn keeps them,
/// `[inputs, outputs]`.
fn update_transposed(
    averages: &mut [f32],
    values: &[f32],
    [outputs, inputs]: [usize; 2],
    share: f32,
) -> bool {
    let rows = averages.chunks_mut(inputs.max(1)).enumerate();
    rows.fold(true, |are_finite, (output, averages)| {
        let column = values.iter().skip(output).step_by(outputs.max(1));
        are_finite & update(averages, column, share)
    })
}

#[cfg(test)]
mod tests {
    use super::{Ema, update, update_transposed};
    use crate::initialize::initial_weights;
    use burn::tensor::Device;
    use dermx_model::{Architecture, NetworkConfig, export_weights, import_weights};

    #[test]
    fn the_average_moves_by_its_share_and_stays_where_nothing_moves() {
        let mut averages = [0.0, 0.1];
        assert!(update(&mut averages, &[4.0, 0.1], 0.25));
        // 0 + 0.25 (4 - 0) = 1; then 1 + 0.25 (2 - 1) = 1.25
        assert_eq!(averages, [1.0, 0.1]);
        assert!(update(&mut averages, &[2.0, 0.1], 0.25));
        assert_eq!(averages, [1.25, 0.1]);
    }

    #[test]
    fn a_matrix_is_averaged_with_its_transpose() {
        // [outputs 2, inputs 3] against [inputs, outputs] with rows (1 4), (2 5), (3 6).
        let mut averages = [0.0; 6];
        let values = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
        assert!(update_transposed(&mut averages, &values, [2, 3], 0.5));
        assert_eq!(averages, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]);
    }

    #[test]
    fn the_average_of_a_network_has_the_bits_of_that_of_its_exported_weights() {
        let network =
            NetworkConfig::torchvision(Architecture::EFFICIENTNET_B0, 3).init(&Device::flex());
        let [start, moved] = [1, 2].map(|seed| initial_weights(&network, seed));
        let network = import_weights(network, &moved).unwrap();
        let mut ema = Ema::new(0.9, start.clone());
        assert_eq!(ema.update(&network), Ok(()));
        for (name, tensor) in export_weights(&network) {
            let mut expected = start[&name].values.clone();
            let pairs = expected.iter_mut().zip(&tensor.values);
            let share = (1.0 - 0.9_f64) as f32;
            pairs.for_each(|(average, value)| *average += share * (value - *average));
            assert_eq!(ema.weights()[&name].values, expected, "{name}");
        }
    }

    #[test]
    fn an_average_that_overflows_is_named() {
        let network = NetworkConfig::torchvision(Architecture::RESNET18, 3).init(&Device::flex());
        let mut weights = initial_weights(&network, 1);
        let bias = |value: f32| vec![value; 3];
        weights.get_mut("fc.bias").unwrap().values = bias(f32::MAX);
        let network = import_weights(network, &weights).unwrap();
        weights.get_mut("fc.bias").unwrap().values = bias(f32::MIN);
        // MAX - MIN is infinite.
        let error = Ema::new(0.9, weights).update(&network).unwrap_err();
        assert_eq!(error.to_string(), "`ema.fc.bias` holds inf");
    }
}
