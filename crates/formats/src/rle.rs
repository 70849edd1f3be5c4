//! COCO's run lengths of masks.
//!
//! The counts are the lengths of runs without and with the mask in turns, the first without (it may be 0),
//! over the pixels column by column; they span the whole image. They stand in a list, or in a text of 6 bits
//! a letter: `letter - 48` holds 5 bits of the number, the lowest first, and in bit 5 that more follow; bit 4
//! of the last letter is the sign. From the fourth count on, the number is what the count exceeds that two
//! before by.
//!
//! # Source
//! `rleEncode`, `rleToString` and their inverses in pycocotools, whose counts and texts are the same.

use crate::number::Pixels;
use crate::shapes::SizeBudget;
use dermx_data::{DataError, ImageSize, MAX_SIDE_PX, Mask};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::path::Path;

/// Runs that a mask may have when its pixels are counted row by row: of some letters, stripes make millions.
const MAX_RUNS: usize = 1 << 22;

/// Letters of one count, more than any needs.
const MAX_LETTERS: u32 = 7;

/// The mask of an image of `size` that `text` encodes.
///
/// # Errors
/// What is wrong: a size without pixels, of a side over 65535 pixels or of more than 100 megapixels; a letter
/// that is none, a text that ends within a count; a count below 0 or over 2^32 - 1; counts that do not add
/// up to the pixels of the image; more than 2^22 runs row by row.
pub fn decode(size: ImageSize, text: &str) -> Result<Mask, String> {
    decode_counts(size, &counts(text)?)
}

/// The mask of an image of `size` that is written as a list of `counts`.
///
/// # Errors
/// As [`decode`].
pub fn decode_counts(size: ImageSize, counts: &[u32]) -> Result<Mask, String> {
    check_size(size)?;
    let num_pixels: u64 = counts.iter().copied().map(u64::from).sum();
    if num_pixels != size.num_pixels() as u64 {
        return Err(format!(
            "the counts add up to {num_pixels} pixels; expected {} for an image of {size}",
            size.num_pixels()
        ));
    }
    let mut end = 0;
    let runs = counts.chunks(2).map(|pair| {
        let start = end + pair[0];
        end = start + pair.get(1).copied().unwrap_or_default();
        [start, end]
    });
    // Column by column: row by row in the image with rows and columns exchanged.
    let columns = Mask::from_sorted_runs(ImageSize::new(size.width, size.height), runs);
    check_runs(columns.num_runs_of_columns())?;
    Ok(columns.transposed())
}

fn check_runs(num_runs: usize) -> Result<(), String> {
    match num_runs <= MAX_RUNS {
        true => Ok(()),
        false => {
            Err(format!("the mask has {num_runs} runs in its rows; expected at most {MAX_RUNS}"))
        }
    }
}

/// Whether `mask` can be decoded after it was encoded.
pub(crate) fn check_mask(mask: &Mask) -> Result<(), String> {
    check_size(mask.size())?;
    // As many as there are, and one more for each end of a row that a run goes across.
    let width = mask.size().width;
    let rows = |[start, end]: &[u32; 2]| ((end - 1) / width - start / width + 1) as usize;
    check_runs(mask.runs().iter().map(rows).sum())
}

/// The text that encodes `mask`.
pub fn encode(mask: &Mask) -> String {
    let counts = encode_counts(mask);
    let mut text = String::with_capacity(2 * counts.len());
    for (idx, &count) in counts.iter().enumerate() {
        let before = if idx > 2 { counts[idx - 2] } else { 0 };
        let mut rest = i64::from(count) - i64::from(before);
        loop {
            let bits = (rest & 0x1f) as u8;
            rest >>= 5;
            let is_last = rest == if bits & 0x10 == 0 { 0 } else { -1 };
            text.push(char::from(48 + bits + if is_last { 0 } else { 0x20 }));
            if is_last {
                break;
            }
        }
    }
    text
}

/// The counts of `mask` as a list.
pub fn encode_counts(mask: &Mask) -> Vec<u32> {
    let columns = mask.transposed();
    let (mut counts, mut last) = (Vec::with_capacity(2 * columns.runs().len() + 1), 0);
    for border in columns.runs().as_flattened() {
        counts.push(border - last);
        last = *border;
    }
    let num_pixels = mask.size().num_pixels() as u32;
    if last < num_pixels || counts.is_empty() {
        counts.push(num_pixels - last);
    }
    counts
}

/// Whether an image may have this size.
pub(crate) fn check_size(size: ImageSize) -> Result<(), String> {
    match [size.height, size.width].into_iter().find(|side| !(1..=MAX_SIDE_PX).contains(side)) {
        Some(side) => Err(format!("found a side of {side} pixels; expected 1 to {MAX_SIDE_PX}")),
        None => size.check_area(),
    }
}

/// The counts in a text.
fn counts(text: &str) -> Result<Vec<u32>, String> {
    let mut counts: Vec<u32> = Vec::with_capacity(text.len() / 2);
    let (mut value, mut num_letters) = (0_i64, 0);
    for (idx, letter) in text.bytes().enumerate() {
        let bits = letter.wrapping_sub(48);
        if bits > 0x3f {
            let found = char::from(letter).escape_default();
            return Err(format!(
                "found `{found}` at letter {idx} of the counts; expected `0` to `o`"
            ));
        }
        if num_letters == MAX_LETTERS {
            return Err(format!("the count at letter {idx} has more than {MAX_LETTERS} letters"));
        }
        value |= i64::from(bits & 0x1f) << (5 * num_letters);
        num_letters += 1;
        if bits & 0x20 != 0 {
            continue;
        }
        if bits & 0x10 != 0 {
            value |= -1 << (5 * num_letters);
        }
        let before = if counts.len() > 2 { counts[counts.len() - 2] } else { 0 };
        let count = value + i64::from(before);
        counts.push(count.try_into().map_err(|_| {
            format!("count {} is {count}; expected 0 to {}", counts.len(), u32::MAX)
        })?);
        (value, num_letters) = (0, 0);
    }
    match num_letters {
        0 => Ok(counts),
        _ => Err("the counts end within a number; the text is cut off".to_owned()),
    }
}

/// Run lengths as JSON has them, not decoded.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `size` and `counts`")]
pub(crate) struct RawRle {
    size: [Pixels; 2],
    counts: RawCounts,
}

#[derive(Debug)]
enum RawCounts {
    Text(String),
    List(Vec<u32>),
}

impl<'de> Deserialize<'de> for RawCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountsVisitor)
    }
}

struct CountsVisitor;

impl<'de> Visitor<'de> for CountsVisitor {
    type Value = RawCounts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of run lengths")
    }

    fn visit_str<E>(self, text: &str) -> Result<RawCounts, E> {
        Ok(RawCounts::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawCounts, A::Error> {
        let mut counts = Vec::new();
        while let Some(Pixels(count)) = items.next_element()? {
            counts.push(count);
        }
        Ok(RawCounts::List(counts))
    }
}

/// Decodes the masks of one file, whose runs it counts.
pub(crate) struct Decoder {
    budget: SizeBudget,
}

impl Decoder {
    /// Of the file `path`.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn new(path: &Path) -> Result<Self, DataError> {
        Ok(Self { budget: SizeBudget::new(path)? })
    }

    /// The mask, or what is wrong.
    pub fn decode(&mut self, rle: &RawRle) -> Result<Mask, String> {
        let size = ImageSize::new(rle.size[0].0, rle.size[1].0);
        let mask = match &rle.counts {
            RawCounts::Text(text) => decode(size, text)?,
            RawCounts::List(counts) => decode_counts(size, counts)?,
        };
        self.budget.take(mask.runs().len() as u64)?;
        Ok(mask)
    }
}
