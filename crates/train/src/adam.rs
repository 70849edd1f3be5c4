//! The Adam optimizer.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Gradients, Tensor, TensorData};
use dermx_model::{NamedTensor, Network, ParameterPath, WeightsError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What Adam is built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// Decay of the first moment, `beta_1`.
    pub beta_1: f32,
    /// Decay of the second moment, `beta_2`.
    pub beta_2: f32,
    /// Added to the root of the second moment after bias correction.
    pub epsilon: f32,
}

/// Adam with bias correction, without weight decay.
///
/// `m = beta_1 m + (1 - beta_1) g`, `v = beta_2 v + (1 - beta_2) g^2`,
/// `w = w - lr * (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)`.
///
/// The moments lie in main memory, and a parameter, its gradient and its moments are passed over
/// once; on a processor the tensors hand their memory over. They are kept by parameter name, so
/// that a checkpoint of them has the same bytes in every process.
///
/// # Source
/// Kingma and Ba, 2015, <https://arxiv.org/abs/1412.6980>, algorithm 1; as in `torch.optim.Adam`.
#[derive(Debug, Clone)]
pub struct Adam {
    config: AdamConfig,
    num_steps: u32,
    moments: BTreeMap<String, Moments>,
}

#[derive(Debug, Clone)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
    shape: Vec<usize>,
}

impl Adam {
    /// An optimizer that has made no step.
    pub const fn new(config: AdamConfig) -> Self {
        Self { config, num_steps: 0, moments: BTreeMap::new() }
    }

    /// Number of steps made, `t`.
    pub const fn num_steps(&self) -> u32 {
        self.num_steps
    }

    /// Moves every parameter that has a gradient by one step.
    pub fn step(&mut self, network: Network, gradients: &Gradients, learning_rate: f64) -> Network {
        self.num_steps += 1;
        let correction = |beta: f32| 1.0 - f64::from(beta).powi(self.num_steps as i32);
        let mut mapper = StepMapper {
            path: ParameterPath::default(),
            rule: Rule {
                config: self.config,
                step_size: (learning_rate / correction(self.config.beta_1)) as f32,
                second_root: correction(self.config.beta_2).sqrt() as f32,
            },
            gradients,
            moments: &mut self.moments,
        };
        network.map(&mut mapper)
    }

    /// The moments as `exp_avg.<name>` and `exp_avg_sq.<name>`, PyTorch's words, in the layout that
    /// Burn gives the parameter: that of a linear layer is `[inputs, outputs]`.
    pub fn export(&self) -> BTreeMap<String, NamedTensor> {
        let mut tensors = BTreeMap::new();
        for (name, Moments { first, second, shape }) in &self.moments {
            for (kind, values) in [("exp_avg", first), ("exp_avg_sq", second)] {
                let tensor = NamedTensor { shape: shape.clone(), values: values.clone() };
                tensors.insert(format!("{kind}.{name}"), tensor);
            }
        }
        tensors
    }

    /// The optimizer that [`Self::export`] described, after `num_steps` steps.
    ///
    /// # Errors
    /// A moment without its partner, or of another size.
    pub fn import(
        config: AdamConfig,
        num_steps: u32,
        tensors: &BTreeMap<String, NamedTensor>,
    ) -> Result<Self, WeightsError> {
        let mut moments = BTreeMap::new();
        for (key, first) in tensors {
            let Some(name) = key.strip_prefix("exp_avg.") else { continue };
            let second_key = format!("exp_avg_sq.{name}");
            let second = tensors.get(&second_key).filter(|second| second.shape == first.shape);
            let second = second.ok_or_else(|| {
                let message = format!("the optimizer has no `{second_key}` to go with `{key}`");
                WeightsError::Mismatch(message)
            })?;
            let pair = Moments {
                first: first.values.clone(),
                second: second.values.clone(),
                shape: first.shape.clone(),
            };
            moments.insert(name.to_string(), pair);
        }
        Ok(Self { config, num_steps, moments })
    }
}

/// Number of values that one thread moves at a time.
const CHUNK: usize = 1 << 14;

/// The arithmetic of one step.
#[derive(Debug, Clone, Copy)]
struct Rule {
    config: AdamConfig,
    /// `lr / (1 - beta_1^t)`.
    step_size: f32,
    /// `sqrt(1 - beta_2^t)`.
    second_root: f32,
}

impl Rule {
    fn apply(&self, weights: &mut [f32], gradient: &[f32], moments: &mut Moments) {
        let Self { config: AdamConfig { beta_1, beta_2, epsilon }, step_size, second_root } = *self;
        let first = moments.first.par_chunks_mut(CHUNK);
        let second = moments.second.par_chunks_mut(CHUNK);
        let chunks = weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        chunks.zip(first.zip(second)).for_each(|((weights, gradient), (first, second))| {
            let moments = first.iter_mut().zip(second);
            for ((weight, &gradient), (first, second)) in
                weights.iter_mut().zip(gradient).zip(moments)
            {
                *first = *first * beta_1 + gradient * (1.0 - beta_1);
                *second = *second * beta_2 + gradient * gradient * (1.0 - beta_2);
                *weight -= *first / (second.sqrt() / second_root + epsilon) * step_size;
            }
        });
    }
}

struct StepMapper<'a> {
    path: ParameterPath,
    rule: Rule,
    gradients: &'a Gradients,
    moments: &'a mut BTreeMap<String, Moments>,
}

impl ModuleMapper for StepMapper<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.path.is_running_statistic() {
            return param;
        }
        let Some(gradient) = param.val().grad(self.gradients) else { return param };
        param.map(|value| {
            let value = value.without_autodiff();
            let (device, shape) = (value.device(), value.dims());
            let mut weights = values(value);
            let moments = self.moments.entry(self.path.name()).or_insert_with(|| Moments {
                first: vec![0.0; weights.len()],
                second: vec![0.0; weights.len()],
                shape: shape.to_vec(),
            });
            self.rule.apply(&mut weights, &values(gradient), moments);
            let moved = Tensor::from_data(TensorData::new(weights, shape), &device);
            Tensor::from_inner(moved).require_grad()
        })
    }
}

/// The values in row-major order; the tensor's own memory where it can be had. There is nothing to
/// fall back to: networks are made of 32-bit floats.
fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().unwrap_or_default()
}
