//! Files of weights as commands name them.

use crate::error::CliResult;
use crate::pretrained;
use dermx_model::{ElementType, NamedTensor, WeightsFile, torchvision_names};
use std::collections::BTreeMap;
use std::path::Path;

/// Opens a `.pth` or safetensors file, or weights that were fetched under this name.
///
/// # Errors
/// A file that is not there, is damaged, or asks for more than tensors.
pub fn open(weights: &Path) -> CliResult<WeightsFile> {
    Ok(WeightsFile::open(&pretrained::resolve(weights)?)?)
}

/// The tensors of a file as [`open`] finds it, by torchvision's names; says what was converted.
///
/// # Errors
/// See [`open`].
pub fn read(weights: &Path) -> CliResult<BTreeMap<String, NamedTensor>> {
    let mut file = open(weights)?;
    let mut counts: BTreeMap<ElementType, usize> = BTreeMap::new();
    for tensor in file.tensors().filter(|tensor| !tensor.name.ends_with("num_batches_tracked")) {
        *counts.entry(tensor.element).or_default() += 1;
    }
    counts.remove(&ElementType::F32);
    for (element, count) in counts {
        let name = element.name();
        tracing::info!("{}: {count} {name} tensors become 32-bit floats", weights.display());
    }
    Ok(file.read()?)
}

/// The shapes in a file by torchvision's names.
pub fn shapes(file: &WeightsFile) -> BTreeMap<String, Vec<usize>> {
    let names: Vec<&str> = file.tensors().map(|tensor| tensor.name).collect();
    let names = torchvision_names(names.iter().copied());
    names.into_iter().zip(file.tensors().map(|tensor| tensor.shape.to_vec())).collect()
}
