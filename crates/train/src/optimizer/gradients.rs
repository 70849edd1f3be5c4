//! Gradients in main memory.

use super::chunk::CHUNK;
use crate::finite::NonFinite;
use crate::parameters::Parameters;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor, TensorData};
use dermx_model::{Network, ParameterPath};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The gradient of each parameter that has one, by torchvision's name, in Burn's layout.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NamedGradients(pub(super) BTreeMap<String, Gradient>);

/// The gradient of one parameter, in the memory that the backward pass wrote it to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gradient(TensorData);

impl Gradient {
    /// Cannot fail: all parameters are 32-bit floats.
    pub fn values(&self) -> &[f32] {
        self.0.as_slice().unwrap_or_default()
    }

    fn values_mut(&mut self) -> &mut [f32] {
        self.0.as_mut_slice().unwrap_or_default()
    }
}

impl NamedGradients {
    /// Takes the gradients of `network` out of `gradients`.
    pub fn take(network: &Network, gradients: Gradients) -> Self {
        let mut visitor =
            Taker { path: ParameterPath::default(), gradients, taken: BTreeMap::new() };
        network.visit(&mut visitor);
        Self(visitor.taken)
    }

    /// Takes the gradients of an objective's `parameters` out of `gradients`; each has its name after
    /// `objective.`.
    pub fn of_parameters(parameters: &Parameters, gradients: &mut Gradients) -> Self {
        let mut taken = BTreeMap::new();
        for (name, values) in parameters.iter() {
            if let Some(gradient) = values.grad_remove(gradients) {
                taken.insert(name, Gradient(gradient.into_data().convert::<f32>()));
            }
        }
        Self(taken)
    }

    /// Name and values of each, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.0.iter().map(|(name, gradient)| (name.as_str(), gradient.values()))
    }

    /// Adds `other` parameter by parameter.
    pub fn add(&mut self, other: Self) {
        for (name, gradient) in other.0 {
            match self.0.get_mut(&name) {
                Some(sum) => {
                    let sums = sum.values_mut().par_iter_mut();
                    sums.zip(gradient.values()).for_each(|(sum, value)| *sum += value);
                }
                None => {
                    self.0.insert(name, gradient);
                }
            }
        }
    }

    /// The first gradient, in the order of the names, that is not finite.
    pub fn non_finite(&self) -> Option<NonFinite> {
        self.iter().find_map(|(name, values)| NonFinite::in_values(name, values))
    }

    /// The Euclidean norm of all gradients together.
    pub fn norm(&self) -> f64 {
        // Chunks of a fixed size, added in order: the same sum for any number of threads.
        let square = |value: &f32| f64::from(*value) * f64::from(*value);
        let sums = self.0.values().map(|gradient| {
            let chunks =
                gradient.values().par_chunks(CHUNK).map(|chunk| chunk.iter().map(square).sum());
            chunks.collect::<Vec<f64>>().iter().sum::<f64>()
        });
        sums.sum::<f64>().sqrt()
    }

    /// Scales all gradients by `min(1, max_norm / (norm + 1e-6))`; returns the norm before.
    ///
    /// # Source
    /// Pascanu et al., 2013, <https://arxiv.org/abs/1211.5063>; as `torch.nn.utils.clip_grad_norm_`.
    pub fn clip(&mut self, max_norm: f64) -> f64 {
        let norm = self.norm();
        let factor = (max_norm / (norm + 1e-6)) as f32;
        if factor < 1.0 {
            for gradient in self.0.values_mut() {
                gradient.values_mut().par_iter_mut().for_each(|value| *value *= factor);
            }
        }
        norm
    }
}

struct Taker {
    path: ParameterPath,
    gradients: Gradients,
    taken: BTreeMap<String, Gradient>,
}

impl ModuleVisitor for Taker {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.path.is_running_statistic() {
            return;
        }
        if let Some(gradient) = param.val().grad_remove(&mut self.gradients) {
            let values = gradient.into_data().convert::<f32>();
            self.taken.insert(self.path.name(), Gradient(values));
        }
    }
}
