//! Rows to columns, in a block of 8 x 8 values.
//!
//! A step weaves the two halves of the block into each other, as two combs, and so turns the six bits
//! of a value's index by one; three steps exchange row and column. On x86-64 a step is four or eight
//! instructions that every such processor has; compilers do not find them on their own.

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::__m128i;
#[cfg(target_arch = "x86_64")]
use pulp::bytemuck::cast;
#[cfg(target_arch = "x86_64")]
use pulp::core_arch::x86::Sse2;

/// A block of 16-bit values with rows and columns exchanged.
#[inline(always)]
pub(super) fn words(block: [[i16; 8]; 8]) -> [[i16; 8]; 8] {
    woven_words(woven_words(woven_words(block)))
}

/// A block of bytes with rows and columns exchanged.
#[inline(always)]
pub(super) fn bytes(block: [[u8; 8]; 8]) -> [[u8; 8]; 8] {
    woven_bytes(woven_bytes(woven_bytes(block)))
}

#[inline(always)]
fn woven_words(block: [[i16; 8]; 8]) -> [[i16; 8]; 8] {
    #[cfg(target_arch = "x86_64")]
    if let Some(sse2) = Sse2::try_new() {
        let rows: [__m128i; 8] = cast(block);
        let pair = |row: usize| {
            let (upper, lower) = (rows[row], rows[row + 4]);
            [sse2._mm_unpacklo_epi16(upper, lower), sse2._mm_unpackhi_epi16(upper, lower)]
        };
        return cast([pair(0), pair(1), pair(2), pair(3)]);
    }
    woven(block)
}

#[inline(always)]
fn woven_bytes(block: [[u8; 8]; 8]) -> [[u8; 8]; 8] {
    #[cfg(target_arch = "x86_64")]
    if let Some(sse2) = Sse2::try_new() {
        let rows: [__m128i; 4] = cast(block);
        let pair = |row: usize| {
            let (upper, lower) = (rows[row], rows[row + 2]);
            [sse2._mm_unpacklo_epi8(upper, lower), sse2._mm_unpackhi_epi8(upper, lower)]
        };
        return cast([pair(0), pair(1)]);
    }
    woven(block)
}

#[inline(always)]
fn woven<T: Copy + Default>(block: [[T; 8]; 8]) -> [[T; 8]; 8] {
    let mut woven = [[T::default(); 8]; 8];
    let (upper, lower) = block.as_flattened().split_at(32);
    for (idx, pair) in woven.as_flattened_mut().as_chunks_mut().0.iter_mut().enumerate() {
        *pair = [upper[idx], lower[idx]];
    }
    woven
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_are_exchanged() {
        let block: [[u8; 8]; 8] =
            std::array::from_fn(|row| std::array::from_fn(|column| (8 * row + column) as u8));
        let expected: [[u8; 8]; 8] =
            std::array::from_fn(|row| std::array::from_fn(|column| block[column][row]));
        assert_eq!(bytes(block), expected);
        assert_eq!(
            words(block.map(|row| row.map(i16::from))),
            expected.map(|row| row.map(i16::from))
        );
        assert_eq!(woven(woven(woven(block))), expected);
    }
}
