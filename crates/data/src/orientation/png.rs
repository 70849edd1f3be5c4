//! The blocks of EXIF and XMP in a PNG.

use super::XMP_SEGMENT;
use flate2::Crc;
use flate2::read::ZlibDecoder;
use std::borrow::Cow;
use std::io::Read;

/// What all compressed texts of a file may unpack to, in bytes; what is beyond is not read. The
/// largest block that a JPEG holds in one segment takes 0.13 MB as a raw profile.
const MAX_UNPACKED_BYTES: u64 = 8 << 20;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What a PNG holds, each in the order in which it is to be asked.
pub(super) struct Blocks<'a> {
    pub exif: Vec<Cow<'a, [u8]>>,
    pub xmp: Vec<Cow<'a, [u8]>>,
}

/// What a text is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    /// EXIF, or XMP as in a segment of a JPEG, in hexadecimal digits.
    RawExif,
    /// XMP in hexadecimal digits.
    RawXmp,
    Xmp,
}

/// The blocks of EXIF and XMP in all chunks, also those behind the pixels.
pub(super) fn blocks(file: &[u8]) -> Blocks<'_> {
    let (mut chunk_exif, mut exif, mut xmp) = (Vec::new(), Vec::new(), Vec::new());
    let mut budget = MAX_UNPACKED_BYTES;
    for (kind, content) in chunks(file) {
        if &kind == b"eXIf" {
            chunk_exif.push(Cow::Borrowed(content));
            continue;
        }
        let Some((keyword, text)) = text(kind, content, &mut budget) else { continue };
        let block = match keyword {
            Keyword::Xmp => text,
            Keyword::RawExif | Keyword::RawXmp => Cow::Owned(raw_profile(&text)),
        };
        match block.strip_prefix(XMP_SEGMENT) {
            Some(packet) => xmp.push(Cow::Owned(packet.to_vec())),
            None if keyword == Keyword::RawExif => exif.push(block),
            None => xmp.push(block),
        }
    }
    chunk_exif.extend(exif);
    Blocks { exif: chunk_exif, xmp }
}

/// Type and content of each chunk up to the end or the first damage; a chunk whose checksum is wrong
/// is passed over.
fn chunks(file: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = file.strip_prefix(SIGNATURE).unwrap_or_default();
    let next = move || {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (checked, tail) = tail.split_at_checked(length.checked_add(4)?)?;
        let (sum, tail) = tail.split_first_chunk::<4>()?;
        let (kind, content) = checked.split_first_chunk::<4>()?;
        rest = tail;
        let is_whole = || {
            let mut crc = Crc::new();
            crc.update(checked);
            crc.sum() == u32::from_be_bytes(*sum)
        };
        Some((*kind, content, kind != b"IDAT" && is_whole()))
    };
    std::iter::from_fn(next)
        .take_while(|(kind, ..)| kind != b"IEND")
        .filter_map(|(kind, content, is_whole)| is_whole.then_some((kind, content)))
}

/// The text in a chunk, if it is one about EXIF or XMP; what it unpacks to is taken off `budget`.
fn text<'a>(
    kind: [u8; 4],
    content: &'a [u8],
    budget: &mut u64,
) -> Option<(Keyword, Cow<'a, [u8]>)> {
    if ![*b"tEXt", *b"zTXt", *b"iTXt"].contains(&kind) {
        return None;
    }
    let (keyword, rest) = split_at_zero(content)?;
    let keyword = match &keyword.to_ascii_lowercase()[..] {
        b"raw profile type exif" | b"raw profile type app1" => Keyword::RawExif,
        b"raw profile type xmp" => Keyword::RawXmp,
        b"xml:com.adobe.xmp" => Keyword::Xmp,
        _ => return None,
    };
    let (is_packed, text) = match &kind {
        b"tEXt" => (false, rest),
        // The method of compression, of which there is one.
        b"zTXt" => (true, rest.get(1..)?),
        _ => {
            // Flag and method of compression, language, keyword in that language.
            let (&[is_packed, _], rest) = rest.split_first_chunk::<2>()?;
            let (_, rest) = split_at_zero(rest)?;
            (is_packed != 0, split_at_zero(rest)?.1)
        }
    };
    let text = if is_packed { Cow::Owned(unpacked(text, budget)) } else { Cow::Borrowed(text) };
    Some((keyword, text))
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(0, bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// What `packed` unpacks to, up to its first damage and at most `budget` bytes.
fn unpacked(packed: &[u8], budget: &mut u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // An error leaves what was unpacked before it.
    let _ = ZlibDecoder::new(packed).take(*budget).read_to_end(&mut bytes);
    *budget -= bytes.len() as u64;
    bytes
}

/// The bytes of a raw profile: a name, the number of bytes, then two hexadecimal digits a byte, with
/// white space between them.
fn raw_profile(text: &[u8]) -> Vec<u8> {
    let (_name, rest) = split_word(text);
    let (_num_bytes, digits) = split_word(rest);
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let digits = digits.iter().filter(|byte| !byte.is_ascii_whitespace()).map_while(digit);
    let digits: Vec<u8> = digits.collect();
    digits.as_chunks().0.iter().map(|&[high, low]| high << 4 | low).collect()
}

/// The first word of a text and what stands behind it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::{MAX_UNPACKED_BYTES, SIGNATURE, blocks, raw_profile};
    use flate2::write::ZlibEncoder;
    use flate2::{Compression, Crc};
    use std::io::Write;

    fn chunk(kind: &[u8], content: &[u8]) -> Vec<u8> {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(content);
        let length = (content.len() as u32).to_be_bytes();
        [&length, kind, content, &crc.sum().to_be_bytes()].concat()
    }

    #[test]
    fn a_raw_profile_made_by_hand_is_read() {
        assert_eq!(raw_profile(b"\nexif\n       3\n4d4d\n00\n"), b"MM\0");
        assert_eq!(raw_profile(b"exif 3 4D4d0"), b"MM");
        assert_eq!(raw_profile(b""), b"");
    }

    #[test]
    fn texts_unpack_to_no_more_than_the_limit_in_all() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        for _ in 0..MAX_UNPACKED_BYTES >> 19 {
            encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
        }
        // Twice the limit, in some kilobytes.
        let packed = encoder.finish().unwrap();
        let bomb = [b"XML:com.adobe.xmp\0\x01\0\0\0", packed.as_slice()].concat();
        let file = [SIGNATURE, &chunk(b"iTXt", &bomb).repeat(3)].concat();
        let blocks = blocks(&file);
        let num_bytes: usize = blocks.xmp.iter().map(|packet| packet.len()).sum();
        assert_eq!((blocks.xmp.len(), num_bytes as u64), (3, MAX_UNPACKED_BYTES));
    }

    #[test]
    fn a_chunk_with_a_wrong_checksum_is_passed_over() {
        let whole = [SIGNATURE, &chunk(b"eXIf", b"II"), &chunk(b"eXIf", b"MM")].concat();
        assert_eq!(blocks(&whole).exif, [b"II".as_slice(), b"MM"]);
        let mut damaged = whole.clone();
        damaged[17] ^= 1;
        assert_eq!(blocks(&damaged).exif, [b"MM".as_slice()]);
        let mut endless = whole;
        endless[8..12].copy_from_slice(&[0xFF; 4]);
        assert_eq!(blocks(&endless).exif.len(), 0);
    }
}
