//! Numbers and pieces, one after the other.

use super::damaged;
use crate::file::input::Fault;

/// Bytes that may end at any point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// The next `num_bytes` bytes.
    pub fn take(&mut self, num_bytes: usize) -> Result<&'a [u8], Fault> {
        let (bytes, rest) =
            self.0.split_at_checked(num_bytes).ok_or_else(|| damaged("a part of it is cut off"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub fn skip(&mut self, num_bytes: usize) -> Result<(), Fault> {
        self.take(num_bytes).map(drop)
    }

    /// The little-endian number of the next `num_bytes` bytes, at most 8.
    pub fn number(&mut self, num_bytes: usize) -> Result<u64, Fault> {
        let bytes = self.take(num_bytes)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| (number << 8) | u64::from(byte)))
    }

    /// A number of 8 bytes that counts things in memory.
    pub fn count(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.number(8)?).map_err(|_| damaged("a size is too large"))
    }
}

/// The text up to the first zero byte.
pub(super) fn text(bytes: &[u8]) -> Result<String, Fault> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| damaged("a text is not UTF-8"))?;
    Ok(text.to_string())
}
