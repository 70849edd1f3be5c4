//! Tensors as they lie in a file, checked before any memory is taken for them.

use super::hdf5::Chunks;
use super::input::{Fault, Input};
use half::{bf16, f16};
use std::ops::Range;
use std::sync::Arc;

/// More axes than any tensor has, here or in PyTorch.
const MAX_AXES: usize = 64;

/// The type of a tensor's values in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ElementType {
    /// 64-bit floats.
    F64,
    /// 32-bit floats.
    F32,
    /// 16-bit floats of IEEE 754.
    F16,
    /// 16-bit floats with the exponent of 32-bit ones.
    Bf16,
    /// 64-bit integers.
    I64,
    /// 32-bit integers.
    I32,
    /// 16-bit integers.
    I16,
    /// 8-bit integers.
    I8,
    /// 8-bit integers without a sign.
    U8,
    /// Truth values, a byte each.
    Bool,
}

impl ElementType {
    /// Every type.
    pub const ALL: [Self; 10] = [
        Self::F64,
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::I64,
        Self::I32,
        Self::I16,
        Self::I8,
        Self::U8,
        Self::Bool,
    ];

    /// The name in safetensors files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::I16 => "I16",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
        }
    }

    /// Bytes of one value.
    pub const fn num_bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Little-endian values as the nearest 32-bit floats.
    fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F64 => decode(bytes, |value| f64::from_le_bytes(value) as f32),
            Self::F32 => decode(bytes, f32::from_le_bytes),
            Self::F16 => decode(bytes, |value| f16::from_le_bytes(value).to_f32()),
            Self::Bf16 => decode(bytes, |value| bf16::from_le_bytes(value).to_f32()),
            Self::I64 => decode(bytes, |value| i64::from_le_bytes(value) as f32),
            Self::I32 => decode(bytes, |value| i32::from_le_bytes(value) as f32),
            Self::I16 => decode(bytes, |value| f32::from(i16::from_le_bytes(value))),
            Self::I8 => decode(bytes, |value| f32::from(i8::from_le_bytes(value))),
            Self::U8 | Self::Bool => decode(bytes, |[value]| f32::from(value)),
        }
    }
}

fn decode<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
}

/// A view of a part of a file: cell `index` is the value number `sum(index * strides)` from `start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredTensor {
    pub element: ElementType,
    pub shape: Vec<usize>,
    strides: Vec<usize>,
    /// Byte of the first value in the file, or in the chunks.
    start: u64,
    pub num_values: usize,
    /// Values from the first to the last that the view reaches, both included.
    num_spanned: usize,
    /// What the view is of, where it is not of the file itself.
    chunks: Option<Arc<Chunks>>,
    /// Of a matrix whose inputs are flattened feature maps, the channels of a cell, which follow each other in the
    /// file and are far apart here.
    num_channels: Option<usize>,
    /// Whether all values are 1, which a file leaves out.
    is_ones: bool,
}

impl StoredTensor {
    /// The same values without axes of a single cell after the first two: the matrix that a 1x1 kernel is.
    pub fn into_matrix(mut self) -> Self {
        if self.shape.iter().skip(2).all(|size| *size == 1) {
            self.shape.truncate(2);
            self.strides.truncate(2);
        }
        self
    }

    /// The same matrix `[outputs, inputs]` for inputs `[channels, height, width]` that are flattened, of one for
    /// `[height, width, channels]`; another shape stays.
    pub fn with_channels_first(self, num_channels: usize) -> Self {
        let is_whole = matches!(self.shape[..], [_, num_inputs] if num_inputs % num_channels == 0);
        Self { num_channels: is_whole.then_some(num_channels), ..self }
    }

    /// A view of the bytes `storage` of the file; `offset` and `strides` count values.
    ///
    /// # Errors
    /// A view that reaches beyond the storage.
    pub fn new(
        element: ElementType,
        shape: Vec<usize>,
        mut strides: Vec<usize>,
        offset: usize,
        storage: Range<u64>,
    ) -> Result<Self, String> {
        if shape.len() != strides.len() || shape.len() > MAX_AXES {
            return Err(format!("{} sizes and {} strides", shape.len(), strides.len()));
        }
        // The stride of an axis with one index moves nothing, and may be any number.
        for (stride, _) in strides.iter_mut().zip(&shape).filter(|(_, size)| **size <= 1) {
            *stride = 0;
        }
        let available = storage.end.saturating_sub(storage.start);
        let beyond = || {
            format!(
                "sizes {shape:?}, strides {strides:?} and offset {offset} reach beyond its storage \
                 of {available} bytes"
            )
        };
        let num_values = num_values(&shape).ok_or_else(beyond)?;
        let num_spanned = num_spanned(&shape, &strides).ok_or_else(beyond)?;
        let num_bytes = element.num_bytes() as u64;
        let end = offset.checked_add(num_spanned).and_then(|end| num_bytes.checked_mul(end as u64));
        if end.is_none_or(|end| end > available) {
            return Err(beyond());
        }
        let start = storage.start + num_bytes * offset as u64;
        Ok(Self {
            element,
            shape,
            strides,
            start,
            num_values,
            num_spanned,
            chunks: None,
            num_channels: None,
            is_ones: false,
        })
    }

    /// `length` ones, which are in no file.
    pub fn ones(length: usize) -> Self {
        Self {
            element: ElementType::F32,
            shape: vec![length],
            strides: vec![0],
            start: 0,
            num_values: length,
            num_spanned: length.min(1),
            chunks: None,
            num_channels: None,
            is_ones: true,
        }
    }

    /// A tensor whose values fill the bytes `storage` of the file in row-major order.
    ///
    /// # Errors
    /// A shape that needs more or fewer bytes.
    pub fn row_major(
        element: ElementType,
        shape: Vec<usize>,
        storage: Range<u64>,
    ) -> Result<Self, String> {
        let num_bytes = storage.end.saturating_sub(storage.start);
        let needed = num_values(&shape)
            .and_then(|num_values| num_values.checked_mul(element.num_bytes()))
            .ok_or_else(|| format!("{shape:?} are too many values"))?;
        if needed as u64 != num_bytes {
            let name = element.name();
            return Err(format!("{shape:?} of {name} takes {needed} bytes, but has {num_bytes}"));
        }
        let strides = row_major_strides(&shape);
        Self::new(element, shape, strides, 0, storage)
    }

    /// The same view of the values of `chunks`, from the first on.
    pub fn in_chunks(self, chunks: Arc<Chunks>) -> Self {
        Self { chunks: Some(chunks), ..self }
    }

    /// Bytes of memory for the values, or for the part of the file that they are picked from.
    pub fn cost(&self) -> u64 {
        let spanned = self.num_spanned as u64 * self.element.num_bytes().max(4) as u64;
        spanned.max((self.num_values as u64).saturating_mul(4))
    }

    /// The values in row-major order.
    pub fn read(&self, input: &mut Input) -> Result<Vec<f32>, Fault> {
        if self.is_ones {
            return Ok(vec![1.0; self.num_values]);
        }
        let num_bytes = self.num_spanned as u64 * self.element.num_bytes() as u64;
        let bytes = match &self.chunks {
            Some(chunks) => chunks.read(input)?,
            None => input.read(self.start..self.start + num_bytes)?,
        };
        let values = self.element.decode(&bytes);
        let (shape, strides) = self.axes();
        let expected = row_major_strides(&shape);
        let mut axes = shape.iter().zip(strides.iter().zip(&expected));
        let is_row_major = axes.all(|(&size, (stride, expected))| size <= 1 || stride == expected);
        if is_row_major { Ok(values) } else { Ok(self.gather(&values, &shape, &strides)) }
    }

    /// Sizes and strides of the axes that are walked along.
    fn axes(&self) -> (Vec<usize>, Vec<usize>) {
        match (self.num_channels, &self.shape[..], &self.strides[..]) {
            (Some(num_channels), &[num_outputs, num_inputs], &[output, input]) => (
                vec![num_outputs, num_channels, num_inputs / num_channels],
                vec![output, input, input * num_channels],
            ),
            _ => (self.shape.clone(), self.strides.clone()),
        }
    }

    /// The value if it is one integer; `None` for floats and for several values.
    pub fn read_integer(&self, input: &mut Input) -> Result<Option<i64>, Fault> {
        let num_bytes = self.element.num_bytes() as u64;
        let is_integer = matches!(self.element, ElementType::I64 | ElementType::I32);
        if self.num_values != 1 || !is_integer || self.chunks.is_some() {
            return Ok(None);
        }
        let bytes = input.read(self.start..self.start + num_bytes)?;
        Ok(match self.element {
            ElementType::I64 => bytes.first_chunk().map(|&bytes| i64::from_le_bytes(bytes)),
            _ => bytes.first_chunk().map(|&bytes| i64::from(i32::from_le_bytes(bytes))),
        })
    }

    fn gather(&self, values: &[f32], shape: &[usize], strides: &[usize]) -> Vec<f32> {
        let mut result = Vec::with_capacity(self.num_values);
        let (Some((&length, outer)), Some((&step, outer_strides))) =
            (shape.split_last(), strides.split_last())
        else {
            return values.to_vec();
        };
        let mut index = vec![0; outer.len()];
        let mut position = 0;
        // Row by row of the last axis, with all others counted up.
        while result.len() < self.num_values {
            result.extend((0..length).map(|idx| values[position + idx * step]));
            for axis in (0..outer.len()).rev() {
                index[axis] += 1;
                position += outer_strides[axis];
                if index[axis] < outer[axis] {
                    break;
                }
                position -= outer_strides[axis] * outer[axis];
                index[axis] = 0;
            }
        }
        result
    }
}

fn num_values(shape: &[usize]) -> Option<usize> {
    // The others have to be in bounds even beside an axis of size 0: callers may multiply in order.
    let mut sizes = shape.iter().filter(|&&size| size > 0);
    let product = sizes.try_fold(1_usize, |product, &size| product.checked_mul(size))?;
    Some(if shape.contains(&0) { 0 } else { product })
}

/// Values from the first to the last that a view reaches, both included.
fn num_spanned(shape: &[usize], strides: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    let mut axes = shape.iter().zip(strides);
    axes.try_fold(1_usize, |num_spanned, (size, stride)| {
        num_spanned.checked_add(stride.checked_mul(size - 1)?)
    })
}

fn row_major_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}
