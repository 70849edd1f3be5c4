//! What the reader of each format returns.

use super::stored::StoredTensor;
use std::collections::BTreeMap;

/// Longest name of a tensor.
pub(super) const MAX_NAME_BYTES: usize = 300;

/// Tensors by their names in the file.
pub(super) type Tensors = BTreeMap<String, StoredTensor>;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub tensors: Tensors,
    /// What is subtracted from tensors, by their names: biases that a network does not have.
    pub shifts: Tensors,
    /// The value `dermx` of a safetensors file's metadata.
    pub description: Option<String>,
    /// What a checkpoint says that its network is called.
    pub claimed: Option<String>,
    /// What is neither tensor nor number nor text.
    pub objects: Vec<UnreadObject>,
}

/// An object of a checkpoint that was not made, because it is no tensor, number or text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadObject {
    /// The keys that lead to it, joined by dots.
    pub place: String,
    /// The name of its class in Python.
    pub class: String,
}
