//! `.pth` files of PyTorch, without Python and without executing what they hold.
//!
//! A `.pth` file is a pickle, a program for Python's pickle machine, with raw values beside it.
//! [`pickle`] interprets it and [`value`] knows the few functions that may occur.

mod pickle;
mod reader;
mod value;

use super::archive::Archive;
use super::contents::{Contents, MAX_NAME_BYTES, Tensors, UnreadObject};
use super::input::{Fault, Input};
use super::stored::StoredTensor;
use pickle::Machine;
use std::collections::HashMap;
use std::ops::Range;
use value::{Global, Memory, Storage, Value};

/// Largest pickle; that of a thousand tensors takes 0.2 MB.
const MAX_PICKLE_BYTES: u64 = 16 << 20;
/// How deep in dictionaries tensors are looked for.
const MAX_DEPTH: usize = 5;
/// Most tensors of a file; a large network and its optimizer have some thousands.
const MAX_TENSORS: usize = 100_000;
/// Most items of dictionaries that are looked at: they may hold each other many times.
const MAX_ITEMS: usize = 1_000_000;
/// Most objects that are listed.
const MAX_OBJECTS: usize = 50;
/// Under which keys training programs say what the network is called, and where: beside the weights, or
/// among the parameters of the training.
const CLAIM_KEYS: [&str; 3] = ["arch", "architecture", "model_name"];
const CLAIM_PLACES: [&str; 6] = ["", "hyper_parameters.", "hparams.", "config.", "args.", "opt."];
/// The first pickle of a legacy file: 0x1950a86a20f9469cfc6c, little-endian.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const LEGACY_PROTOCOL: i64 = 1001;

/// What a `.pth` file of PyTorch since 1.6 holds.
///
/// # Source
/// PyTorch, `torch/serialization.py` (`_save`) and `caffe2/serialize/inline_container.h`.
pub fn zip_contents(input: &mut Input, archive: &Archive) -> Result<Contents, Fault> {
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
    contents(&machine.memory, root, |storage| {
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
pub fn legacy_contents(input: &mut Input) -> Result<Contents, Fault> {
    let bytes = input.read(0..input.num_bytes.min(MAX_PICKLE_BYTES))?;
    let mut machine = Machine::new(&bytes);
    let magic = machine.run()?;
    if !matches!(magic, Value::Long(bytes) if bytes == LEGACY_MAGIC) {
        let message = match machine.memory.unknown.is_empty() {
            true => "it is a pickle, but not one of PyTorch".to_string(),
            false => machine.memory.refusal(0),
        };
        return Err(Fault::Format(message));
    }
    let (protocol, system) = (machine.run()?, machine.run()?);
    if !matches!(protocol, Value::Int(LEGACY_PROTOCOL)) {
        return Err(Fault::Format("it is of an unknown version of PyTorch's format".to_string()));
    }
    if !matches!(entry(&machine.memory, system, "little_endian"), Some(Value::Bool(true))) {
        return Err(Fault::Format("the values are not little-endian".to_string()));
    }
    let (root, keys) = (machine.run()?, machine.run()?);
    let ranges = legacy_ranges(&machine, keys, input)?;
    contents(&machine.memory, root, |storage| match ranges.get(storage.key) {
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
        machine.memory.storages.iter().map(|storage| (storage.key, *storage)).collect();
    let mut ranges = HashMap::new();
    let mut position = machine.position() as u64;
    for key in machine.memory.items(keys) {
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

/// What the dictionary `root` and those in it hold; `locate` finds storages.
fn contents<'a>(
    memory: &Memory<'a>,
    root: Value<'a>,
    mut locate: impl FnMut(&Storage<'a>) -> Result<Range<u64>, Fault>,
) -> Result<Contents, Fault> {
    let mut walk = Walk { memory, found: Vec::new(), objects: Vec::new(), claimed: None, items: 0 };
    walk.dictionary(root, "", 0)?;
    if walk.found.is_empty() {
        check_that_empty(memory, root, &walk.objects)?;
    }
    let mut tensors = Tensors::new();
    for (name, view_idx) in walk.found {
        let named = |message: String| format!("`{}`: {message}", name.escape_debug());
        let view = &memory.views[view_idx];
        let storage = &memory.storages[view.storage_idx];
        let range = locate(storage)?;
        let (shape, strides) = (view.shape.clone(), view.strides.clone());
        let tensor = StoredTensor::new(storage.element, shape, strides, view.offset, range);
        let tensor = tensor.map_err(named)?;
        if tensors.insert(name.clone(), tensor).is_some() {
            let message = "there are two tensors of this name".to_string();
            return Err(Fault::Format(format!("`{}`: {message}", name.escape_debug())));
        }
    }
    Ok(Contents { tensors, claimed: walk.claimed, objects: walk.objects, ..Contents::default() })
}

/// Refuses a file without tensors, unless it is an empty dictionary.
fn check_that_empty(
    memory: &Memory<'_>,
    root: Value<'_>,
    objects: &[UnreadObject],
) -> Result<(), Fault> {
    if let Value::Object(idx) | Value::Global(Global::Unknown(idx)) = root {
        return Err(Fault::Format(memory.refusal(idx)));
    }
    if !memory.unknown.is_empty() && !objects.is_empty() {
        return Err(Fault::Format(memory.refusal(0)));
    }
    match root {
        Value::Dict(_) if memory.items(root).is_empty() => Ok(()),
        Value::Dict(_) => {
            let keys = memory.items(root).iter().step_by(2).filter_map(|key| match key {
                Value::Text(key) => Some(format!("`{}`", key.escape_debug())),
                _ => None,
            });
            let keys: Vec<String> = keys.take(8).collect();
            let message = format!("there is no tensor in it; its keys are {}", keys.join(", "));
            Err(Fault::Format(message.chars().take(600).collect()))
        }
        _ => Err(Fault::Format("it holds no dictionary of tensors".to_string())),
    }
}

/// A walk through dictionaries.
struct Walk<'m, 'a> {
    memory: &'m Memory<'a>,
    /// Names of tensors, and the numbers of their views.
    found: Vec<(String, usize)>,
    objects: Vec<UnreadObject>,
    claimed: Option<String>,
    items: usize,
}

impl<'a> Walk<'_, 'a> {
    /// Notes what the dictionary, list or tuple `value` holds, whose place is `path`.
    fn dictionary(&mut self, value: Value<'a>, path: &str, depth: usize) -> Result<(), Fault> {
        let items = self.memory.items(value);
        match value {
            Value::Dict(_) => {
                for [key, item] in items.as_chunks::<2>().0 {
                    // Other keys are those of optimizers, which number their parameters.
                    let Value::Text(key) = key else {
                        self.count(1)?;
                        continue;
                    };
                    self.item(key, *item, path, depth)?;
                }
            }
            Value::List(_) | Value::Tuple(_) => {
                for (idx, item) in items.iter().enumerate() {
                    self.item(&idx.to_string(), *item, path, depth)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn item(&mut self, key: &str, item: Value<'a>, path: &str, depth: usize) -> Result<(), Fault> {
        self.count(1)?;
        let is_container = matches!(item, Value::Dict(_) | Value::List(_) | Value::Tuple(_));
        if !is_container
            && !matches!(
                item,
                Value::Tensor(_) | Value::Object(_) | Value::Global(_) | Value::Text(_)
            )
        {
            return Ok(());
        }
        // No weight has such a long name, but keys of Lightning's callbacks do.
        if path.len() + key.len() > MAX_NAME_BYTES {
            return Ok(());
        }
        let name = format!("{path}{key}");
        match item {
            Value::Tensor(view_idx) if self.found.len() < MAX_TENSORS => {
                self.found.push((name, view_idx));
            }
            Value::Tensor(_) => {
                return Err(Fault::Format(format!("it holds more than {MAX_TENSORS} tensors")));
            }
            Value::Object(idx) | Value::Global(Global::Unknown(idx))
                if self.objects.len() < MAX_OBJECTS =>
            {
                let place = name.escape_debug().to_string();
                self.objects.push(UnreadObject { place, class: self.memory.unknown_name(idx) });
            }
            Value::Text(text) if is_claim(path, key) && self.claimed.is_none() => {
                let is_plain = text.len() <= 100 && !text.chars().any(char::is_control);
                self.claimed = is_plain.then(|| text.to_string());
            }
            _ if is_container && depth < MAX_DEPTH => {
                self.dictionary(item, &format!("{name}."), depth + 1)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Counts the items, so that no file can take long.
    fn count(&mut self, num_items: usize) -> Result<(), Fault> {
        self.items += num_items;
        match self.items > MAX_ITEMS {
            true => Err(Fault::Format(format!("refused: it has more than {MAX_ITEMS} items"))),
            false => Ok(()),
        }
    }
}

/// Whether the text under `key` in the dictionary `path` is what the network is called.
fn is_claim(path: &str, key: &str) -> bool {
    CLAIM_KEYS.contains(&key) && CLAIM_PLACES.contains(&path)
}

/// The value under `key` in the dictionary `value`.
fn entry<'a>(memory: &Memory<'a>, value: Value<'a>, key: &str) -> Option<Value<'a>> {
    if !matches!(value, Value::Dict(_)) {
        return None;
    }
    let mut pairs = memory.items(value).as_chunks::<2>().0.iter();
    pairs
        .find(|[found, _]| matches!(found, Value::Text(found) if *found == key))
        .map(|pair| pair[1])
}
