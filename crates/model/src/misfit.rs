//! How weights and a network differ.

use crate::network::Network;
use crate::parameter::{ParameterPath, is_unread_buffer};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use std::collections::BTreeMap;
use std::fmt;

/// How many differences of each kind a message names.
const MAX_SHOWN: usize = 4;

/// Every difference between the names and shapes of weights and those of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misfit {
    /// Tensors of another shape than the network's.
    pub misshapen: Vec<Misshapen>,
    /// Names that only the network has.
    pub missing: Vec<String>,
    /// Names that only the weights have.
    pub unexpected: Vec<String>,
}

/// A tensor of the wrong shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// Torchvision's name.
    pub name: String,
    /// The shape that it has.
    pub found: Vec<usize>,
    /// The shape that the network needs.
    pub expected: Vec<usize>,
}

impl Misfit {
    /// Compares the shapes of weights, by torchvision's names, with those of `network`. The counters
    /// of PyTorch's batch normalization may be there or not.
    pub fn of(network: &Network, shapes: &BTreeMap<String, Vec<usize>>) -> Self {
        Self::between(&expected_shapes(network), shapes)
    }

    /// Compares shapes with those that are `expected`.
    pub(crate) fn between(
        expected: &BTreeMap<String, Vec<usize>>,
        shapes: &BTreeMap<String, Vec<usize>>,
    ) -> Self {
        let mut misfit = Self::default();
        for (name, expected) in expected {
            match shapes.get(name) {
                Some(found) if found == expected => {}
                Some(found) => misfit.misshapen.push(Misshapen {
                    name: name.clone(),
                    found: found.clone(),
                    expected: expected.clone(),
                }),
                None => misfit.missing.push(name.clone()),
            }
        }
        let unexpected =
            shapes.keys().filter(|name| !expected.contains_key(*name) && !is_unread_buffer(name));
        misfit.unexpected = unexpected.cloned().collect();
        misfit
    }

    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.num_differences() == 0
    }

    /// How many tensors differ in which way.
    pub fn counts(&self) -> String {
        format!(
            "{} misshapen, {} missing, {} unexpected",
            self.misshapen.len(),
            self.missing.len(),
            self.unexpected.len()
        )
    }

    /// Whether the network can be computed with what is there: nothing is missing or misshapen.
    pub fn is_complete(&self) -> bool {
        self.misshapen.is_empty() && self.missing.is_empty()
    }

    /// Without the tensors whose names `is_left_out` says.
    pub fn without(mut self, is_left_out: impl Fn(&str) -> bool) -> Self {
        self.misshapen.retain(|one| !is_left_out(&one.name));
        self.missing.retain(|name| !is_left_out(name));
        self.unexpected.retain(|name| !is_left_out(name));
        self
    }

    /// Number of tensors that are missing, unexpected or misshapen.
    pub fn num_differences(&self) -> usize {
        self.misshapen.len() + self.missing.len() + self.unexpected.len()
    }
}

/// Names the first differences of each kind and counts the others.
impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let misshapen = self.misshapen.iter().map(|Misshapen { name, found, expected }| {
            format!("`{name}` is {found:?}, expected {expected:?}")
        });
        let missing = self.missing.iter().map(|name| format!("`{name}` is missing"));
        let unexpected =
            self.unexpected.iter().map(|name| format!("`{name}` is not in the network"));
        let parts = [
            first(misshapen, self.misshapen.len(), "of another shape"),
            first(missing, self.missing.len(), "missing"),
            first(unexpected, self.unexpected.len(), "not in the network"),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

/// The first of `num_all` differences of one kind, and how many others there are.
fn first(all: impl Iterator<Item = String>, num_all: usize, kind: &str) -> Option<String> {
    let mut shown: Vec<String> = all.take(MAX_SHOWN).collect();
    let num_others = num_all.saturating_sub(MAX_SHOWN);
    if num_others > 0 {
        shown.push(format!("and {num_others} more {kind}"));
    }
    (!shown.is_empty()).then(|| shown.join("; "))
}

/// The shapes of `network`'s parameters and running statistics by torchvision's names.
pub fn expected_shapes(network: &Network) -> BTreeMap<String, Vec<usize>> {
    let mut collector = ShapeCollector::default();
    network.visit(&mut collector);
    collector.shapes.into_iter().collect()
}

/// The names of `network`'s parameters and running statistics, from the input to the output.
pub(crate) fn names_in_order(network: &Network) -> Vec<String> {
    let mut collector = ShapeCollector::default();
    network.visit(&mut collector);
    collector.shapes.into_iter().map(|(name, _)| name).collect()
}

/// Names and shapes in the order in which a network's fields are declared: that of its layers.
#[derive(Default)]
struct ShapeCollector {
    path: ParameterPath,
    shapes: Vec<(String, Vec<usize>)>,
}

impl ModuleVisitor for ShapeCollector {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = self.path.torchvision_shape(param.lazy_shape().to_vec());
        self.shapes.push((self.path.name(), shape));
    }
}
