//! Safetensors files.

use super::contents::{Contents, Tensors};
use super::input::{Fault, Input};
use super::stored::{ElementType, StoredTensor};
use crate::parameter::is_unread_buffer;
use crate::weights::{NamedTensor, WeightsError};
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// Largest header, the same as in the reference implementation.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The most that is said of a damaged header, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// The key of a file's metadata under which this project says what the network is.
const DESCRIPTION: &str = "dermx";

/// What a safetensors file holds.
///
/// # Errors
/// A header over 100 MB, two tensors of one name, values that overlap or leave gaps, sizes that do
/// not fit the type.
///
/// # Source
/// <https://github.com/huggingface/safetensors#format>
pub fn contents(input: &mut Input) -> Result<Contents, Fault> {
    let invalid =
        |message: String| Fault::Format(format!("not a valid safetensors file: {message}"));
    let size = input.read(0..8).map_err(|_| invalid("it is shorter than 8 bytes".to_string()))?;
    let size = size.iter().rev().fold(0_u64, |size, &byte| (size << 8) | u64::from(byte));
    if size > MAX_HEADER_BYTES || size > input.num_bytes - 8 {
        let (limit, num_bytes) = (MAX_HEADER_BYTES, input.num_bytes);
        let limits = format!("in a file of {num_bytes}; at most {limit} are allowed");
        return Err(invalid(format!(
            "its first 8 bytes announce a header of {size} bytes {limits}"
        )));
    }
    let data_start = 8 + size;
    let header: Header = serde_json::from_slice(&input.read(8..data_start)?).map_err(|error| {
        // A header may hold a name of megabytes.
        let message: String = error.to_string().chars().take(MAX_MESSAGE_CHARS).collect();
        invalid(format!("its header: {message}"))
    })?;
    let num_bytes = input.num_bytes - data_start;
    let tensors = layout(header.entries, data_start, num_bytes).map_err(invalid)?;
    Ok(Contents { tensors, description: header.description, ..Contents::default() })
}

/// The tensors of `entries`, which have to fill the `num_bytes` bytes from `data_start` on.
fn layout(
    mut entries: Vec<(String, Entry)>,
    data_start: u64,
    num_bytes: u64,
) -> Result<Tensors, String> {
    entries.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut tensors = Tensors::new();
    let mut position = 0;
    for (name, entry) in entries {
        let [start, end] = entry.data_offsets;
        if start != position || end < start || end > num_bytes {
            return Err(format!(
                "`{name}` takes bytes {start} to {end} of {num_bytes}; the tensor before it ends at \
                 {position}"
            ));
        }
        position = end;
        let element = ElementType::ALL.into_iter().find(|element| element.name() == entry.dtype);
        let element = element.ok_or_else(|| {
            let known = ElementType::ALL.map(ElementType::name).join(", ");
            format!("`{name}` is of type {}; known are {known}", entry.dtype)
        })?;
        let storage = data_start + start..data_start + end;
        let tensor = StoredTensor::row_major(element, entry.shape, storage)
            .map_err(|message| format!("`{name}`: {message}"))?;
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(format!("there are two tensors `{name}`"));
        }
    }
    if position != num_bytes {
        return Err(format!("{} bytes after the last tensor", num_bytes - position));
    }
    Ok(tensors)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// What of a file's metadata is read.
#[derive(Debug, Deserialize)]
struct Metadata {
    dermx: Option<String>,
}

/// All entries, also those of one name: a map would keep the last of them silently.
struct Header {
    entries: Vec<(String, Entry)>,
    description: Option<String>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an entry for each tensor")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
        let mut header = Header { entries: Vec::new(), description: None };
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                header.description =
                    map.next_value::<Option<Metadata>>()?.and_then(|all| all.dermx);
            } else {
                header.entries.push((name, map.next_value()?));
            }
        }
        Ok(header)
    }
}

/// Serializes `tensors` as a safetensors file: the same tensors give the same bytes.
///
/// Buffers that are not read (see [`crate::with_unread_buffers`]) become 64-bit integers, everything else
/// 32-bit floats.
///
/// # Errors
/// A tensor whose shape and number of values disagree.
pub fn write_safetensors(tensors: &BTreeMap<String, NamedTensor>) -> Result<Vec<u8>, WeightsError> {
    serialize(tensors, &BTreeMap::new(), None)
}

/// [`write_safetensors`] with a `description` of the network among the metadata, under the key `dermx`,
/// and the exact values of `counters`.
///
/// # Errors
/// See [`write_safetensors`].
pub fn write_described_safetensors(
    tensors: &BTreeMap<String, NamedTensor>,
    counters: &BTreeMap<String, i64>,
    description: &str,
) -> Result<Vec<u8>, WeightsError> {
    // One key: a map of several has no order, and the same network has to give the same bytes.
    let metadata = HashMap::from([(DESCRIPTION.to_string(), description.to_string())]);
    serialize(tensors, counters, Some(metadata))
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; size_of_val(values)];
    for (bytes, value) in bytes.as_chunks_mut().0.iter_mut().zip(values) {
        *bytes = value.to_le_bytes();
    }
    bytes
}

fn serialize(
    tensors: &BTreeMap<String, NamedTensor>,
    counters: &BTreeMap<String, i64>,
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, WeightsError> {
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, tensor)| {
            let values = tensor.values.iter();
            let bytes = match counters.get(name) {
                Some(counter) if is_unread_buffer(name) => counter.to_le_bytes().to_vec(),
                _ if is_unread_buffer(name) => {
                    values.flat_map(|&value| (value as i64).to_le_bytes()).collect()
                }
                _ => little_endian(&tensor.values),
            };
            (name, bytes)
        })
        .collect();
    let mut views = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let dtype = if is_unread_buffer(name) { Dtype::I64 } else { Dtype::F32 };
        let view = TensorView::new(dtype, tensor.shape.clone(), &bytes[name])
            .map_err(|error| WeightsError::Mismatch(format!("`{name}`: {error}")))?;
        views.push((name.as_str(), view));
    }
    safetensors::serialize(views, metadata)
        .map_err(|error| WeightsError::Mismatch(error.to_string()))
}
