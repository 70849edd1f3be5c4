//! The orientation tag of a block of EXIF.

/// `Orientation` in the first directory of a block, that of the photo itself.
const TAG: u16 = 0x0112;

/// Bytes in an entry of a directory.
const ENTRY_BYTES: usize = 12;

/// How far into a block its TIFF header may start.
const MAX_PREFIX_BYTES: usize = 16;

/// The first valid orientation, 1 to 8, in a block of EXIF with or without its introduction.
///
/// The introduction is `Exif\0\0`, which some programs write in capitals, twice, or with another last
/// byte. Any numeric type counts, and of several values the first.
pub(super) fn orientation(block: &[u8]) -> Option<u8> {
    let tiff = Tiff::find(block)?;
    let start = usize::try_from(tiff.u32(4)?).ok()?;
    let num_entries = usize::from(tiff.u16(start)?);
    let entries = tiff.bytes.get(start + 2..)?.chunks_exact(ENTRY_BYTES).take(num_entries);
    entries.filter_map(|entry| tiff.value(entry)).find_map(valid)
}

/// The segments that are introduced as EXIF as one block; `None` unless there are several.
pub(super) fn joined<'a>(segments: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut parts = segments.filter(|one| is_introduction(one)).filter_map(|one| one.get(6..));
    let first = parts.next()?;
    let second = parts.next()?;
    Some([first, second].into_iter().chain(parts).collect::<Vec<_>>().concat())
}

fn is_introduction(bytes: &[u8]) -> bool {
    bytes.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"exif"))
}

fn valid(value: f64) -> Option<u8> {
    (1..=8).find(|&known| f64::from(known) == value)
}

/// A TIFF file, of which a block of EXIF is one.
struct Tiff<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
}

impl<'a> Tiff<'a> {
    /// The TIFF file behind the introduction, if there is one.
    fn find(block: &'a [u8]) -> Option<Self> {
        (0..=MAX_PREFIX_BYTES).find_map(|start| {
            let (prefix, bytes) = block.split_at_checked(start)?;
            let is_big_endian = match bytes {
                // Some programs write the 42 in the wrong order; Pillow reads that, too.
                [b'I', b'I', 42, 0, ..] | [b'I', b'I', 0, 42, ..] => false,
                [b'M', b'M', 0, 42, ..] | [b'M', b'M', 42, 0, ..] => true,
                _ => return None,
            };
            let is_introduced = start == 0 || prefix.windows(4).any(is_introduction);
            is_introduced.then_some(Self { bytes, is_big_endian })
        })
    }

    /// The first value of an entry of [`TAG`]; `None` for other tags and types that are no numbers.
    fn value(&self, entry: &'a [u8]) -> Option<f64> {
        let entry = Tiff { bytes: entry, is_big_endian: self.is_big_endian };
        if entry.u16(0)? != TAG {
            return None;
        }
        let kind = entry.u16(2)?;
        let size: u64 = match kind {
            1 | 6 => 1,
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        // More than four bytes stand elsewhere.
        let values = match size * u64::from(entry.u32(4)?) {
            0 => return None,
            1..=4 => Tiff { bytes: entry.bytes.get(8..)?, ..entry },
            _ => {
                let at = usize::try_from(entry.u32(8)?).ok()?;
                Tiff { bytes: self.bytes.get(at..)?, ..entry }
            }
        };
        Some(match kind {
            1 => f64::from(*values.bytes.first()?),
            3 => f64::from(values.u16(0)?),
            4 => f64::from(values.u32(0)?),
            5 => f64::from(values.u32(0)?) / f64::from(values.u32(4)?),
            6 => f64::from(values.bytes.first()?.cast_signed()),
            8 => f64::from(values.u16(0)?.cast_signed()),
            9 => f64::from(values.u32(0)?.cast_signed()),
            10 => f64::from(values.u32(0)?.cast_signed()) / f64::from(values.u32(4)?.cast_signed()),
            11 => f64::from(f32::from_bits(values.u32(0)?)),
            _ => f64::from_bits(values.u64(0)?),
        })
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut array = *self.bytes.get(at..)?.first_chunk::<N>()?;
        if self.is_big_endian {
            array.reverse();
        }
        Some(array)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(&self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{joined, orientation};

    /// Header, one entry (tag 0x0112, SHORT, one value: 6), no other directory.
    const BLOCK: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

    #[test]
    fn a_block_made_by_hand_is_read() {
        assert_eq!(orientation(BLOCK), Some(6));
        assert_eq!(orientation(&[b"Exif\0\0", BLOCK].concat()), Some(6));
        assert_eq!(orientation(&[b"text", BLOCK].concat()), None);
    }

    #[test]
    fn a_block_that_is_cut_off_or_leads_nowhere_says_nothing() {
        for length in 0..22 {
            assert_eq!(orientation(&BLOCK[..length]), None, "{length}");
        }
        // The four bytes that name the next directory are not needed.
        assert_eq!(orientation(&BLOCK[..22]), Some(6));
        for place in [4, 5, 6, 7] {
            let mut block = BLOCK.to_vec();
            block[place] = 0xFF;
            assert_eq!(orientation(&block), None, "{place}");
        }
        // 2^32 - 1 values of 8 bytes, which would stand behind the end.
        let mut block = BLOCK.to_vec();
        block[12..18].copy_from_slice(&[12, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        assert_eq!(orientation(&block), None);
    }

    #[test]
    fn the_first_valid_entry_counts_and_more_entries_are_promised_than_there_are() {
        let entry = |value| [0x12, 1, 3, 0, 1, 0, 0, 0, value, 0, 0, 0];
        let block = [&BLOCK[..8], &[0xFF, 0xFF], &entry(9), &entry(3), &entry(6)].concat();
        assert_eq!(orientation(&block), Some(3));
    }

    #[test]
    fn one_segment_alone_is_not_joined() {
        assert_eq!(joined([b"Exif\0\0II".as_slice(), b"http"].into_iter()), None);
        let parts = [b"Exif\0\0II".as_slice(), b"http", b"Exif\0\0*"];
        assert_eq!(joined(parts.into_iter()), Some(b"II*".to_vec()));
    }
}
