//! From dense values to the runs of a mask.

use crate::{ImageSize, Mask};

/// Pixels that are looked at together.
const BLOCK: usize = 64;

/// Makes masks of dense values that come in pieces, one mask after the other: any value but 0 is inside.
///
/// What a mask costs is a small part of a nanosecond a pixel, and one or two for each end of a run.
#[derive(Debug, Default)]
pub struct MaskBuilder {
    /// Where a run starts or ends, in turns.
    ends: Vec<u32>,
    num_pixels: usize,
    /// Whether the last pixel is inside.
    is_inside: bool,
}

impl MaskBuilder {
    /// Adds the next pixels, row by row.
    pub fn push(&mut self, pixels: &[u8]) {
        for block in pixels.chunks(BLOCK) {
            let inside = inside(block);
            let mut changes = inside ^ ((inside << 1) | u64::from(self.is_inside));
            // Behind the last pixel of a short block nothing changes.
            changes &= u64::MAX >> (BLOCK - block.len());
            while changes != 0 {
                self.ends.push(self.num_pixels as u32 + changes.trailing_zeros());
                changes &= changes - 1;
            }
            self.is_inside = (inside >> (block.len() - 1)) & 1 == 1;
            self.num_pixels += block.len();
        }
    }

    /// The mask of the pixels since the last one.
    ///
    /// # Panics
    /// When there was not one value per pixel, or the image has more than 2^32 - 1 pixels.
    pub fn finish(&mut self, size: ImageSize) -> Mask {
        assert_eq!(self.num_pixels, size.num_pixels(), "one value per pixel");
        if self.is_inside {
            self.ends.push(self.num_pixels as u32);
        }
        let mask = Mask::from_sorted_runs(size, self.ends.as_chunks().0.iter().copied());
        self.ends.clear();
        self.num_pixels = 0;
        self.is_inside = false;
        mask
    }
}

/// A bit for each of up to 64 values, from the lowest on: whether it is not 0.
fn inside(block: &[u8]) -> u64 {
    let mut bits = 0;
    let (words, rest) = block.as_chunks();
    // Most blocks are all outside or all inside; without a branch in the loop it becomes a few vectors.
    if let (Some(&first), BLOCK) = (words.first(), block.len()) {
        let value = u64::from_le_bytes(first);
        let differences =
            words.iter().fold(0, |found, &word| found | (u64::from_le_bytes(word) ^ value));
        if differences == 0 {
            return inside_word(first) * 0x0101_0101_0101_0101;
        }
    }
    for (idx, word) in words.iter().enumerate() {
        bits |= inside_word(*word) << (8 * idx);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        bits |= inside_word(word) << (8 * words.len());
    }
    bits
}

/// The same of eight values.
fn inside_word(values: [u8; 8]) -> u64 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let word = u64::from_le_bytes(values);
    // The top bit of each byte is set if any of its bits is; none of the sums leaves its byte.
    let tops = (((word & LOW) + LOW) | word) & !LOW;
    // Gathers the bits 0, 8, 16, ... as the highest eight.
    (tops >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::MaskBuilder;
    use crate::{ImageSize, Mask};
    use proptest::prelude::*;

    /// Runs found a pixel at a time.
    fn slowly(dense: &[u8], size: ImageSize) -> Mask {
        let inside = (0u32..).zip(dense).filter(|(_, value)| **value != 0);
        Mask::from_sorted_runs(size, inside.map(|(pixel, _)| [pixel, pixel + 1]))
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_give_the_pixels_that_are_not_zero(
            rows in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..150), 0..4),
            values in proptest::array::uniform3(prop_oneof![Just(0u8), any::<u8>()]),
            seams in proptest::collection::vec(0usize..150, 2),
        ) {
            // Values 1 to 3 stand for any three, so that zeros come in runs.
            let dense: Vec<u8> = rows.concat().iter().map(|&one| match one {
                0 => 0,
                one => values[usize::from(one) - 1],
            }).collect();
            let size = ImageSize::new(1, dense.len() as u32);
            let mut builder = MaskBuilder::default();
            // A builder is as new after each mask.
            for _ in 0..2 {
                let (first, rest) = dense.split_at(seams[0].min(dense.len()));
                let (second, third) = rest.split_at(seams[1].min(rest.len()));
                [first, second, third].into_iter().for_each(|piece| builder.push(piece));
                prop_assert_eq!(builder.finish(size), slowly(&dense, size));
            }
        }
    }

    #[test]
    fn runs_go_on_from_block_to_block_and_to_the_end() {
        let mut dense = vec![0; 200];
        dense[60..130].fill(1);
        dense[199] = 255;
        let size = ImageSize::new(2, 100);
        assert_eq!(Mask::from_dense(&dense, size).runs(), [[60, 130], [199, 200]]);
        assert_eq!(Mask::from_dense(&[7; 200], size).runs(), [[0, 200]]);
        assert!(Mask::from_dense(&[], ImageSize::new(0, 5)).is_empty());
    }
}
