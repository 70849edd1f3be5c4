//! `.pth` files of PyTorch, without Python and without executing what they hold.
//!
//! A `.pth` file is a pickle, a program for Python's pickle machine, with raw values beside it.
//! [`pickle`] interprets it and [`value`] knows the few functions that may occur.

mod archive;
mod pickle;
mod reader;
mod value;

use super::stored::StoredTensor;
use super::{Fault, Input, Tensors};
use archive::Archive;
use pickle::Machine;
use std::collections::HashMap;
use std::ops::Range;
use value::{Storage, Value};

/// Largest pickle; that of a thousand tensors takes 0.2 MB.
const MAX_PICKLE_BYTES: u64 = 16 << 20;
/// Where training programs keep the weights among other things.
const NESTED: [&str; 3] = ["state_dict", "model", "model_state_dict"];
/// How deep they are looked for.
const MAX_DEPTH: usize = 3;
/// The first pickle of a legacy file: 0x1950a86a20f9469cfc6c, little-endian.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const LEGACY_PROTOCOL: i64 = 1001;

/// What a `.pth` file of PyTorch since 1.6 holds.
///
/// # Source
/// PyTorch, `torch/serialization.py` (`_save`) and `caffe2/serialize/inline_container.h`.
pub fn zip_tensors(input: &mut Input) -> Result<Tensors, Fault> {
    let archive = Archive::open(input)?;
    let prefix = archive.prefix()?.to_string();
    if let Some(order) = archive.find(&format!("{prefix}byteorder"), input)?
        && (order.end - order.start != 6 || input.read(order)? != b"little")
    {
        return Err(Fault::Format("the values are not little-endian".to_string()));
    }
    let pickle = archive.find(&format!("{prefix}data.pkl"), input)?.unwrap_or_default();
    if pickle.end - pickle.start > MAX_PICKLE_BYTES {
        return Err(Fault::Format(format!("its pickle takes more than {MAX_PICKLE_BYTES} bytes")));
    }
    let bytes = input.read(pickle)?;
    let mut machine = Machine::new(&bytes);
    let root = machine.run()?;
    state_dict(&machine, root, |storage| {
        let name = format!("{prefix}data/{}", storage.key);
        let found = archive.find(&name, input)?;
        let found = found.filter(|range| Ok(range.end - range.start) == storage.num_bytes());
        found.ok_or_else(|| {
            let key = storage.key.escape_debug();
            Fault::Format(format!("the storage {key} is missing or not of its size"))
        })
    })
}

/// What a `.pth` file of PyTorch before 1.6 holds.
///
/// # Source
/// PyTorch, `torch/serialization.py` (`_legacy_save`).
pub fn legacy_tensors(input: &mut Input) -> Result<Tensors, Fault> {
    let bytes = input.read(0..input.num_bytes.min(MAX_PICKLE_BYTES))?;
    let mut machine = Machine::new(&bytes);
    let magic = machine.run()?;
    if !matches!(magic, Value::Long(bytes) if bytes == LEGACY_MAGIC) {
        return Err(Fault::Format("it is a pickle, but not one of PyTorch".to_string()));
    }
    let (protocol, system) = (machine.run()?, machine.run()?);
    if !matches!(protocol, Value::Int(LEGACY_PROTOCOL)) {
        return Err(Fault::Format("it is of an unknown version of PyTorch's format".to_string()));
    }
    if !matches!(entry(&machine, system, "little_endian"), Some(Value::Bool(true))) {
        return Err(Fault::Format("the values are not little-endian".to_string()));
    }
    let (root, keys) = (machine.run()?, machine.run()?);
    let ranges = legacy_ranges(&machine, keys, input)?;
    state_dict(&machine, root, |storage| match ranges.get(storage.key) {
        Some((found, range)) if found == storage => Ok(range.clone()),
        _ => Err(Fault::Format(format!(
            "the storage {} is missing or not of its size",
            storage.key.escape_debug()
        ))),
    })
}

/// Where the storages of a legacy file are: behind the pickles in the order of `keys`, each after its
/// number of values.
fn legacy_ranges<'a>(
    machine: &Machine<'a>,
    keys: Value<'a>,
    input: &mut Input,
) -> Result<HashMap<&'a str, (Storage<'a>, Range<u64>)>, Fault> {
    let storages: HashMap<&str, Storage<'a>> =
        machine.storages.iter().map(|storage| (storage.key, *storage)).collect();
    let mut ranges = HashMap::new();
    let mut position = machine.position() as u64;
    for key in machine.items(keys) {
        let storage = match key {
            Value::Text(key) => storages.get(key).copied(),
            _ => None,
        };
        let storage = storage.ok_or_else(|| "a storage belongs to no tensor".to_string())?;
        let start = position + 8;
        let num_values = input.read(position..start)?;
        let end = start.checked_add(storage.num_bytes()?).filter(|&end| end <= input.num_bytes);
        let end = end.filter(|_| num_values == storage.num_values.to_le_bytes());
        position = end.ok_or_else(|| {
            format!("the storage {} is cut off or not of its size", storage.key.escape_debug())
        })?;
        ranges.insert(storage.key, (storage, start..position));
    }
    match input.num_bytes - position {
        0 => Ok(ranges),
        rest => Err(Fault::Format(format!("{rest} bytes after the last storage"))),
    }
}

/// The tensors of the dictionary `root`, or of one in it under a usual name; `locate` finds storages.
fn state_dict<'a>(
    machine: &Machine<'a>,
    mut root: Value<'a>,
    mut locate: impl FnMut(&Storage<'a>) -> Result<Range<u64>, Fault>,
) -> Result<Tensors, Fault> {
    for _ in 0..MAX_DEPTH {
        let values = machine.items(root).iter().skip(1).step_by(2);
        if values.into_iter().any(|value| matches!(value, Value::Tensor(_))) {
            break;
        }
        let mut nested = NESTED.iter().filter_map(|name| entry(machine, root, name));
        root = nested.find(|value| matches!(value, Value::Dict(_))).unwrap_or(root);
    }
    if !matches!(root, Value::Dict(_)) {
        return Err(Fault::Format("it holds no dictionary of tensors".to_string()));
    }
    let mut tensors = Tensors::new();
    for [key, value] in machine.items(root).as_chunks::<2>().0 {
        let Value::Text(name) = key else {
            return Err(Fault::Format("a key of its dictionary is no text".to_string()));
        };
        let named = |message: String| format!("`{}`: {message}", name.escape_debug());
        let Value::Tensor(view_idx) = value else {
            let nested = NESTED.join(", ");
            let message = format!("not a tensor, and there is no dictionary in {nested} either");
            return Err(Fault::Format(named(message)));
        };
        let view = &machine.views[*view_idx];
        let storage = &machine.storages[view.storage_idx];
        let range = locate(storage)?;
        let (shape, strides) = (view.shape.clone(), view.strides.clone());
        let tensor = StoredTensor::new(storage.element, shape, strides, view.offset, range);
        if tensors.insert(name.to_string(), tensor.map_err(named)?).is_some() {
            return Err(Fault::Format(named("there are two tensors of this name".to_string())));
        }
    }
    Ok(tensors)
}

/// The value under `key` in the dictionary `value`.
fn entry<'a>(machine: &Machine<'a>, value: Value<'a>, key: &str) -> Option<Value<'a>> {
    if !matches!(value, Value::Dict(_)) {
        return None;
    }
    let mut pairs = machine.items(value).as_chunks::<2>().0.iter();
    pairs
        .find(|[found, _]| matches!(found, Value::Text(found) if *found == key))
        .map(|pair| pair[1])
}
