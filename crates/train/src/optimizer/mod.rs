//! Optimizers.

mod adam;
mod chunk;
mod gradients;
mod groups;
mod sgd;

pub use adam::AdamConfig;
pub use gradients::NamedGradients;
pub use groups::ParameterGroups;
pub use sgd::SgdConfig;

use crate::error::TrainError;
use crate::finite::NonFinite;
use crate::parameters::Parameters;
use adam::{AdamRule, Decay};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use dermx_model::{NamedTensor, Network, ParameterPath, WeightsError, host_values};
use groups::Groups;
use serde::{Deserialize, Serialize};
use sgd::SgdRule;
use std::collections::BTreeMap;

/// Which optimizer, and what it is built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Adam with bias correction; weight decay goes through the moments (`torch.optim.Adam`).
    ///
    /// `m = beta_1 m + (1 - beta_1) g`, `v = beta_2 v + (1 - beta_2) g^2`,
    /// `w = w - lr * (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)`.
    ///
    /// Kingma and Ba, 2015, <https://arxiv.org/abs/1412.6980>, algorithm 1.
    Adam(AdamConfig),
    /// Adam whose weight decay leaves the moments alone: `w = w - lr d w` before each step
    /// (Loshchilov and Hutter, 2019, <https://arxiv.org/abs/1711.05101>; `torch.optim.AdamW`).
    AdamW(AdamConfig),
    /// Stochastic gradient descent: `b = momentum b + g`, `w = w - lr b`, after Nesterov
    /// `w = w - lr (g + momentum b)` (`torch.optim.SGD` without dampening).
    Sgd(SgdConfig),
}

impl OptimizerConfig {
    /// PyTorch's names of the state of each parameter.
    const fn state_names(&self) -> &'static [&'static str] {
        match self {
            Self::Adam(_) | Self::AdamW(_) => &["exp_avg", "exp_avg_sq"],
            Self::Sgd(SgdConfig { momentum: 0.0, .. }) => &[],
            Self::Sgd(_) => &["momentum_buffer"],
        }
    }

    /// Values that are kept of each value that learns.
    pub const fn num_states(&self) -> usize {
        self.state_names().len()
    }

    /// The same with weight decay times `factor`.
    fn with_decay_times(mut self, factor: f64) -> Self {
        let (Self::Adam(AdamConfig { weight_decay, .. })
        | Self::AdamW(AdamConfig { weight_decay, .. })
        | Self::Sgd(SgdConfig { weight_decay, .. })) = &mut self;
        *weight_decay = (f64::from(*weight_decay) * factor) as f32;
        self
    }

    /// The arithmetic of step `num_steps`, counted from 1.
    fn rule(self, learning_rate: f64, num_steps: u32) -> Rule {
        match self {
            Self::Adam(config) => {
                let decay = Decay::in_gradient(config.weight_decay);
                Rule::Adam(AdamRule::new(config, decay, learning_rate, num_steps))
            }
            Self::AdamW(config) => {
                let kept = 1.0 - learning_rate * f64::from(config.weight_decay);
                let decay = Decay::OfWeight(kept as f32);
                Rule::Adam(AdamRule::new(config, decay, learning_rate, num_steps))
            }
            Self::Sgd(config) => Rule::Sgd(SgdRule { config, step_size: learning_rate as f32 }),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Rule {
    Adam(AdamRule),
    Sgd(SgdRule),
}

impl Rule {
    /// Whether weights and state are finite after the step.
    fn apply(&self, weights: &mut [f32], gradient: &[f32], state: &mut [Vec<f32>]) -> bool {
        match (self, state) {
            (Self::Adam(rule), [first, second]) => rule.apply(weights, gradient, [first, second]),
            (Self::Sgd(rule), [movement]) => rule.apply(weights, gradient, movement),
            (Self::Sgd(rule), _) => rule.apply_plain(weights, gradient),
            // `state_names` says that Adam has two.
            (Self::Adam(_), _) => true,
        }
    }
}

/// An optimizer with its state.
///
/// The state of each parameter is in main memory. A step passes once over a parameter, its gradient
/// and its state; on a CPU it updates a tensor in place, unless something else, such as a clone of
/// the network, shares its memory. States are keyed by parameter name, so that a checkpoint has the
/// same bytes in every process. Parameters without a gradient stay as they are, even with weight
/// decay.
#[derive(Debug, Clone)]
pub struct Optimizer {
    config: OptimizerConfig,
    groups: Groups,
    num_steps: u32,
    states: BTreeMap<String, State>,
}

#[derive(Debug, Clone)]
struct State {
    shape: Vec<usize>,
    /// One for each of [`OptimizerConfig::state_names`].
    values: Vec<Vec<f32>>,
}

impl Optimizer {
    /// An optimizer that has made no step.
    pub fn new(config: OptimizerConfig) -> Self {
        Self { config, groups: Groups::default(), num_steps: 0, states: BTreeMap::new() }
    }

    /// The same with `groups` of the parameters of `network`.
    ///
    /// # Errors
    /// A pattern that matches no parameter.
    pub fn with_groups(
        self,
        groups: &ParameterGroups,
        network: &Network,
    ) -> Result<Self, TrainError> {
        Ok(Self { groups: Groups::new(groups, network)?, ..self })
    }

    /// Number of steps made, `t`.
    pub const fn num_steps(&self) -> u32 {
        self.num_steps
    }

    /// Updates every parameter of `network` that has a gradient.
    ///
    /// # Errors
    /// The first parameter or state that is not finite after the step, by its name in
    /// [`Self::export`]. Network and optimizer cannot be used afterwards.
    pub fn step(
        &mut self,
        network: Network,
        gradients: &NamedGradients,
        learning_rate: f64,
    ) -> Result<Network, NonFinite> {
        self.step_with(network, &mut Parameters::default(), gradients, learning_rate)
    }

    /// The same, which also updates `parameters`.
    pub(crate) fn step_with(
        &mut self,
        network: Network,
        parameters: &mut Parameters,
        gradients: &NamedGradients,
        learning_rate: f64,
    ) -> Result<Network, NonFinite> {
        self.num_steps += 1;
        let mut mapper = StepMapper {
            path: ParameterPath::default(),
            config: self.config,
            groups: &self.groups,
            learning_rate,
            num_steps: self.num_steps,
            state_names: self.config.state_names(),
            gradients,
            states: &mut self.states,
            non_finite: None,
        };
        let network = network.map(&mut mapper);
        parameters.map(|name, shape, value| mapper.moved(name, shape, value));
        mapper.non_finite.map_or(Ok(network), Err)
    }

    /// The state of each parameter by PyTorch's names: `exp_avg.<name>`, `exp_avg_sq.<name>` or
    /// `momentum_buffer.<name>`. Each has the layout of Burn's parameter; for a linear layer that is
    /// `[inputs, outputs]`.
    pub fn export(&self) -> BTreeMap<String, NamedTensor> {
        let mut tensors = BTreeMap::new();
        for (name, State { shape, values }) in &self.states {
            for (kind, values) in self.config.state_names().iter().zip(values) {
                let tensor = NamedTensor { shape: shape.clone(), values: values.clone() };
                tensors.insert(format!("{kind}.{name}"), tensor);
            }
        }
        tensors
    }

    /// The optimizer that [`Self::export`] described, after `num_steps` steps.
    ///
    /// # Errors
    /// A parameter of which one state is missing, or states of different shapes.
    pub fn import(
        config: OptimizerConfig,
        num_steps: u32,
        tensors: &BTreeMap<String, NamedTensor>,
    ) -> Result<Self, WeightsError> {
        let mut states = BTreeMap::new();
        let kinds = config.state_names();
        for (key, first) in tensors {
            let name = kinds.first().and_then(|kind| key.strip_prefix(&format!("{kind}.")));
            let Some(name) = name else { continue };
            let mut values = Vec::with_capacity(kinds.len());
            for kind in kinds {
                let partner = format!("{kind}.{name}");
                let tensor = tensors.get(&partner).filter(|tensor| tensor.shape == first.shape);
                let tensor = tensor.ok_or_else(|| {
                    let message = format!("the optimizer has no `{partner}` to go with `{key}`");
                    WeightsError::Mismatch(message)
                })?;
                values.push(tensor.values.clone());
            }
            states.insert(name.to_string(), State { shape: first.shape.clone(), values });
        }
        Ok(Self { config, groups: Groups::default(), num_steps, states })
    }
}

struct StepMapper<'a> {
    path: ParameterPath,
    config: OptimizerConfig,
    groups: &'a Groups,
    learning_rate: f64,
    num_steps: u32,
    state_names: &'static [&'static str],
    gradients: &'a NamedGradients,
    states: &'a mut BTreeMap<String, State>,
    non_finite: Option<NonFinite>,
}

impl StepMapper<'_> {
    /// The parameter `name` after the step; `value` may be the values of `shape` in one row.
    fn moved<const D: usize>(
        &mut self,
        name: String,
        shape: &[usize],
        value: Tensor<D>,
    ) -> Tensor<D> {
        let Some(gradient) = self.gradients.0.get(&name) else { return value };
        let value = value.without_autodiff();
        let (device, dims) = (value.device(), value.dims());
        let mut weights = host_values(value);
        let mut state = self.states.remove(&name).unwrap_or_else(|| State {
            shape: shape.to_vec(),
            values: vec![vec![0.0; weights.len()]; self.state_names.len()],
        });
        let rule = self.rule(&name, shape.len());
        let are_finite = rule.apply(&mut weights, gradient.values(), &mut state.values);
        if !are_finite && self.non_finite.is_none() {
            self.non_finite = self.find(&name, &weights, &state);
        }
        self.states.insert(name, state);
        let moved = Tensor::from_data(TensorData::new(weights, dims), &device);
        Tensor::from_inner(moved).require_grad()
    }

    /// The arithmetic for the parameter `name` with `num_dims` dimensions.
    fn rule(&self, name: &str, num_dims: usize) -> Rule {
        let config = self.config.with_decay_times(self.groups.decay_factor(name, num_dims));
        config.rule(self.learning_rate * self.groups.rate_factor(name), self.num_steps)
    }

    /// The parameter `name` or its state, whichever is not finite.
    fn find(&self, name: &str, weights: &[f32], state: &State) -> Option<NonFinite> {
        let mut kept = self.state_names.iter().zip(&state.values);
        NonFinite::in_values(name, weights).or_else(|| {
            kept.find_map(|(kind, values)| NonFinite::in_values(&format!("{kind}.{name}"), values))
        })
    }
}

impl ModuleMapper for StepMapper<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        if !self.gradients.0.contains_key(&name) {
            return param;
        }
        param.map(|value| {
            let shape = value.dims();
            self.moved(name, &shape, value)
        })
    }
}
