//! Halved components brought to the size of the photo.

use super::plane::Plane;

/// Narrower components are repeated, not interpolated, in libjpeg.
const MIN_WIDTH: usize = 3;

/// Brings rows of a component to the width of the photo.
pub(super) struct Upsampler {
    /// Whether the width and the height are halved.
    halved: [bool; 2],
    /// Sums of a row and its neighbor, and one more at both ends.
    sums: Vec<u16>,
    row: Vec<u8>,
}

impl Upsampler {
    /// For rows of `width` samples.
    pub(super) fn new(halved: [bool; 2], width: usize) -> Self {
        Self { halved, sums: vec![0; width + 2], row: vec![0; 2 * width] }
    }

    /// Row `row` of the photo, at least as long as the photo's rows.
    ///
    /// # Source
    /// libjpeg's "fancy" (triangle) filter (`jdsample.c`): 3/4 of the nearer sample and 1/4 of the
    /// farther, in each direction that is halved, with its alternating rounding.
    #[inline(always)]
    pub(super) fn row<'a>(&'a mut self, plane: &'a Plane, row: usize) -> &'a [u8] {
        let [is_narrow, is_low] = self.halved;
        if !is_narrow && !is_low {
            return plane.row(row as isize);
        }
        let row = row as isize;
        let near = plane.row(if is_low { row / 2 } else { row });
        if is_narrow && near.len() < MIN_WIDTH {
            repeat(near, &mut self.row);
            return &self.row;
        }
        let is_upper = row % 2 == 0;
        let far = plane.row(if is_upper { row / 2 - 1 } else { row / 2 + 1 });
        match [is_narrow, is_low] {
            [false, _] => lengthen(near, far, if is_upper { 1 } else { 2 }, &mut self.row),
            [true, false] => {
                for (sum, &value) in self.sums[1..].iter_mut().zip(near) {
                    *sum = u16::from(value);
                }
                widen::<2, 1, 2>(&mut self.sums, &mut self.row);
            }
            [true, true] => {
                for ((sum, &near), &far) in self.sums[1..].iter_mut().zip(near).zip(far) {
                    *sum = 3 * u16::from(near) + u16::from(far);
                }
                widen::<4, 8, 7>(&mut self.sums, &mut self.row);
            }
        }
        &self.row
    }
}

fn repeat(row: &[u8], wide: &mut [u8]) {
    for (pair, &value) in wide.as_chunks_mut().0.iter_mut().zip(row) {
        *pair = [value, value];
    }
}

#[inline(always)]
fn lengthen(near: &[u8], far: &[u8], rounding: u16, row: &mut [u8]) {
    for ((value, &near), &far) in row.iter_mut().zip(near).zip(far) {
        *value = ((3 * u16::from(near) + u16::from(far) + rounding) >> 2) as u8;
    }
}

/// Two samples of each of `sums` but the first and the last, which are set to their neighbors.
#[inline(always)]
fn widen<const SHIFT: u32, const LEFT: u16, const RIGHT: u16>(sums: &mut [u16], row: &mut [u8]) {
    let width = sums.len() - 2;
    sums[0] = sums[1];
    sums[width + 1] = sums[width];
    let (left, near, right) = (&sums[..width], &sums[1..=width], &sums[2..]);
    let pairs = &mut row.as_chunks_mut::<2>().0[..width];
    for idx in 0..width {
        let near = 3 * near[idx];
        pairs[idx] = [
            ((near + left[idx] + LEFT) >> SHIFT) as u8,
            ((near + right[idx] + RIGHT) >> SHIFT) as u8,
        ];
    }
}
