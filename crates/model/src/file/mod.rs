//! Files of weights: which format, what is in them, and their values.

mod archive;
mod contents;
mod foreign;
mod hdf5;
mod input;
mod keras;
mod pth;
mod safetensors;
mod stored;

pub use contents::UnreadObject;
pub(crate) use keras::keras_epsilon;
pub use safetensors::{write_described_safetensors, write_safetensors};
pub use stored::ElementType;

use crate::parameter::is_unread_buffer;
use crate::weights::{NamedTensor, WeightsError};
use archive::Archive;
use contents::{Contents, MAX_NAME_BYTES, Tensors};
use input::{Fault, Input};
use std::collections::BTreeMap;
use std::path::Path;

/// Reading may take this many bytes of memory for each byte of the file ...
const MAX_BYTES_PER_BYTE: u64 = 4;
/// ... or of a file of this size, when it is smaller.
const SMALL_FILE_BYTES: u64 = 1 << 20;

/// How a file keeps weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightsFormat {
    /// A JSON header and raw values.
    Safetensors,
    /// PyTorch since 1.6: a zip archive with a pickle and raw values.
    PthZip,
    /// PyTorch before 1.6: pickles followed by raw values.
    PthLegacy,
    /// Keras 3: a zip archive with a configuration and HDF5.
    KerasZip,
    /// Keras: HDF5.
    KerasHdf5,
}

impl WeightsFormat {
    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::PthZip => "pth (zip)",
            Self::PthLegacy => "pth (legacy)",
            Self::KerasZip => "keras (zip)",
            Self::KerasHdf5 => "keras (HDF5)",
        }
    }
}

/// What a file says about one of its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorInfo<'a> {
    /// The name in the file.
    pub name: &'a str,
    /// Sizes of the axes.
    pub shape: &'a [usize],
    /// The type of the values in the file.
    pub element: ElementType,
}

/// A file of weights whose values are not read yet.
///
/// Nothing that a file holds is executed: a `.pth` file is a pickle, which is interpreted without
/// making any object; what it asks for beside tensors is passed over, or refused by name if it starts
/// programs, as are functions of Python in a file of Keras.
#[derive(Debug)]
pub struct WeightsFile {
    path: String,
    input: Input,
    format: WeightsFormat,
    contents: Contents,
}

impl WeightsFile {
    /// Opens `path`. The content decides the format, not the name.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, is of no known format, or asks for more than tensors.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let name = path.display().to_string();
        let opened = Input::open(path).and_then(|mut input| {
            let (format, contents) = contents_of(&mut input)?;
            check_names(&contents.tensors)?;
            check_cost(&contents, input.num_bytes)?;
            Ok((input, format, contents))
        });
        let (input, format, contents) = opened.map_err(|fault| fault.in_file(&name))?;
        Ok(Self { path: name, input, format, contents })
    }

    /// The format.
    pub fn format(&self) -> WeightsFormat {
        self.format
    }

    /// What the network is, as the program that wrote the file says: the value `dermx` of a safetensors
    /// file's metadata.
    pub fn description(&self) -> Option<&str> {
        self.contents.description.as_deref()
    }

    /// What a checkpoint says that its network is called: its `arch`, as PyTorch's examples and timm
    /// write it.
    pub fn claimed_architecture(&self) -> Option<&str> {
        self.contents.claimed.as_deref()
    }

    /// What a checkpoint holds beside tensors, numbers and texts. None of it was made.
    pub fn objects(&self) -> &[UnreadObject] {
        &self.contents.objects
    }

    /// What the file holds, in the order of the names. A tensor in dictionaries of a checkpoint is named
    /// by their keys, too: `state_dict.fc.bias`.
    pub fn tensors(&self) -> impl Iterator<Item = TensorInfo<'_>> {
        self.contents.tensors.iter().map(|(name, tensor)| TensorInfo {
            name,
            shape: &tensor.shape,
            element: tensor.element,
        })
    }

    /// The names and shapes of all tensors.
    pub fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.tensors().map(|tensor| (tensor.name.to_string(), tensor.shape.to_vec())).collect()
    }

    /// All tensors by their names in the file, as 32-bit floats.
    ///
    /// Memory: the values, and one tensor more.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&mut self) -> Result<BTreeMap<String, NamedTensor>, WeightsError> {
        let names = self.contents.tensors.keys();
        let names = names.map(|name| (name.clone(), name.clone())).collect();
        self.read_named(&names)
    }

    /// The tensors that `names` maps new names to, by the new names, as 32-bit floats.
    ///
    /// # Errors
    /// A file that cannot be read, or has no such tensor.
    pub fn read_named(
        &mut self,
        names: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, NamedTensor>, WeightsError> {
        let mut tensors = BTreeMap::new();
        for (new_name, name) in names {
            let stored = self.contents.tensors.get(name).ok_or_else(|| {
                let message = format!("there is no tensor `{name}`");
                WeightsError::Format { path: self.path.clone(), message }
            })?;
            let mut values =
                stored.read(&mut self.input).map_err(|fault| fault.in_file(&self.path))?;
            if let Some(shift) = self.contents.shifts.get(name) {
                let shift = shift.read(&mut self.input);
                let shift = shift.map_err(|fault| fault.in_file(&self.path))?;
                values.iter_mut().zip(shift).for_each(|(value, shift)| *value -= shift);
            }
            tensors.insert(new_name.clone(), NamedTensor { shape: stored.shape.clone(), values });
        }
        Ok(tensors)
    }

    /// The counters of batches among the tensors that `names` maps new names to, exactly: 32-bit floats
    /// end at 2^24.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read_counters(
        &mut self,
        names: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, i64>, WeightsError> {
        let mut counters = BTreeMap::new();
        for (new_name, name) in names.iter().filter(|(new_name, _)| is_unread_buffer(new_name)) {
            let Some(stored) = self.contents.tensors.get(name) else { continue };
            let integer = stored.read_integer(&mut self.input);
            if let Some(integer) = integer.map_err(|fault| fault.in_file(&self.path))? {
                counters.insert(new_name.clone(), integer);
            }
        }
        Ok(counters)
    }
}

/// All tensors of a safetensors, `.pth` or Keras file by their names in the file, as 32-bit floats.
///
/// # Errors
/// See [`WeightsFile::open`] and [`WeightsFile::read`].
pub fn read_weights(path: &Path) -> Result<BTreeMap<String, NamedTensor>, WeightsError> {
    WeightsFile::open(path)?.read()
}

fn contents_of(input: &mut Input) -> Result<(WeightsFormat, Contents), Fault> {
    let start = input.read(0..input.num_bytes.min(foreign::NUM_BYTES))?;
    if let Some(message) = foreign::advice(&start, input.num_bytes) {
        return Err(Fault::Format(message));
    }
    let start = &start[..start.len().min(9)];
    // A safetensors file starts with the size of its header, which can be any 8 bytes, so its brace
    // is looked at before the first byte of a pickle.
    if start.starts_with(b"PK\x03\x04") {
        let archive = Archive::open(input)?;
        match keras::is_keras(&archive) {
            true => Ok((WeightsFormat::KerasZip, keras::zip_contents(input, &archive)?)),
            false => Ok((WeightsFormat::PthZip, pth::zip_contents(input, &archive)?)),
        }
    } else if start.starts_with(hdf5::SIGNATURE) {
        Ok((WeightsFormat::KerasHdf5, keras::hdf5_contents(input)?))
    } else if start.first() == Some(&0x80) && start.last() != Some(&b'{') {
        Ok((WeightsFormat::PthLegacy, pth::legacy_contents(input)?))
    } else {
        Ok((WeightsFormat::Safetensors, safetensors::contents(input)?))
    }
}

/// Refuses names that would garble a terminal or fill it.
fn check_names(tensors: &Tensors) -> Result<(), Fault> {
    let is_odd = |name: &&String| name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control);
    match tensors.keys().find(is_odd) {
        Some(name) => {
            let start: String = name.chars().take(60).collect();
            Err(Fault::Format(format!("`{}` is no name of a tensor", start.escape_debug())))
        }
        None => Ok(()),
    }
}

/// Refuses small files whose tensors would need much memory: with strides, tensors can share and
/// repeat values.
fn check_cost(contents: &Contents, num_bytes: u64) -> Result<(), Fault> {
    let limit = num_bytes.max(SMALL_FILE_BYTES).saturating_mul(MAX_BYTES_PER_BYTE);
    let mut cost = 0_u64;
    for (name, tensor) in contents.tensors.iter().chain(&contents.shifts) {
        cost = cost.saturating_add(tensor.cost());
        if cost > limit {
            let message = format!(
                "the tensors up to `{name}` repeat values of the file until they take over {limit} \
                 bytes"
            );
            return Err(Fault::Format(message));
        }
    }
    Ok(())
}
