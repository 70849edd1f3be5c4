//! The samples of a component that are at hand: two rows of MCUs.

use super::header::Component;

/// Samples of the newest two rows of MCUs.
pub(super) struct Plane {
    samples: Vec<u8>,
    /// Samples of a row, with those that only fill the last MCU.
    stride: usize,
    num_rows: usize,
    /// `[height, width]` of the component, without what fills MCUs.
    size: [usize; 2],
}

impl Plane {
    /// For a photo of `size` (`[height, width]`) and `num_mcus` in a row.
    ///
    /// `largest` are the largest sampling factors of all components.
    pub(super) fn new(
        component: &Component,
        size: [usize; 2],
        largest: [usize; 2],
        num_mcus: usize,
    ) -> Self {
        let [columns, rows] = component.sampling;
        let [height, width] = size;
        let stride = 8 * columns * num_mcus;
        let num_rows = 2 * 8 * rows;
        let size = [(height * rows).div_ceil(largest[1]), (width * columns).div_ceil(largest[0])];
        Self { samples: vec![0; stride * num_rows], stride, num_rows, size }
    }

    /// Samples in a row of the component.
    pub(super) fn width(&self) -> usize {
        self.size[1]
    }

    /// Stores the samples of a block; `row` and `column` are those of its first sample.
    #[inline(always)]
    pub(super) fn put(&mut self, row: usize, column: usize, block: &[[u8; 8]; 8]) {
        let start = (row % self.num_rows) * self.stride + column;
        for (idx, values) in block.iter().enumerate() {
            self.samples[start + idx * self.stride..][..8].copy_from_slice(values);
        }
    }

    /// A row of the component; above and below the photo its first and last are repeated.
    #[inline(always)]
    pub(super) fn row(&self, row: isize) -> &[u8] {
        let [height, width] = self.size;
        let row = row.clamp(0, height as isize - 1) as usize;
        &self.samples[(row % self.num_rows) * self.stride..][..width]
    }
}
