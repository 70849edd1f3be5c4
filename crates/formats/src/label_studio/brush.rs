//! Brush strokes: an RGBA image, packed bit by bit.
//!
//! # Source
//! `rle-pack` of thi.ng/umbrella, as `decode_rle` in label-studio-sdk's `converter/brush.py` reads it.

use crate::shapes::SizeBudget;
use dermx_data::{ImageSize, Mask};

/// Values of a pixel: red, green, blue, alpha.
const NUM_CHANNELS: u64 = 4;

/// The pixels of an image of `size` whose alpha is not 0.
///
/// `packed` starts with the number of values (32 bits), the bits of a value less one (5), and the bits
/// less one of each of four sizes of counts (4 each). Then come pieces until all values are there: a bit
/// that says whether one value is repeated, two bits that pick a size, a count less one of that size, and
/// the value once, or all values.
///
/// # Errors
/// A message when there are not four values for each pixel, when a piece reaches beyond the last, or when
/// the bits end before.
pub(super) fn mask(
    packed: &[u8],
    size: ImageSize,
    budget: &mut SizeBudget,
) -> Result<Mask, String> {
    let mut bits = Bits { bytes: packed, position: 0 };
    let num_values = bits.take(32)?;
    let expected = NUM_CHANNELS * size.num_pixels() as u64;
    if num_values != expected {
        return Err(format!(
            "found {num_values} values; expected {expected}, four for each pixel of {size}"
        ));
    }
    let value_bits = bits.take(5)? + 1;
    let mut count_bits = [0; 4];
    for bits_of_count in &mut count_bits {
        *bits_of_count = bits.take(4)? + 1;
    }
    let mut runs: Vec<[u32; 2]> = Vec::new();
    // Pixels whose alpha is one of the values from `start` to before `end`.
    let mut add = |start: u64, end: u64| -> Result<(), String> {
        let [start, end] = [start, end].map(|value| (value / NUM_CHANNELS) as u32);
        match runs.last_mut() {
            _ if start == end => {}
            Some(last) if last[1] == start => last[1] = end,
            _ => {
                budget.take(1)?;
                runs.push([start, end]);
            }
        }
        Ok(())
    };
    let mut start = 0;
    while start < num_values {
        let is_repeated = bits.take(1)? == 1;
        let size_idx = bits.take(2)? as usize;
        let end = start + 1 + bits.take(count_bits[size_idx])?;
        if end > num_values {
            return Err(format!("found {end} values or more; expected {num_values}"));
        }
        if is_repeated {
            if bits.take(value_bits)? != 0 {
                add(start, end)?;
            }
        } else {
            for value_idx in start..end {
                if bits.take(value_bits)? != 0 {
                    add(value_idx, value_idx + 1)?;
                }
            }
        }
        start = end;
    }
    Ok(Mask::from_sorted_runs(size, runs))
}

/// Bits of bytes, the highest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits that were taken.
    position: usize,
}

impl Bits<'_> {
    /// The number in the next `num` bits, at most 32.
    fn take(&mut self, num: u64) -> Result<u64, String> {
        let mut number = 0;
        for _ in 0..num {
            let byte = self.bytes.get(self.position / 8).ok_or_else(|| {
                format!("found the end after {} bytes; expected more values", self.bytes.len())
            })?;
            number = number << 1 | u64::from(byte >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Bytes of bits that are written as text; the last byte is filled up with zeros.
    fn bytes(bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let byte = |bits: &[u8]| {
            (0..8).fold(0, |byte, idx| byte << 1 | u8::from(bits.get(idx) == Some(&b'1')))
        };
        bits.chunks(8).map(byte).collect()
    }

    fn unpack(bits: &str, size: ImageSize) -> Result<Mask, String> {
        let mut budget = SizeBudget::new(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        mask(&bytes(bits), size, &mut budget)
    }

    /// Twelve values of eight bits; counts of 3, 4, 8 or 16 bits.
    const HEADER: &str = "00000000000000000000000000001100 00111 0010 0011 0111 1111";

    #[test]
    fn alpha_is_the_fourth_of_a_pixels_values() {
        // Three pixels: (9, 0, 0, 0), (0, 0, 0, 5), (5, 5, 5, 5): only red in the first.
        // As they are: 1 of 9; repeated 0, 6 times; repeated 5, 5 times.
        let bits = "0 00 000 00001001  1 00 101 00000000  1 00 100 00000101";
        let mask = unpack(&format!("{HEADER} {bits}"), ImageSize::new(1, 3)).unwrap();
        assert_eq!(mask.runs(), [[1, 3]]);
    }

    #[test]
    fn values_that_differ_come_in_one_piece() {
        // 1 to 4 as they are (a count of 4 bits), then 8 times 0.
        let bits = "0 01 0011 00000001 00000010 00000011 00000100  1 00 111 00000000";
        let mask = unpack(&format!("{HEADER} {bits}"), ImageSize::new(3, 1)).unwrap();
        assert_eq!(mask.runs(), [[0, 1]]);
    }

    #[test]
    fn what_does_not_have_the_pixels_of_the_image_is_refused() {
        let error = |bits: &str| unpack(bits, ImageSize::new(1, 3)).unwrap_err();
        let other_size = unpack(HEADER, ImageSize::new(2, 3)).unwrap_err();
        assert!(other_size.contains("found 12 values; expected 24"), "{other_size}");
        assert!(error(HEADER).contains("the end after 7 bytes"), "{}", error(HEADER));
        // 13 times 0.
        let long = error(&format!("{HEADER} 1 01 1100 00000000"));
        assert!(long.contains("found 13 values or more; expected 12"), "{long}");
        assert!(error("").contains("the end after 0 bytes"));
    }
}
