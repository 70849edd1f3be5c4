//! The inverse cosine transform of a block.

use super::transpose;
use std::num::Wrapping;

/// Index in a block, row by row, of each coefficient in the order of the file.
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// How many of the first coefficients in the file's order lie in the upper left 4 x 4.
const NUM_IN_CORNER: usize = 10;

/// Bits of the constants' fractions.
const CONST_BITS: u32 = 13;
/// Bits of fractions that the columns' values keep.
const PASS_1_BITS: u32 = 2;
/// The sample that stands for 0.
const MIDDLE: i32 = 128;

/// The 8 x 8 samples of a block of which only the first `num` coefficients may not be 0.
///
/// # Source
/// The accurate integer transform of libjpeg (`jidctint.c`), which follows C. Loeffler, A. Ligtenberg
/// and G. Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989.
#[inline(always)]
pub(super) fn samples(block: &[i16; 64], quantization: &[i16; 64], num: usize) -> [[u8; 8]; 8] {
    // All ways yield the same: what is left out is 0.
    if num <= 1 {
        let dc = i32::from(block[0].wrapping_mul(quantization[0]));
        return [[(((dc + 4) >> 3) + MIDDLE).clamp(0, 255) as u8; 8]; 8];
    }
    if num <= NUM_IN_CORNER {
        full::<4>(block, quantization)
    } else {
        full::<8>(block, quantization)
    }
}

/// With rows and columns from `NUM` on that are 0.
#[inline(always)]
fn full<const NUM: usize>(block: &[i16; 64], quantization: &[i16; 64]) -> [[u8; 8]; 8] {
    let mut rows = [[0; 8]; 8];
    for idx in 0..8 * NUM {
        rows.as_flattened_mut()[idx] = block[idx].wrapping_mul(quantization[idx]);
    }
    const SHIFT_1: u32 = CONST_BITS - PASS_1_BITS;
    let columns_done = pass::<NUM, _>(&rows, 1 << (SHIFT_1 - 1), |value| {
        (value >> SHIFT_1).clamp(i16::MIN.into(), i16::MAX.into()) as i16
    });
    // The factor that the definition of the transform has is 1/8.
    const SHIFT_2: u32 = CONST_BITS + PASS_1_BITS + 3;
    let rounding = (1 << (SHIFT_2 - 1)) + (MIDDLE << SHIFT_2);
    let done = pass::<NUM, _>(&transpose::words(columns_done), rounding, |value| {
        (value >> SHIFT_2).clamp(0, 255) as u8
    });
    transpose::bytes(done)
}

/// A number as an integer of [`CONST_BITS`] fractional bits.
const fn fixed(number: f64) -> Wrapping<i32> {
    Wrapping((number * (1 << CONST_BITS) as f64 + 0.5) as i32)
}

/// Transforms the eight columns of `rows` side by side; rows from `NUM` on are 0.
#[inline(always)]
fn pass<const NUM: usize, T: Copy + Default>(
    rows: &[[i16; 8]; 8],
    rounding: i32,
    finish: impl Fn(i32) -> T,
) -> [[T; 8]; 8] {
    let mut done = [[T::default(); 8]; 8];
    for lane in 0..8 {
        let column = std::array::from_fn(|row| if row < NUM { rows[row][lane] } else { 0 });
        let values = transform(column.map(Wrapping), Wrapping(rounding));
        for row in 0..8 {
            done[row][lane] = finish(values[row].0);
        }
    }
    done
}

/// The transform in one dimension, times 2^[`CONST_BITS`], plus `rounding`.
///
/// Only values that no encoder writes overflow, and they do so as in libjpeg-turbo's vectors.
#[inline(always)]
fn transform(c: [Wrapping<i16>; 8], rounding: Wrapping<i32>) -> [Wrapping<i32>; 8] {
    let wide = |value: Wrapping<i16>| Wrapping(i32::from(value.0));

    let [c2, c6] = [c[2], c[6]].map(wide);
    let z1 = (c2 + c6) * const { fixed(0.541196100) };
    let t2 = z1 - c6 * const { fixed(1.847759065) };
    let t3 = z1 + c2 * const { fixed(0.765366865) };
    let t0 = (wide(c[0] + c[4]) << CONST_BITS as usize) + rounding;
    let t1 = (wide(c[0] - c[4]) << CONST_BITS as usize) + rounding;
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];

    let [z3, z4] = [c[7] + c[3], c[5] + c[1]].map(wide);
    let [t0, t1, t2, t3] = [c[7], c[5], c[3], c[1]].map(wide);
    let z5 = (z3 + z4) * const { fixed(1.175875602) };
    let z1 = (t0 + t3) * const { fixed(0.899976223) };
    let z2 = (t1 + t2) * const { fixed(2.562915447) };
    let z3 = z5 - z3 * const { fixed(1.961570560) };
    let z4 = z5 - z4 * const { fixed(0.390180644) };
    let odd = [
        t3 * const { fixed(1.501321110) } + z4 - z1,
        t2 * const { fixed(3.072711026) } + z3 - z2,
        t1 * const { fixed(2.053119869) } + z4 - z2,
        t0 * const { fixed(0.298631336) } + z3 - z1,
    ];
    std::array::from_fn(
        |row| {
            if row < 4 { even[row] + odd[row] } else { even[7 - row] - odd[7 - row] }
        },
    )
}
