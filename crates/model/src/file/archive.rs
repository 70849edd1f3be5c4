//! The zip archives that PyTorch and Keras write: entries that are stored, not compressed.

use crate::file::input::{Fault, Input};
use std::collections::HashMap;
use std::ops::Range;

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: u64 = 22;
const MAX_COMMENT_BYTES: u64 = 0xffff;
const END_64: &[u8] = b"PK\x06\x06";
const END_64_BYTES: u64 = 56;
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const LOCATOR_64_BYTES: u64 = 20;
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
const DIRECTORY_ENTRY_BYTES: usize = 46;
const LOCAL_ENTRY: &[u8] = b"PK\x03\x04";
const LOCAL_ENTRY_BYTES: u64 = 30;
/// Largest table of contents; a thousand tensors take 0.1 MB.
const MAX_DIRECTORY_BYTES: u64 = 64 << 20;
/// In place of a size or position: the 64-bit field has it.
const IN_64_BITS: u64 = 0xffff_ffff;

/// The table of contents of an archive.
///
/// Names are keys and never become paths. Check sums are not looked at: PyTorch can be told to leave
/// them out.
///
/// # Source
/// PKWARE's APPNOTE, <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3.
#[derive(Debug)]
pub struct Archive {
    entries: HashMap<String, Entry>,
    /// Where the table of contents starts, and so the entries end.
    end: u64,
}

/// One entry of the table of contents.
#[derive(Debug, Clone, Copy)]
struct Entry {
    position: u64,
    num_bytes: u64,
    /// Whether the bytes are the content, neither compressed nor encrypted.
    is_stored: bool,
}

impl Archive {
    /// Reads the table of contents.
    ///
    /// # Errors
    /// A damaged one, and two entries of one name.
    pub fn open(input: &mut Input) -> Result<Self, Fault> {
        let directory = directory(input)?;
        if directory.end - directory.start > MAX_DIRECTORY_BYTES {
            return Err(damaged("its table of contents is too large"));
        }
        let bytes = input.read(directory.clone())?;
        let mut entries = HashMap::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (name, entry, num_bytes) = entry(rest)?;
            rest = &rest[num_bytes..];
            if entries.insert(name.clone(), entry).is_some() {
                let name = name.escape_debug();
                return Err(damaged(&format!("it has two entries `{name}`")));
            }
        }
        Ok(Self { entries, end: directory.start })
    }

    /// What stands before `data.pkl` in the names of entries: the name that the file was saved under.
    pub fn prefix(&self) -> Result<&str, Fault> {
        let mut prefixes = self.entries.keys().filter_map(|name| name.strip_suffix("data.pkl"));
        let prefixes = prefixes.by_ref().filter(|rest| rest.ends_with('/') || rest.is_empty());
        match prefixes.collect::<Vec<_>>().as_slice() {
            [prefix] if self.has(&format!("{prefix}constants.pkl")) => Err(Fault::Format(
                "no weights, but a program of TorchScript; write its weights with \
                 `torch.save(torch.jit.load(...).state_dict(), ...)`"
                    .to_string(),
            )),
            [prefix] => Ok(prefix),
            [] => Err(self.not_of_pytorch()),
            _ => Err(damaged("it has several entries `data.pkl`")),
        }
    }

    /// Whether there is an entry `name`.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// What an archive without a pickle is.
    fn not_of_pytorch(&self) -> Fault {
        let any = |ends: &[&str]| {
            let mut names: Vec<&String> = self.entries.keys().collect();
            names.sort_unstable();
            names.into_iter().find(|name| ends.iter().any(|end| name.ends_with(end)))
        };
        let message = if any(&[".npy"]).is_some() {
            "no weights, but arrays of NumPy (.npz); save them by name with PyTorch or safetensors"
                .to_string()
        } else if let Some(name) = any(&["model.weights.h5"]) {
            let name = name.escape_debug();
            format!("a network of Keras in a folder; make an archive of what is beside {name}")
        } else if let Some(name) = any(&[".pth", ".pt", ".bin", ".ckpt", ".safetensors", ".tar"]) {
            format!("a zip archive; unpack it first: it holds {}", name.escape_debug())
        } else {
            return damaged("it has no entry `data.pkl`, as PyTorch's files have");
        };
        Fault::Format(message)
    }

    /// Where in the file the content of the entry `name` is; `None` if there is no such entry.
    pub fn find(&self, name: &str, input: &mut Input) -> Result<Option<Range<u64>>, Fault> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        if !entry.is_stored {
            let name = name.escape_debug();
            return Err(damaged(&format!(
                "its entry `{name}` is compressed or encrypted, which neither PyTorch nor Keras does"
            )));
        }
        let position = entry.position;
        let header = input.read(position..position.saturating_add(LOCAL_ENTRY_BYTES))?;
        let name_bytes = number::<2>(&header, 26)?;
        let name_start = position + LOCAL_ENTRY_BYTES;
        let local_name = input.read(name_start..name_start + name_bytes)?;
        let start = name_start + name_bytes + number::<2>(&header, 28)?;
        let end = start.checked_add(entry.num_bytes);
        match end.filter(|&end| end <= self.end) {
            Some(end) if header.starts_with(LOCAL_ENTRY) && local_name == name.as_bytes() => {
                Ok(Some(start..end))
            }
            _ => Err(damaged(&format!(
                "its entry `{}` is not where it should be",
                name.escape_debug()
            ))),
        }
    }
}

/// Where the table of contents is.
fn directory(input: &mut Input) -> Result<Range<u64>, Fault> {
    let tail_start = input.num_bytes.saturating_sub(END_BYTES + MAX_COMMENT_BYTES);
    let tail = input.read(tail_start..input.num_bytes)?;
    let end = tail.windows(END.len()).rposition(|bytes| bytes == END);
    let end = end.ok_or_else(|| damaged("its end is missing; the file is cut off"))?;
    let mut size = number::<4>(&tail[end..], 12)?;
    let mut start = number::<4>(&tail[end..], 16)?;
    let comment = number::<2>(&tail[end..], 20)?;
    let end = tail_start + end as u64;
    if end + END_BYTES + comment != input.num_bytes {
        return Err(damaged("its end is not the end of the file"));
    }
    let mut limit = end;
    if let Some(record) = record_64(input, end)? {
        let bytes = input.read(record..record + END_64_BYTES)?;
        (size, start) = (number::<8>(&bytes, 40)?, number::<8>(&bytes, 48)?);
        limit = record;
    }
    match start.checked_add(size) {
        Some(end) if end == limit => Ok(start..end),
        _ => Err(damaged("its table of contents is not where it should be")),
    }
}

/// Where the 64-bit record of the end is, if there is one before the 32-bit one at `end`.
fn record_64(input: &mut Input, end: u64) -> Result<Option<u64>, Fault> {
    let Some(locator) = end.checked_sub(LOCATOR_64_BYTES) else { return Ok(None) };
    let bytes = input.read(locator..end)?;
    if !bytes.starts_with(LOCATOR_64) {
        return Ok(None);
    }
    let record = number::<8>(&bytes, 8)?;
    let is_before = record.checked_add(END_64_BYTES).is_some_and(|end| end <= locator);
    if !is_before || input.read(record..record + 4)? != END_64 {
        return Err(damaged("its end is damaged"));
    }
    Ok(Some(record))
}

/// The first entry of a table of contents, its name, and the bytes it takes there.
fn entry(bytes: &[u8]) -> Result<(String, Entry, usize), Fault> {
    if !bytes.starts_with(DIRECTORY_ENTRY) {
        return Err(damaged("its table of contents is damaged"));
    }
    let length = |at| number::<2>(bytes, at).map(|length| length as usize);
    let name_end = DIRECTORY_ENTRY_BYTES + length(28)?;
    let extra_end = name_end + length(30)?;
    let end = extra_end + length(32)?;
    let name = bytes.get(DIRECTORY_ENTRY_BYTES..name_end).unwrap_or_default();
    let name = std::str::from_utf8(name).map_err(|_| damaged("a name is not UTF-8"))?;
    let (flags, method) = (number::<2>(bytes, 8)?, number::<2>(bytes, 10)?);
    let is_stored = flags & 1 == 0 && method == 0;
    let (mut packed, mut unpacked) = (number::<4>(bytes, 20)?, number::<4>(bytes, 24)?);
    let mut position = number::<4>(bytes, 42)?;
    let mut extra = wide_numbers(bytes.get(name_end..extra_end).unwrap_or_default());
    for number in [&mut unpacked, &mut packed, &mut position] {
        if *number == IN_64_BITS {
            *number = extra.next().ok_or_else(|| damaged("a 64-bit size is missing"))?;
        }
    }
    if is_stored && packed != unpacked || end > bytes.len() {
        return Err(damaged(&format!("its entry `{}` has two sizes", name.escape_debug())));
    }
    Ok((name.to_string(), Entry { position, num_bytes: packed, is_stored }, end))
}

/// The 64-bit numbers among the extra fields of an entry.
fn wide_numbers(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut numbers = Vec::new();
    while let (Ok(id), Ok(size)) = (number::<2>(extra, 0), number::<2>(extra, 2)) {
        let field = extra.get(4..4 + size as usize).unwrap_or_default();
        if id == 1 {
            numbers.extend(field.as_chunks::<8>().0.iter().map(|&bytes| u64::from_le_bytes(bytes)));
        }
        extra = extra.get(4 + size as usize..).unwrap_or_default();
    }
    numbers.into_iter()
}

/// The little-endian number of `N` bytes at `at`.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<u64, Fault> {
    let bytes = bytes.get(at..at + N).ok_or_else(|| damaged("it is cut off"))?;
    Ok(bytes.iter().rev().fold(0, |number, &byte| (number << 8) | u64::from(byte)))
}

fn damaged(message: &str) -> Fault {
    Fault::Format(format!("not a valid archive: {message}"))
}
