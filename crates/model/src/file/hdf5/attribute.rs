//! Attributes, of which only texts are read.

use super::bytes::{Bytes, text};
use super::dataset::{ValueType, shape, value_type};
use super::object::{Message, kind};
use super::{Hdf5, NOWHERE, Object, damaged};
use crate::file::input::Fault;
use std::rc::Rc;

const HEAP: &[u8] = b"GCOL";
const HEAP_HEAD_BYTES: usize = 16;

/// The parts of an attribute.
struct Attribute<'a> {
    name: &'a [u8],
    value_type: &'a [u8],
    shape: &'a [u8],
    values: &'a [u8],
}

impl<'a> Attribute<'a> {
    fn of(message: &'a Message) -> Result<Self, Fault> {
        let mut bytes = Bytes::new(&message.body);
        let version = bytes.number(1)?;
        let flags = bytes.number(1)?;
        if message.is_shared || version > 1 && flags & 3 != 0 {
            return Err(damaged("an attribute that several objects share"));
        }
        let sizes = [bytes.number(2)?, bytes.number(2)?, bytes.number(2)?];
        bytes.skip(if version == 3 { 1 } else { 0 })?;
        let is_padded = match version {
            1 => true,
            2 | 3 => false,
            _ => return Err(damaged(&format!("an attribute is of version {version}"))),
        };
        let mut part = |idx: usize| {
            let num_bytes = sizes[idx] as usize;
            let num_padded = if is_padded { num_bytes.next_multiple_of(8) } else { num_bytes };
            bytes.take(num_padded).map(|bytes| &bytes[..num_bytes])
        };
        let (name, value_type, shape) = (part(0)?, part(1)?, part(2)?);
        let values = bytes.take(bytes.len())?;
        Ok(Self { name, value_type, shape, values })
    }

    fn is_called(&self, name: &str) -> bool {
        self.name.split(|&byte| byte == 0).next() == Some(name.as_bytes())
    }
}

impl Hdf5<'_> {
    /// Whether an object has an attribute whose name starts with `start`.
    pub fn has_attribute(&self, object: &Object, start: &str) -> Result<bool, Fault> {
        for message in attributes(object) {
            if Attribute::of(message)?.name.starts_with(start.as_bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The attribute `name` of an object, if it is there and one text.
    ///
    /// # Errors
    /// Attributes that are kept as new versions of HDF5 can, and damage.
    pub fn text(&mut self, object: &Object, name: &str) -> Result<Option<String>, Fault> {
        if let Some(info) = object.find(kind::ATTRIBUTE_INFO)? {
            let mut bytes = Bytes::new(&info.body);
            bytes.skip(1)?;
            let has_order = bytes.number(1)? & 1 != 0;
            bytes.skip(if has_order { 2 } else { 0 })?;
            if bytes.number(8)? != NOWHERE {
                return Err(damaged(
                    "attributes are in a heap; write them with h5py's libver=\"earliest\"",
                ));
            }
        }
        for message in attributes(object) {
            let attribute = Attribute::of(message)?;
            if !attribute.is_called(name) {
                continue;
            }
            if !shape(attribute.shape)?.is_empty() {
                return Ok(None);
            }
            return match value_type(attribute.value_type)? {
                ValueType::Text(num_bytes) => {
                    let num_bytes = usize::try_from(num_bytes).unwrap_or(usize::MAX);
                    text(Bytes::new(attribute.values).take(num_bytes)?).map(Some)
                }
                ValueType::TextInHeap => self.text_in_heap(attribute.values).map(Some),
                _ => Ok(None),
            };
        }
        Ok(None)
    }

    /// The text that a reference to a heap means.
    fn text_in_heap(&mut self, reference: &[u8]) -> Result<String, Fault> {
        let mut bytes = Bytes::new(reference);
        let (num_bytes, address, idx) = (bytes.number(4)?, bytes.number(8)?, bytes.number(4)?);
        if num_bytes == 0 {
            return Ok(String::new());
        }
        let heap = self.heap(address)?;
        let mut bytes = Bytes::new(&heap);
        bytes.skip(HEAP_HEAD_BYTES)?;
        loop {
            let found = bytes.number(2)?;
            bytes.skip(6)?;
            let size = bytes.count()?;
            // What is left of a heap has the number 0.
            if found == 0 {
                return Err(damaged("a text is not in its heap"));
            }
            if found == idx {
                let text_bytes = bytes.take(size)?;
                let text_bytes = text_bytes.get(..num_bytes as usize);
                return text(text_bytes.ok_or_else(|| damaged("a text is cut off"))?);
            }
            let padded = size.checked_next_multiple_of(8);
            bytes.skip(padded.ok_or_else(|| damaged("a text is too long"))?)?;
        }
    }

    fn heap(&mut self, address: u64) -> Result<Rc<Vec<u8>>, Fault> {
        if let Some(heap) = self.heaps.get(&address) {
            return Ok(Rc::clone(heap));
        }
        let start = self.read(address, HEAP_HEAD_BYTES as u64)?;
        let mut bytes = Bytes::new(&start);
        if bytes.take(HEAP.len())? != HEAP {
            return Err(damaged("a heap of texts is not where it should be"));
        }
        bytes.skip(4)?;
        let heap = Rc::new(self.read(address, bytes.number(8)?)?);
        self.heaps.insert(address, Rc::clone(&heap));
        Ok(heap)
    }
}

fn attributes(object: &Object) -> impl Iterator<Item = &Message> {
    object.messages.iter().filter(|message| message.kind == kind::ATTRIBUTE)
}
