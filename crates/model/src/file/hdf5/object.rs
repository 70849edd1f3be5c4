//! Headers of objects: lists of messages, which say all that there is to a group or data set.

use super::bytes::Bytes;
use super::{Hdf5, damaged};
use crate::file::input::Fault;

const VERSION_2: &[u8] = b"OHDR";
const CONTINUED: &[u8] = b"OCHK";
/// The message that says where more messages are.
const CONTINUATION: u64 = 0x10;
/// Set where a message is elsewhere, for several objects.
const IS_SHARED: u64 = 2;
/// Most pieces of a header.
const MAX_PIECES: usize = 1000;
/// Most messages of a header.
const MAX_MESSAGES: usize = 20_000;

/// The kinds of messages that are read.
pub(super) mod kind {
    pub const DATASPACE: u64 = 0x01;
    pub const LINK_INFO: u64 = 0x02;
    pub const DATATYPE: u64 = 0x03;
    pub const LINK: u64 = 0x06;
    pub const EXTERNAL_FILES: u64 = 0x07;
    pub const LAYOUT: u64 = 0x08;
    pub const FILTERS: u64 = 0x0b;
    pub const ATTRIBUTE: u64 = 0x0c;
    pub const SYMBOL_TABLE: u64 = 0x11;
    pub const ATTRIBUTE_INFO: u64 = 0x15;
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub kind: u64,
    pub is_shared: bool,
    /// The address of the body.
    pub address: u64,
    pub body: Vec<u8>,
}

/// A group or a data set.
#[derive(Debug)]
pub struct Object {
    pub(super) messages: Vec<Message>,
}

impl Object {
    /// Whether it has values of its own.
    pub fn is_dataset(&self) -> bool {
        self.messages.iter().any(|message| message.kind == kind::LAYOUT)
    }

    /// The body of the first message of a kind.
    pub(super) fn find(&self, kind: u64) -> Result<Option<&Message>, Fault> {
        match self.messages.iter().find(|message| message.kind == kind) {
            Some(message) if message.is_shared => {
                Err(damaged("a type or size that several objects share"))
            }
            found => Ok(found),
        }
    }

    /// The body of the message of a kind that has to be there.
    pub(super) fn message(&self, kind: u64) -> Result<&Message, Fault> {
        self.find(kind)?.ok_or_else(|| damaged("a data set has no type, no size or no place"))
    }
}

/// How the messages of a header are written.
#[derive(Debug, Clone, Copy)]
enum Style {
    /// Of 8 bytes and the body.
    First,
    /// Of 4 bytes, of 6 where their order is kept, and the body.
    Second { is_ordered: bool },
}

impl Hdf5<'_> {
    /// The object whose header is at an address.
    ///
    /// # Errors
    /// A header that is damaged or out of measure.
    pub fn object(&mut self, address: u64) -> Result<Object, Fault> {
        let num_left = self.num_bytes().saturating_sub(address);
        let start = self.read(address, num_left.min(40))?;
        let mut bytes = Bytes::new(&start);
        let (style, at, num_bytes) = if start.starts_with(VERSION_2) {
            bytes.skip(VERSION_2.len())?;
            let (version, flags) = (bytes.number(1)?, bytes.number(1)?);
            if version != 2 {
                return Err(damaged(&format!("a header is of version {version}")));
            }
            // Times, and when attributes are kept elsewhere.
            bytes.skip(if flags & 0x20 == 0 { 0 } else { 16 })?;
            bytes.skip(if flags & 0x10 == 0 { 0 } else { 4 })?;
            let num_bytes = bytes.number(1 << (flags & 3))?;
            let style = Style::Second { is_ordered: flags & 4 != 0 };
            (style, (start.len() - bytes.len()) as u64, num_bytes)
        } else {
            let version = bytes.number(1)?;
            if version != 1 {
                return Err(damaged("the header of an object is not where it should be"));
            }
            bytes.skip(7)?;
            (Style::First, 16, bytes.number(4)?)
        };
        let at = address.checked_add(at).ok_or_else(|| damaged("an address is too large"))?;
        let mut messages = Vec::new();
        let mut pieces = vec![(at, num_bytes)];
        let mut piece_idx = 0;
        while let Some(&(address, num_bytes)) = pieces.get(piece_idx) {
            let body = self.read(address, num_bytes)?;
            pieces.extend(read_messages(&body, address, style, &mut messages)?);
            piece_idx += 1;
            if pieces.len() > MAX_PIECES || messages.len() > MAX_MESSAGES {
                return Err(damaged("a header has too many messages"));
            }
        }
        Ok(Object { messages })
    }
}

/// Adds the messages of the piece of a header at `address`; returns where further pieces are.
fn read_messages(
    piece: &[u8],
    address: u64,
    style: Style,
    messages: &mut Vec<Message>,
) -> Result<Vec<(u64, u64)>, Fault> {
    // Of a continued header a signature and a check sum are part of the piece.
    let (piece, start) = match style {
        Style::Second { .. } if piece.starts_with(CONTINUED) => {
            (&piece[..piece.len().saturating_sub(4)], CONTINUED.len())
        }
        _ => (piece, 0),
    };
    let mut bytes = Bytes::new(piece);
    bytes.skip(start)?;
    let head = match style {
        Style::First => 8,
        Style::Second { is_ordered: false } => 4,
        Style::Second { is_ordered: true } => 6,
    };
    let mut more = Vec::new();
    while bytes.len() > head {
        let (kind, num_bytes, flags) = match style {
            Style::First => {
                let message = (bytes.number(2)?, bytes.number(2)?, bytes.number(1)?);
                bytes.skip(3)?;
                message
            }
            Style::Second { .. } => {
                let message = (bytes.number(1)?, bytes.number(2)?, bytes.number(1)?);
                bytes.skip(head - 4)?;
                message
            }
        };
        let at = address + (piece.len() - bytes.len()) as u64;
        let body = bytes.take(num_bytes as usize)?;
        if kind == CONTINUATION {
            let mut place = Bytes::new(body);
            more.push((place.number(8)?, place.number(8)?));
        } else if kind != 0 {
            let is_shared = flags & IS_SHARED != 0;
            messages.push(Message { kind, is_shared, address: at, body: body.to_vec() });
        }
    }
    Ok(more)
}
