//! HDF5 files, as far as Keras and h5py write them.
//!
//! The reader is our own. What is needed is where values lie, so that tensors are views of the file as in the
//! other formats, and that no file makes it panic, wait or take memory that the file does not explain. Of the
//! libraries in pure Rust, tried with 6,000 broken files each: hdf5-pure 0.47 took 1.9 GB and 15 s for one of 20 kB,
//! rustyhdf5 1.93 took 2.3 GB and 44 s and its sums overflow, hdf5-rust 2.0 needs a newer Rust than this project.
//! hdf5-reader 0.12 held, but copies whole arrays, and brings 30,000 lines, some of them unsafe, and a memory map for
//! what Keras never writes.
//!
//! Read are superblocks 0 to 3, object headers 1 and 2, groups by symbol table or by links in their header, values
//! in one piece, in the header, or in chunks (plain, shuffled, deflated), and attributes of text. Everything else
//! is refused by name. Check sums are not looked at.
//!
//! # Source
//! HDF5 File Format Specification 3.0,
//! <https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html>.

mod attribute;
mod bytes;
mod chunks;
mod dataset;
mod group;
mod object;

pub(super) use chunks::Chunks;
pub(super) use dataset::Dataset;
pub(super) use object::Object;

use super::input::{Fault, Input};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// How an HDF5 file starts.
pub(super) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Most bytes that are read beside values, so that no file can take long by naming a place many times. A network
/// of a thousand tensors takes 3 MB.
const MAX_BYTES: u64 = 128 << 20;
/// What each reading costs, in bytes, however little it reads.
const BYTES_PER_READING: u64 = 256;
/// An address that leads nowhere.
const NOWHERE: u64 = u64::MAX;

/// An HDF5 file, or one inside of another file.
#[derive(Debug)]
pub(super) struct Hdf5<'a> {
    input: &'a mut Input,
    /// Where it lies in the file.
    place: Range<u64>,
    /// Bytes that may still be read.
    budget: u64,
    /// Heaps of texts by address: many texts lie in one.
    heaps: BTreeMap<u64, Rc<Vec<u8>>>,
    /// The address of the group that holds all.
    pub root: u64,
}

impl<'a> Hdf5<'a> {
    /// The HDF5 file at `place` in `input`.
    ///
    /// # Errors
    /// No HDF5 file, or one of a kind that Keras does not write.
    pub fn open(input: &'a mut Input, place: Range<u64>) -> Result<Self, Fault> {
        let mut file = Self { input, place, budget: MAX_BYTES, heaps: BTreeMap::new(), root: 0 };
        let start = file.read(0, file.num_bytes().min(96))?;
        let mut bytes = Bytes::new(&start);
        if bytes.take(SIGNATURE.len())? != SIGNATURE {
            return Err(damaged("it does not start as one"));
        }
        let version = bytes.number(1)?;
        let sizes = match version {
            0 | 1 => {
                bytes.skip(4)?;
                [bytes.number(1)?, bytes.number(1)?]
            }
            2 | 3 => [bytes.number(1)?, bytes.number(1)?],
            _ => return Err(damaged(&format!("its superblock is of version {version}"))),
        };
        if sizes != [8, 8] {
            return Err(damaged("addresses are not of 8 bytes"));
        }
        // Then settings of old versions, and the address that others count from.
        bytes.skip([9, 13, 1, 1][version as usize])?;
        if bytes.number(8)? != 0 {
            return Err(damaged("it has a block of another program before it"));
        }
        // The address of free space, or of more settings.
        bytes.skip(8)?;
        if bytes.number(8)? > file.num_bytes() {
            return Err(damaged("it is cut off"));
        }
        // Of old versions the root is the entry of a table, with two addresses before that of its header.
        bytes.skip(if version < 2 { 16 } else { 0 })?;
        file.root = bytes.number(8)?;
        Ok(file)
    }

    fn num_bytes(&self) -> u64 {
        self.place.end.saturating_sub(self.place.start)
    }

    /// The place in `input` of `num_bytes` bytes at an address.
    fn range(&self, address: u64, num_bytes: u64) -> Result<Range<u64>, Fault> {
        let end = address.checked_add(num_bytes).filter(|&end| end <= self.num_bytes());
        let end = end.ok_or_else(|| damaged("it is cut off, or an address leads out of it"))?;
        Ok(self.place.start + address..self.place.start + end)
    }

    fn read(&mut self, address: u64, num_bytes: u64) -> Result<Vec<u8>, Fault> {
        let range = self.range(address, num_bytes)?;
        let rest = self.budget.checked_sub(num_bytes.saturating_add(BYTES_PER_READING));
        self.budget = rest.ok_or_else(|| {
            damaged(&format!("it names its parts so often that over {MAX_BYTES} bytes are read"))
        })?;
        self.input.read(range)
    }
}

/// Why it is not read.
fn damaged(message: &str) -> Fault {
    Fault::Format(format!("HDF5 that is not read: {message}"))
}
