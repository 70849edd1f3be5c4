//! The Adam optimizer.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use dermx_model::{NamedTensor, Network, ParameterPath, WeightsError};
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
/// The moments are kept by parameter name, so that a checkpoint of them has the same bytes in every
/// process and can be read by other programs.
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
    first: Tensor<1>,
    second: Tensor<1>,
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
        let first_correction = correction(self.config.beta_1);
        let mut update = Update {
            path: ParameterPath::default(),
            config: self.config,
            step_size: (learning_rate / first_correction) as f32,
            second_root: correction(self.config.beta_2).sqrt() as f32,
            gradients,
            moments: &mut self.moments,
        };
        network.map(&mut update)
    }

    /// The moments as `exp_avg.<name>` and `exp_avg_sq.<name>`, PyTorch's words.
    pub fn export(&self) -> BTreeMap<String, NamedTensor> {
        let mut tensors = BTreeMap::new();
        for (name, moments) in &self.moments {
            for (kind, tensor) in [("exp_avg", &moments.first), ("exp_avg_sq", &moments.second)] {
                let values = tensor.clone().into_data().iter::<f32>().collect();
                let tensor = NamedTensor { shape: moments.shape.clone(), values };
                tensors.insert(format!("{kind}.{name}"), tensor);
            }
        }
        tensors
    }

    /// The optimizer that [`Self::export`] described, after `num_steps` steps.
    ///
    /// # Errors
    /// A moment without its partner.
    pub fn import(
        config: AdamConfig,
        num_steps: u32,
        tensors: &BTreeMap<String, NamedTensor>,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let load = |tensor: &NamedTensor| {
            let data = TensorData::new(tensor.values.clone(), [tensor.values.len()]);
            Tensor::<1>::from_data(data, device)
        };
        let mut moments = BTreeMap::new();
        for (key, first) in tensors {
            let Some(name) = key.strip_prefix("exp_avg.") else { continue };
            let second_key = format!("exp_avg_sq.{name}");
            let second = tensors.get(&second_key).ok_or_else(|| {
                WeightsError::Mismatch(format!("the optimizer has no `{second_key}`"))
            })?;
            let pair =
                Moments { first: load(first), second: load(second), shape: first.shape.clone() };
            moments.insert(name.to_string(), pair);
        }
        Ok(Self { config, num_steps, moments })
    }
}

struct Update<'a> {
    path: ParameterPath,
    config: AdamConfig,
    step_size: f32,
    second_root: f32,
    gradients: &'a Gradients,
    moments: &'a mut BTreeMap<String, Moments>,
}

impl Update<'_> {
    fn moved(&mut self, value: Tensor<1>, gradient: Tensor<1>, shape: Vec<usize>) -> Tensor<1> {
        let AdamConfig { beta_1, beta_2, epsilon } = self.config;
        let zeros = || Tensor::zeros_like(&gradient);
        let (first, second) = match self.moments.remove(&self.path.name()) {
            Some(moments) => (moments.first, moments.second),
            None => (zeros(), zeros()),
        };
        let first = first * beta_1 + gradient.clone() * (1.0 - beta_1);
        let second = second * beta_2 + gradient.clone() * gradient * (1.0 - beta_2);
        let denominator = second.clone().sqrt() / self.second_root + epsilon;
        let moved = value - first.clone() / denominator * self.step_size;
        self.moments.insert(self.path.name(), Moments { first, second, shape });
        moved
    }
}

impl ModuleMapper for Update<'_> {
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
            let shape = value.shape();
            let moved = self.moved(
                value.without_autodiff().reshape([-1]),
                gradient.reshape([-1]),
                shape.to_vec(),
            );
            Tensor::from_inner(moved.reshape(shape)).require_grad()
        })
    }
}
