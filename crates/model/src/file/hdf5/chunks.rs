//! Values in chunks, each of which may be compressed.

use super::bytes::Bytes;
use super::object::kind;
use super::{Hdf5, NOWHERE, Object, damaged};
use crate::file::input::{Fault, Input};
use crate::file::stored::ElementType;
use flate2::read::ZlibDecoder;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;

/// How often more bytes a tensor may take than its file has, or a file of a megabyte. What is compressed better
/// holds no weights.
const MAX_BYTES_PER_BYTE: u64 = 4;
const SMALL_FILE_BYTES: u64 = 1 << 20;

/// What was done to the bytes of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    Deflate,
    /// First bytes of all values, second bytes of all values, and so on.
    Shuffle(usize),
}

/// A part of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chunk {
    /// Index of its first value.
    start: Vec<usize>,
    place: Range<u64>,
    /// Bit `i` is set where filter `i` was left out.
    left_out: u64,
}

/// The chunks of a tensor, whose values are read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    shape: Vec<usize>,
    chunk_shape: Vec<usize>,
    value_bytes: usize,
    filters: Vec<Filter>,
    chunks: Vec<Chunk>,
}

impl Hdf5<'_> {
    /// The chunks that the layout message of `object` describes; `layout` is what follows its class.
    pub(super) fn chunks(
        &mut self,
        object: &Object,
        element: ElementType,
        shape: &[usize],
        mut layout: Bytes<'_>,
    ) -> Result<Chunks, Fault> {
        let (num_axes, tree) = (layout.number(1)?, layout.number(8)?);
        let mut chunk_shape = Vec::new();
        for _ in 0..num_axes {
            chunk_shape.push(layout.number(4)? as usize);
        }
        // The last axis is that of the bytes of a value.
        let value_bytes = chunk_shape.pop();
        let is_odd = value_bytes != Some(element.num_bytes())
            || chunk_shape.len() != shape.len()
            || chunk_shape.contains(&0);
        if is_odd {
            return Err(damaged("chunks do not fit their tensor"));
        }
        let limit = self.num_bytes().max(SMALL_FILE_BYTES).saturating_mul(MAX_BYTES_PER_BYTE);
        for sizes in [shape, &chunk_shape] {
            let start = element.num_bytes() as u64;
            let num_bytes =
                sizes.iter().try_fold(start, |bytes, &size| bytes.checked_mul(size as u64));
            if num_bytes.is_none_or(|num_bytes| num_bytes > limit) {
                return Err(damaged(&format!("chunks of {sizes:?} values in so small a file")));
            }
        }
        let filters = filters(object, element)?;
        let counts = shape.iter().zip(&chunk_shape).map(|(size, chunk)| size.div_ceil(*chunk));
        let num_chunks = counts.product();
        let mut found = BTreeMap::new();
        if tree != NOWHERE {
            self.chunk_tree(tree, None, shape, num_chunks, &mut found)?;
        }
        let is_placed = found
            .keys()
            .all(|start| start.iter().zip(&chunk_shape).all(|(&start, &size)| start % size == 0));
        if found.len() != num_chunks || !is_placed {
            return Err(damaged("chunks of a tensor are missing or not where they should be"));
        }
        let value_bytes = element.num_bytes();
        let chunks = found.into_values().collect();
        Ok(Chunks { shape: shape.to_vec(), chunk_shape, value_bytes, filters, chunks })
    }

    /// Adds the chunks in the tree at an address, which is below a node of level `above`.
    fn chunk_tree(
        &mut self,
        address: u64,
        above: Option<u64>,
        shape: &[usize],
        num_chunks: usize,
        found: &mut BTreeMap<Vec<usize>, Chunk>,
    ) -> Result<(), Fault> {
        let key_bytes = 8 + 8 * (shape.len() as u64 + 1);
        let (level, children) = self.children(address, above, 1, key_bytes)?;
        for (key, child) in children {
            if level > 0 {
                self.chunk_tree(child, Some(level), shape, num_chunks, found)?;
                continue;
            }
            let mut bytes = Bytes::new(&key);
            let (num_bytes, left_out) = (bytes.number(4)?, bytes.number(4)?);
            let start = (0..shape.len()).map(|_| bytes.count()).collect::<Result<Vec<_>, _>>()?;
            let place = self.range(child, num_bytes)?;
            let is_outside = start.iter().zip(shape).any(|(start, size)| start >= size);
            let chunk = Chunk { start: start.clone(), place, left_out };
            if is_outside || found.insert(start, chunk).is_some() || found.len() > num_chunks {
                return Err(damaged("chunks of a tensor overlap or are outside of it"));
            }
        }
        Ok(())
    }
}

/// What was done to the chunks of `object`.
fn filters(object: &Object, element: ElementType) -> Result<Vec<Filter>, Fault> {
    let Some(message) = object.find(kind::FILTERS)? else { return Ok(Vec::new()) };
    let mut bytes = Bytes::new(&message.body);
    let (version, num_filters) = (bytes.number(1)?, bytes.number(1)?);
    if !matches!(version, 1 | 2) {
        return Err(damaged(&format!("filters are of version {version}")));
    }
    bytes.skip(if version == 1 { 6 } else { 0 })?;
    let mut filters = Vec::new();
    for _ in 0..num_filters {
        let id = bytes.number(2)?;
        let is_named = version == 1 || id >= 256;
        let name_bytes = if is_named { bytes.number(2)? as usize } else { 0 };
        bytes.skip(2)?;
        let num_values = bytes.number(2)? as usize;
        bytes.skip(if version == 1 { name_bytes.next_multiple_of(8) } else { name_bytes })?;
        bytes.skip(4 * num_values)?;
        bytes.skip(if version == 1 && num_values % 2 == 1 { 4 } else { 0 })?;
        filters.push(match id {
            1 => Filter::Deflate,
            2 => Filter::Shuffle(element.num_bytes()),
            3 => return Err(damaged("values have check sums (the filter fletcher32)")),
            32000 => return Err(damaged("values are compressed with LZF; gzip is read")),
            _ => {
                return Err(damaged(&format!(
                    "values are compressed with filter {id}; gzip is read"
                )));
            }
        });
    }
    Ok(filters)
}

impl Chunks {
    /// Bytes of all values.
    pub fn num_bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.value_bytes
    }

    /// The bytes of all values in row-major order.
    pub fn read(&self, input: &mut Input) -> Result<Vec<u8>, Fault> {
        let mut all = vec![0; self.num_bytes()];
        let num_bytes = self.chunk_shape.iter().product::<usize>() * self.value_bytes;
        for chunk in &self.chunks {
            let mut bytes = input.read(chunk.place.clone())?;
            for (idx, filter) in self.filters.iter().enumerate().rev() {
                if chunk.left_out & (1 << idx.min(63)) == 0 {
                    bytes = filter.undone(bytes, num_bytes)?;
                }
            }
            if bytes.len() != num_bytes {
                let found = bytes.len();
                return Err(damaged(&format!("a chunk has {found} bytes in place of {num_bytes}")));
            }
            self.copy(chunk, &bytes, &mut all);
        }
        Ok(all)
    }

    /// Copies the values of a chunk that lie in the tensor, row by row.
    fn copy(&self, chunk: &Chunk, bytes: &[u8], all: &mut [u8]) {
        let num_axes = self.shape.len();
        let inside: Vec<usize> = (0..num_axes)
            .map(|axis| self.chunk_shape[axis].min(self.shape[axis] - chunk.start[axis]))
            .collect();
        let row_bytes = inside.last().copied().unwrap_or(1) * self.value_bytes;
        let num_rows: usize = inside.iter().rev().skip(1).product();
        for row_idx in 0..num_rows {
            let (mut rest, mut from, mut to) = (row_idx, 0, 0);
            let (mut from_stride, mut to_stride) = (self.value_bytes, self.value_bytes);
            for axis in (0..num_axes).rev() {
                let is_last = axis + 1 == num_axes;
                let idx = if is_last { 0 } else { rest % inside[axis] };
                rest = if is_last { rest } else { rest / inside[axis] };
                from += idx * from_stride;
                to += (chunk.start[axis] + idx) * to_stride;
                from_stride *= self.chunk_shape[axis];
                to_stride *= self.shape[axis];
            }
            all[to..to + row_bytes].copy_from_slice(&bytes[from..from + row_bytes]);
        }
    }
}

impl Filter {
    /// The bytes before the filter; they are `num_bytes` after the last one.
    fn undone(self, bytes: Vec<u8>, num_bytes: usize) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Deflate => {
                let mut all = Vec::new();
                let limit = num_bytes as u64 + 1;
                let read = ZlibDecoder::new(bytes.as_slice()).take(limit).read_to_end(&mut all);
                read.map_err(|error| damaged(&format!("a chunk cannot be unpacked: {error}")))?;
                Ok(all)
            }
            Self::Shuffle(value_bytes) => {
                let num_values = bytes.len() / value_bytes;
                let mut all = bytes.clone();
                for (place, byte) in bytes[..num_values * value_bytes].iter().enumerate() {
                    let (part, value_idx) = (place / num_values, place % num_values);
                    all[value_idx * value_bytes + part] = *byte;
                }
                Ok(all)
            }
        }
    }
}
