//! Weights out of networks and into them, in torchvision's names and layouts.

use crate::misfit::{Misfit, expected_shapes};
use crate::network::Network;
use crate::parameter::{COUNTER, POSITION_INDEX, POSITION_TABLE, ParameterPath};
use crate::relative_position::{relative_positions, window_side};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use std::collections::BTreeMap;

/// A tensor on the host, named and laid out as in torchvision.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

impl NamedTensor {
    /// Fails if a value is not a number or infinite.
    ///
    /// # Errors
    /// The first such value of the tensor, which is called `name`.
    pub fn check_finite(&self, name: &str) -> Result<(), WeightsError> {
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(idx) => Err(WeightsError::NotFinite {
                name: name.to_string(),
                value: self.values[idx],
                idx,
                num_values: self.values.len(),
            }),
        }
    }

    /// The shape, or the number of values if they do not fill it.
    fn value_shape(&self) -> Vec<usize> {
        let is_filled = self.shape.iter().product::<usize>() == self.values.len();
        if is_filled { self.shape.clone() } else { vec![self.values.len()] }
    }
}

/// Why a file cannot be read, in words where the system's are none.
fn reason(source: &std::io::Error) -> String {
    match source.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_string(),
        std::io::ErrorKind::IsADirectory => "is a folder; expected a file of weights".to_string(),
        _ => source.to_string(),
    }
}

/// Why weights could not be read, written or put into a network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file could not be read or written.
    #[error("{path}: {}", reason(source))]
    Io {
        /// The file.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is damaged, of an unknown format, or asks for more than tensors.
    #[error("{path}: {message}")]
    Format {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// Names or shapes of the weights do not fit the network.
    #[error("the weights do not fit the network: {0}")]
    Misfit(Misfit),
    /// A value is not a number, or infinite as a 32-bit float.
    #[error(
        "the tensor `{name}` holds {value} (value number {idx} of {num_values}), which no weight can be"
    )]
    NotFinite {
        /// The tensor.
        name: String,
        /// The first such value.
        value: f32,
        /// Where it is, from 0.
        idx: usize,
        /// How many values the tensor has.
        num_values: usize,
    },
    /// Tensors that go with weights do not fit them, or themselves.
    #[error("the weights do not fit the network: {0}")]
    Mismatch(String),
}

/// The values of `tensor` in main memory, in row-major order: in its own memory if that is there and nothing shares it.
pub fn host_values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    // Cannot fail after the conversion, which does nothing to 32-bit floats.
    tensor.into_data().convert::<f32>().try_into_vec().unwrap_or_default()
}

/// Copies every parameter and running statistic of `network` to the host.
pub fn export_weights(network: &Network) -> BTreeMap<String, NamedTensor> {
    let mut exporter = Exporter::default();
    // Burn applies a pending update of a running statistic only when it is read; `valid` reads it,
    // and gives the copy statistics of its own.
    network.valid().visit(&mut exporter);
    exporter.tensors
}

/// `network` in inference mode with `tensors` in it; names and shapes must fit exactly.
///
/// Buffers that are not read (see [`with_unread_buffers`]) are accepted and not used.
///
/// # Errors
/// Every missing, unexpected and misshapen tensor; a value that is not finite.
pub fn import_weights(
    network: Network,
    tensors: &BTreeMap<String, NamedTensor>,
) -> Result<Network, WeightsError> {
    let (network, misfit) = import_partial(network, tensors)?;
    if misfit.is_empty() { Ok(network) } else { Err(WeightsError::Misfit(misfit)) }
}

/// `network` in inference mode with those of `tensors` that fit, and how the others differ.
///
/// What is missing or misshapen keeps the value that it has in `network`.
///
/// # Errors
/// A value of a tensor that fits which is not finite.
pub fn import_partial(
    network: Network,
    tensors: &BTreeMap<String, NamedTensor>,
) -> Result<(Network, Misfit), WeightsError> {
    let shapes = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.value_shape()));
    let expected = expected_shapes(&network);
    let misfit = Misfit::between(&expected, &shapes.collect());
    for (name, tensor) in tensors {
        if expected.get(name).is_some_and(|shape| *shape == tensor.value_shape()) {
            tensor.check_finite(name)?;
        }
    }
    let mut importer = Importer { path: ParameterPath::default(), tensors };
    // Clones share running statistics, and a pending update would be applied later: `valid` gives the
    // copy statistics of its own.
    Ok((network.valid().map(&mut importer), misfit))
}

/// `tensors` and the buffers that PyTorch's `load_state_dict(strict=True)` asks for and that are not read
/// here: where batch normalization has none a counter of 0, and the places in tables of relative positions.
pub fn with_unread_buffers(
    mut tensors: BTreeMap<String, NamedTensor>,
) -> BTreeMap<String, NamedTensor> {
    let layers = tensors.keys().filter_map(|name| name.strip_suffix("running_mean"));
    let counters: Vec<String> = layers.map(|layer| format!("{layer}{COUNTER}")).collect();
    for name in counters {
        tensors.entry(name).or_insert_with(|| NamedTensor { shape: Vec::new(), values: vec![0.0] });
    }
    let index = |(name, table): (&String, &NamedTensor)| {
        let layer = name.strip_suffix(POSITION_TABLE)?;
        let positions = relative_positions(window_side(*table.shape.first()?));
        let values: Vec<f32> = positions.into_iter().map(|row| row as f32).collect();
        let index = NamedTensor { shape: vec![values.len()], values };
        Some((format!("{layer}{POSITION_INDEX}"), index))
    };
    let indices: Vec<(String, NamedTensor)> = tensors.iter().filter_map(index).collect();
    tensors.extend(indices);
    tensors
}

#[derive(Default)]
struct Exporter {
    path: ParameterPath,
    tensors: BTreeMap<String, NamedTensor>,
}

impl ModuleVisitor for Exporter {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let value = if self.path.is_linear_weight() { value.swap_dims(0, 1) } else { value };
        let shape = value.dims().to_vec();
        let values = host_values(value);
        self.tensors.insert(self.path.name(), NamedTensor { shape, values });
    }
}

struct Importer<'a> {
    path: ParameterPath,
    tensors: &'a BTreeMap<String, NamedTensor>,
}

impl ModuleMapper for Importer<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let transpose = self.path.is_linear_weight();
        let expected = self.path.torchvision_shape(param.lazy_shape().to_vec());
        let tensor = self.tensors.get(&self.path.name());
        let Some(tensor) = tensor.filter(|tensor| tensor.value_shape() == expected) else {
            return param;
        };
        let data = TensorData::new(tensor.values.clone(), expected);
        param.map(|old| {
            let device = old.device();
            let new = Tensor::<D>::from_data(data, &device);
            // Laid out in memory like a weight that has been trained: the layout decides how a
            // product is summed, and a resumed run has to sum as the undisturbed one does.
            let new = match transpose {
                true => Tensor::from_data(new.swap_dims(0, 1).into_data(), &device),
                false => new,
            };
            new.set_require_grad(old.is_require_grad())
        })
    }
}
