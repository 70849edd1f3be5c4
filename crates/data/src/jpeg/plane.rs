//! The samples of a component that are at hand: two rows of MCUs.

use super::header::Component;

/// Samples of the newest two rows of MCUs.
pub(super) struct Plane {
    /// Row by row, eight at a time.
    samples: Vec<[u8; 8]>,
    /// Blocks side by side, with those that only fill the last MCU.
    num_columns: usize,
    /// Rows of samples less one: a power of 2 less one, which takes remainders as a mask.
    row_mask: usize,
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
        let num_columns = columns * num_mcus;
        let num_rows = 2 * 8 * rows;
        let size = [(height * rows).div_ceil(largest[1]), (width * columns).div_ceil(largest[0])];
        let samples = vec![[0; 8]; num_columns * num_rows];
        Self { samples, num_columns, row_mask: num_rows - 1, size }
    }

    /// Samples in a row of the component.
    pub(super) fn width(&self) -> usize {
        self.size[1]
    }

    /// Stores the samples of a block; `row` and `column` count blocks.
    #[inline(always)]
    pub(super) fn put(&mut self, row: usize, column: usize, block: &[[u8; 8]; 8]) {
        let start = ((8 * row) & self.row_mask) * self.num_columns + column;
        for (idx, values) in block.iter().enumerate() {
            self.samples[start + idx * self.num_columns] = *values;
        }
    }

    /// A row of the component; above and below the photo its first and last are repeated.
    #[inline(always)]
    pub(super) fn row(&self, row: isize) -> &[u8] {
        let [height, width] = self.size;
        let row = row.clamp(0, height as isize - 1) as usize;
        let start = (row & self.row_mask) * self.num_columns;
        &self.samples[start..start + self.num_columns].as_flattened()[..width]
    }
}
