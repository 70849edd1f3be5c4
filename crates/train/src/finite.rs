//! Whether numbers are finite.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use dermx_kernels::with_values;
use dermx_model::{NamedTensor, Network, ParameterPath};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Number of values that one thread checks at a time.
const CHUNK: usize = 1 << 14;

/// A tensor with a value that is infinite or not a number.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{name}` holds {value}")]
pub struct NonFinite {
    /// Name of the tensor.
    pub name: String,
    /// The first such value in it.
    pub value: f32,
}

impl NonFinite {
    /// The tensor `name`, if one of `values` is not finite.
    pub(crate) fn in_values(name: &str, values: &[f32]) -> Option<Self> {
        if values.par_chunks(CHUNK).all(all_finite) {
            return None;
        }
        let value = values.iter().copied().find(|value| !value.is_finite())?;
        Some(Self { name: name.to_string(), value })
    }

    /// The first of `tensors` that is not finite.
    pub(crate) fn in_tensors(tensors: &BTreeMap<String, NamedTensor>) -> Option<Self> {
        tensors.iter().find_map(|(name, tensor)| Self::in_values(name, &tensor.values))
    }

    /// The first running statistic of `network` that is not finite.
    pub(crate) fn in_statistics(network: &Network) -> Option<Self> {
        let mut visitor = Statistics::default();
        // `valid` makes Burn apply pending updates of running statistics.
        network.valid().visit(&mut visitor);
        visitor.found
    }
}

fn all_finite(values: &[f32]) -> bool {
    // No branch in the loop, so that the compiler can vectorize it.
    values.iter().fold(true, |all, value| all & value.is_finite())
}

#[derive(Default)]
struct Statistics {
    path: ParameterPath,
    found: Option<NonFinite>,
}

impl ModuleVisitor for Statistics {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.found.is_none() && self.path.is_running_statistic() {
            let name = self.path.name();
            self.found = with_values(param.val(), |values| NonFinite::in_values(&name, values));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, NonFinite};

    #[test]
    fn one_value_among_many_is_found_wherever_it_is() {
        let mut values = vec![f32::MAX; 2 * CHUNK + 3];
        assert_eq!(NonFinite::in_values("w", &values), None);
        for idx in [0, CHUNK - 1, CHUNK, 2 * CHUNK + 2] {
            values[idx] = f32::NEG_INFINITY;
            let expected = NonFinite { name: "w".to_string(), value: f32::NEG_INFINITY };
            assert_eq!(NonFinite::in_values("w", &values), Some(expected));
            values[idx] = f32::NAN;
            assert!(NonFinite::in_values("w", &values).is_some_and(|found| found.value.is_nan()));
            values[idx] = 0.0;
        }
    }
}
