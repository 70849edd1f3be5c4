//! Parameters of an objective, beside those of the network.

use crate::error::TrainError;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_model::{NamedTensor, host_values};
use std::collections::BTreeMap;

/// What the names of an objective's parameters begin with among those of a run.
pub(crate) const PREFIX: &str = "objective.";

/// Tensors that learn, by name.
#[derive(Debug, Default)]
pub struct Parameters {
    tensors: BTreeMap<String, Parameter>,
}

/// The values in row-major order as a leaf of the tape.
#[derive(Debug)]
struct Parameter {
    shape: Vec<usize>,
    values: Tensor<1>,
}

impl Parameters {
    /// The `tensors` on `device`, which has a tape.
    ///
    /// # Errors
    /// Values that are not as many as the shape says.
    pub fn new(
        tensors: &BTreeMap<String, NamedTensor>,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let named = tensors.iter().map(|(name, NamedTensor { shape, values })| {
            if shape.iter().product::<usize>() != values.len() {
                let message = format!("`{name}` has {} values for {shape:?}", values.len());
                return Err(TrainError::Objective(message));
            }
            let data = TensorData::new(values.clone(), [values.len()]);
            let values = Tensor::from_data(data, device).require_grad();
            Ok((name.clone(), Parameter { shape: shape.clone(), values }))
        });
        Ok(Self { tensors: named.collect::<Result<_, _>>()? })
    }

    /// The parameter `name`.
    ///
    /// # Errors
    /// There is none, or it has another number of dimensions.
    pub fn get<const D: usize>(&self, name: &str) -> Result<Tensor<D>, TrainError> {
        let found = self.tensors.get(name).and_then(|Parameter { shape, values }| {
            let shape: [usize; D] = shape.as_slice().try_into().ok()?;
            Some(values.clone().reshape(shape))
        });
        found.ok_or_else(|| {
            TrainError::Objective(format!("there is no parameter `{name}` of {D} dimensions"))
        })
    }

    /// All values by name.
    pub fn export(&self) -> BTreeMap<String, NamedTensor> {
        let named = self.tensors.iter().map(|(name, Parameter { shape, values })| {
            let values = host_values(values.clone().without_autodiff());
            (name.clone(), NamedTensor { shape: shape.clone(), values })
        });
        named.collect()
    }

    /// Names in the run, and values in row-major order: leaves of the tape.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (String, &Tensor<1>)> {
        self.tensors.iter().map(|(name, parameter)| (format!("{PREFIX}{name}"), &parameter.values))
    }

    /// Replaces each by what `moved` makes of its name in the run, shape and values.
    pub(crate) fn map(&mut self, mut moved: impl FnMut(String, &[usize], Tensor<1>) -> Tensor<1>) {
        let tensors = std::mem::take(&mut self.tensors).into_iter();
        let map = |(name, Parameter { shape, values }): (String, Parameter)| {
            let values = moved(format!("{PREFIX}{name}"), &shape, values);
            (name, Parameter { shape, values })
        };
        self.tensors = tensors.map(map).collect();
    }
}
