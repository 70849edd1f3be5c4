//! Weights in and out, in torchvision's names and layouts.

use crate::network::Network;
use crate::parameter::ParameterPath;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// A tensor on the host, named and laid out as in torchvision.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

/// Why weights could not be read, written or put into a network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not a valid safetensors file with 32-bit floats.
    #[error("{path}: {message}")]
    Format {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// Names or shapes of the weights do not fit the network.
    #[error("the weights do not fit the network: {0}")]
    Mismatch(String),
}

/// Copies every parameter and running statistic of `network` to the host.
pub fn export_weights(network: &Network) -> BTreeMap<String, NamedTensor> {
    let mut exporter = Exporter::default();
    // Burn averages a pending update of a running statistic in only when it is asked for; `valid`
    // asks, and gives the statistics a state of their own.
    network.valid().visit(&mut exporter);
    exporter.tensors
}

/// `network` in inference mode with `tensors` in it; names and shapes must fit exactly.
///
/// `num_batches_tracked` of PyTorch's batch normalization is accepted and not used.
///
/// # Errors
/// Lists every missing, unexpected and misshapen tensor.
pub fn import_weights(
    network: Network,
    tensors: &BTreeMap<String, NamedTensor>,
) -> Result<Network, WeightsError> {
    let mut importer = Importer {
        path: ParameterPath::default(),
        tensors,
        used: Vec::new(),
        problems: Vec::new(),
    };
    // Clones share the state of running statistics, and a pending update would be averaged in
    // later: `valid` gives the statistics a state of their own.
    let network = network.valid().map(&mut importer);
    let mut problems = importer.problems;
    for name in tensors.keys() {
        if !importer.used.contains(name) && !name.ends_with("num_batches_tracked") {
            problems.push(format!("`{name}` is not in the network"));
        }
    }
    if problems.is_empty() {
        return Ok(network);
    }
    let num_problems = problems.len();
    let shown = problems.into_iter().take(8).collect::<Vec<_>>().join("; ");
    Err(WeightsError::Mismatch(match num_problems {
        ..=8 => shown,
        _ => format!("{shown}; and {} more", num_problems - 8),
    }))
}

/// Reads all 32-bit float tensors of a safetensors file.
///
/// # Errors
/// A file that cannot be read, is damaged, or holds a type other than 32-bit floats (64-bit
/// integers are skipped: PyTorch's `num_batches_tracked`).
pub fn read_safetensors(path: &Path) -> Result<BTreeMap<String, NamedTensor>, WeightsError> {
    let bytes = std::fs::read(path)
        .map_err(|source| WeightsError::Io { path: path.display().to_string(), source })?;
    let format_error =
        |message: String| WeightsError::Format { path: path.display().to_string(), message };
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| format_error(format!("not a valid safetensors file: {error}")))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        match view.dtype() {
            Dtype::F32 => {
                tensors.insert(name.to_string(), to_named_tensor(&view));
            }
            Dtype::I64 => {}
            other => {
                return Err(format_error(format!("`{name}` is {other:?}; expected F32")));
            }
        }
    }
    Ok(tensors)
}

/// Serializes `tensors` as a safetensors file: the same tensors give the same bytes.
///
/// # Errors
/// A tensor whose shape and number of values disagree.
pub fn write_safetensors(tensors: &BTreeMap<String, NamedTensor>) -> Result<Vec<u8>, WeightsError> {
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, tensor)| {
            (name, tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let mut views = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), &bytes[name])
            .map_err(|error| WeightsError::Mismatch(format!("`{name}`: {error}")))?;
        views.push((name.as_str(), view));
    }
    safetensors::serialize(views, None).map_err(|error| WeightsError::Mismatch(error.to_string()))
}

fn to_named_tensor(view: &TensorView<'_>) -> NamedTensor {
    let values = view
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    NamedTensor { shape: view.shape().to_vec(), values }
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
        let values = value.into_data().iter::<f32>().collect();
        self.tensors.insert(self.path.name(), NamedTensor { shape, values });
    }
}

struct Importer<'a> {
    path: ParameterPath,
    tensors: &'a BTreeMap<String, NamedTensor>,
    used: Vec<String>,
    problems: Vec<String>,
}

impl ModuleMapper for Importer<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let Some(tensor) = self.tensors.get(&name) else {
            self.problems.push(format!("`{name}` is missing"));
            return param;
        };
        let mut expected = param.lazy_shape().to_vec();
        let transpose = self.path.is_linear_weight();
        if transpose {
            expected.reverse();
        }
        self.used.push(name.clone());
        if tensor.shape != expected || tensor.values.len() != expected.iter().product::<usize>() {
            let found = &tensor.shape;
            self.problems.push(format!("`{name}` is {found:?}, expected {expected:?}"));
            return param;
        }
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
