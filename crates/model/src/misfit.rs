//! How weights and a network differ.

use crate::network::Network;
use crate::parameter::ParameterPath;
use crate::weights::is_counter;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use std::collections::BTreeMap;
use std::fmt;

/// How many differences a message names.
const MAX_SHOWN: usize = 8;

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
        let mut collector = ShapeCollector::default();
        network.visit(&mut collector);
        let expected = collector.shapes;
        let mut misfit = Self::default();
        for (name, expected) in &expected {
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
            shapes.keys().filter(|name| !expected.contains_key(*name) && !is_counter(name));
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

    /// Number of tensors that are missing, unexpected or misshapen.
    pub fn num_differences(&self) -> usize {
        self.misshapen.len() + self.missing.len() + self.unexpected.len()
    }
}

/// Names the first eight differences and counts the others.
impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let misshapen = self.misshapen.iter().map(|Misshapen { name, found, expected }| {
            format!("`{name}` is {found:?}, expected {expected:?}")
        });
        let missing = self.missing.iter().map(|name| format!("`{name}` is missing"));
        let unexpected =
            self.unexpected.iter().map(|name| format!("`{name}` is not in the network"));
        let all = misshapen.chain(missing).chain(unexpected);
        f.write_str(&all.take(MAX_SHOWN).collect::<Vec<_>>().join("; "))?;
        match self.num_differences().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[derive(Default)]
struct ShapeCollector {
    path: ParameterPath,
    shapes: BTreeMap<String, Vec<usize>>,
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
        self.shapes.insert(self.path.name(), shape);
    }
}
