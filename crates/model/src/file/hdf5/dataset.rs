//! Data sets: type and shape of values, and where they are.

use super::bytes::Bytes;
use super::chunks::Chunks;
use super::object::{Message, kind};
use super::{Hdf5, NOWHERE, Object, damaged};
use crate::file::input::Fault;
use crate::file::stored::{ElementType, StoredTensor};
use std::ops::Range;
use std::sync::Arc;

/// Most axes, the format's own limit.
const MAX_AXES: u64 = 32;

/// How the bits of a float are laid out: where the exponent starts, its bits, where the mantissa starts, its bits,
/// what is added to the exponent.
type FloatLayout = [u64; 5];

const FLOATS: [(ElementType, FloatLayout); 3] = [
    (ElementType::F64, [52, 11, 0, 52, 1023]),
    (ElementType::F32, [23, 8, 0, 23, 127]),
    (ElementType::F16, [10, 5, 0, 10, 15]),
];

/// The type of a value, if it is one that weights have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    Number(ElementType),
    /// Bytes without a meaning, as h5py writes 16-bit floats with the exponent of 32-bit ones.
    Opaque(u64),
    /// A text of so many bytes.
    Text(u64),
    /// A text in a heap.
    TextInHeap,
    /// What no weight is, in words.
    Other(&'static str),
}

/// Where the values of a data set are.
#[derive(Debug, Clone)]
enum Place {
    /// In one piece of the file.
    Piece(Range<u64>),
    /// In chunks.
    Chunks(Arc<Chunks>),
}

/// Values in row-major order.
#[derive(Debug, Clone)]
pub struct Dataset {
    pub element: ElementType,
    pub shape: Vec<usize>,
    place: Place,
}

impl Dataset {
    /// The values as a tensor of another shape whose cell `index` is the value number `sum(index * strides)`.
    pub fn view(&self, shape: Vec<usize>, strides: Vec<usize>) -> Result<StoredTensor, String> {
        match &self.place {
            Place::Piece(range) => {
                StoredTensor::new(self.element, shape, strides, 0, range.clone())
            }
            Place::Chunks(chunks) => {
                let storage = 0..chunks.num_bytes() as u64;
                let tensor = StoredTensor::new(self.element, shape, strides, 0, storage)?;
                Ok(tensor.in_chunks(Arc::clone(chunks)))
            }
        }
    }
}

impl Hdf5<'_> {
    /// The data set `object`, whose values are not read.
    ///
    /// # Errors
    /// Types that no weight has, values that are not in the file, filters other than shuffling and deflation.
    pub fn dataset(&mut self, object: &Object) -> Result<Dataset, Fault> {
        let shape = shape(&object.message(kind::DATASPACE)?.body)?;
        let element = match value_type(&object.message(kind::DATATYPE)?.body)? {
            ValueType::Number(element) => element,
            ValueType::Opaque(2) if self.text(object, "dtype")?.as_deref() == Some("bfloat16") => {
                ElementType::Bf16
            }
            ValueType::Opaque(_) => return Err(not_numbers("bytes without a meaning")),
            ValueType::Text(_) | ValueType::TextInHeap => return Err(not_numbers("texts")),
            ValueType::Other(what) => return Err(not_numbers(what)),
        };
        if object.find(kind::EXTERNAL_FILES)?.is_some() {
            return Err(damaged("values are in other files"));
        }
        let mut sizes = shape.iter();
        let num_bytes = sizes
            .try_fold(element.num_bytes() as u64, |bytes, &size| bytes.checked_mul(size as u64));
        let num_bytes =
            num_bytes.ok_or_else(|| damaged(&format!("{shape:?} are too many values")))?;
        let place = self.values(object, element, &shape, num_bytes)?;
        Ok(Dataset { element, shape, place })
    }

    fn values(
        &mut self,
        object: &Object,
        element: ElementType,
        shape: &[usize],
        num_bytes: u64,
    ) -> Result<Place, Fault> {
        let Message { address, body, .. } = object.message(kind::LAYOUT)?;
        let mut bytes = Bytes::new(body);
        let (version, class) = (bytes.number(1)?, bytes.number(1)?);
        let is_known = version == 3 || version == 4 && class < 2;
        let range = match class {
            _ if !is_known => {
                return Err(damaged(&format!(
                    "values are laid out as version {version} of HDF5's layouts has it; write them with \
                     h5py's libver=\"earliest\""
                )));
            }
            0 => {
                let size = bytes.number(2)?;
                self.range(address.saturating_add(4), size)?
            }
            1 => {
                let (start, size) = (bytes.number(8)?, bytes.number(8)?);
                if start == NOWHERE && num_bytes > 0 {
                    return Err(damaged("values were never written"));
                }
                self.range(if num_bytes == 0 { 0 } else { start }, size)?
            }
            2 => {
                return self.chunks(object, element, shape, bytes).map(Arc::new).map(Place::Chunks);
            }
            _ => return Err(damaged("values are in other files")),
        };
        if range.end - range.start != num_bytes {
            let size = range.end - range.start;
            return Err(damaged(&format!(
                "{shape:?} of {} take {num_bytes} bytes, but there are {size}",
                element.name()
            )));
        }
        Ok(Place::Piece(range))
    }
}

fn not_numbers(what: &str) -> Fault {
    damaged(&format!("values are {what}, which no weight is"))
}

/// The sizes of the axes.
pub(super) fn shape(body: &[u8]) -> Result<Vec<usize>, Fault> {
    let mut bytes = Bytes::new(body);
    let (version, num_axes) = (bytes.number(1)?, bytes.number(1)?);
    bytes.skip(1)?;
    match version {
        1 => bytes.skip(5)?,
        2 if bytes.number(1)? == 2 => return Err(damaged("a data set has no values")),
        2 => {}
        _ => return Err(damaged(&format!("sizes are written as version {version} has it"))),
    }
    if num_axes > MAX_AXES {
        return Err(damaged(&format!("a tensor has {num_axes} axes")));
    }
    (0..num_axes).map(|_| bytes.count()).collect()
}

/// The type that a message describes.
pub(super) fn value_type(body: &[u8]) -> Result<ValueType, Fault> {
    let mut bytes = Bytes::new(body);
    let class = bytes.number(1)? & 0x0f;
    let flags = bytes.number(3)?;
    let size = bytes.number(4)?;
    let other = |what| Ok(ValueType::Other(what));
    let is_big_endian = flags & 1 != 0;
    match (class, size) {
        (0 | 1, _) if is_big_endian => other("big-endian numbers"),
        (0, _) => {
            let bits = [bytes.number(2)?, bytes.number(2)?];
            let element = match (flags & 8 != 0, size) {
                _ if bits != [0, 8 * size] => return other("numbers of some bits"),
                (true, 1) => ElementType::I8,
                (true, 2) => ElementType::I16,
                (true, 4) => ElementType::I32,
                (true, 8) => ElementType::I64,
                (false, 1) => ElementType::U8,
                _ => return other("numbers without a sign"),
            };
            Ok(ValueType::Number(element))
        }
        (1, _) => {
            let bits = [bytes.number(2)?, bytes.number(2)?];
            let mut layout = [0; 5];
            for (part, num_bytes) in layout.iter_mut().zip([1, 1, 1, 1, 4]) {
                *part = bytes.number(num_bytes)?;
            }
            let is_same = |(element, floats): &&(ElementType, FloatLayout)| {
                element.num_bytes() as u64 == size && *floats == layout && bits == [0, 8 * size]
            };
            match FLOATS.iter().find(is_same) {
                Some((element, _)) => Ok(ValueType::Number(*element)),
                None => other("floats of another kind than IEEE's"),
            }
        }
        (3, _) => Ok(ValueType::Text(size)),
        (5, _) => Ok(ValueType::Opaque(size)),
        // h5py writes truth values as two names for numbers of a byte.
        (8, 1) => Ok(ValueType::Number(ElementType::Bool)),
        (9, 16) if flags & 0x0f == 1 => Ok(ValueType::TextInHeap),
        (6, _) => other("records"),
        _ => other("neither integers nor floats"),
    }
}
