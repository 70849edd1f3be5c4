//! Averages of the weights.

use crate::finite::NonFinite;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use dermx_kernels::with_values;
use dermx_model::{NamedTensor, Network, ParameterPath, export_weights};
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
        move_averages(&mut self.weights, network, (1.0 - self.decay) as f32, "ema")
    }
}

/// The mean of parameters and running statistics at the ends of epochs: the `n`-th moves it by
/// `a = a + (w - a) / n`.
///
/// # Source
/// Izmailov et al., 2018, <https://arxiv.org/abs/1803.05407>; as `torch.optim.swa_utils.AveragedModel` with
/// `use_buffers=True`.
#[derive(Debug, Clone)]
pub(crate) struct Swa {
    /// None before the first epoch that counts.
    weights: Option<BTreeMap<String, NamedTensor>>,
}

impl Swa {
    pub const fn new(weights: Option<BTreeMap<String, NamedTensor>>) -> Self {
        Self { weights }
    }

    pub const fn weights(&self) -> Option<&BTreeMap<String, NamedTensor>> {
        self.weights.as_ref()
    }

    /// Adds the weights of `network` to the mean of the `num_before` epochs before.
    ///
    /// # Errors
    /// The first mean that is not finite.
    pub fn add(&mut self, network: &Network, num_before: u32) -> Result<(), NonFinite> {
        let share = (1.0 / f64::from(num_before + 1)) as f32;
        match &mut self.weights {
            Some(weights) => move_averages(weights, network, share, "swa"),
            None => {
                self.weights = Some(export_weights(network));
                Ok(())
            }
        }
    }
}

/// Moves `averages` by `share` of their distance to the weights of `network`; `kind` names them in errors.
fn move_averages(
    averages: &mut BTreeMap<String, NamedTensor>,
    network: &Network,
    share: f32,
    kind: &'static str,
) -> Result<(), NonFinite> {
    let path = ParameterPath::default();
    let mut averager = Averager { path, share, averages, kind, non_finite: None };
    // `valid` makes Burn apply pending updates of running statistics; it copies no weights.
    network.valid().visit(&mut averager);
    averager.non_finite.map_or(Ok(()), Err)
}

struct Averager<'a> {
    path: ParameterPath,
    share: f32,
    averages: &'a mut BTreeMap<String, NamedTensor>,
    kind: &'static str,
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
            self.non_finite = NonFinite::in_values(&format!("{}.{name}", self.kind), averages);
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
    use super::{Ema, Swa, update, update_transposed};
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

    #[derive(serde::Deserialize)]
    struct Means {
        weights: Vec<Vec<f32>>,
        means: Vec<Vec<f32>>,
    }

    #[test]
    fn means_of_epochs_are_those_of_pytorch() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/optimizer/swa.json");
        let golden = std::fs::read_to_string(path).unwrap();
        let golden: Means = serde_json::from_str(&golden).unwrap();
        let network = NetworkConfig::torchvision(Architecture::RESNET18, 3).init(&Device::flex());
        let mut weights = initial_weights(&network, 1);
        let mut swa = Swa::new(None);
        for (idx, (values, means)) in golden.weights.iter().zip(&golden.means).enumerate() {
            weights.get_mut("fc.bias").unwrap().values = values[..3].to_vec();
            // Statistics are averaged, too.
            weights.get_mut("bn1.running_mean").unwrap().values[..3].copy_from_slice(&values[3..]);
            let network = import_weights(network.clone(), &weights).unwrap();
            assert_eq!(swa.add(&network, idx as u32), Ok(()));
            let found = swa.weights().unwrap();
            let statistics = &found["bn1.running_mean"].values[..3];
            for (found, mean) in found["fc.bias"].values.iter().chain(statistics).zip(means) {
                assert!((found - mean).abs() < 1e-6, "{idx}: {found} {mean}");
            }
            // What stays the same is its own mean.
            assert_eq!(found["conv1.weight"], weights["conv1.weight"]);
        }
        assert_eq!(golden.means.len(), 4);
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
