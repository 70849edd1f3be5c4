//! Where the kernels find the input values of an output position.

use rayon::prelude::*;

use crate::cpu::scratch::Scratch;
use crate::cpu::simd::{InstructionSet, Simd, for_each_instruction_set, pair};

/// A feature map that is read, and which of its channels.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// From the first channel of the first pixel that is read on.
    pub data: &'a [f32],
    /// Height and width.
    pub size: [usize; 2],
    /// From one pixel to the next.
    pub pixel_stride: usize,
    /// Values that a tap reads from its pixel on.
    pub depth: usize,
}

impl Source<'_> {
    /// Neighbouring channels as pairs of bfloat16 in a lane, `[pixel][pair]`, a last odd one with 0.
    pub(super) fn pairs(&self, set: InstructionSet) -> Scratch {
        let num_pixels = (self.data.len() + self.pixel_stride - self.depth) / self.pixel_stride;
        let num_pairs = self.depth.div_ceil(2);
        let mut pairs = Scratch::new(num_pixels * num_pairs);
        // Enough work for a task.
        let pixels = (1 << 15) / num_pairs + 1;
        pairs.par_chunks_mut(pixels * num_pairs).enumerate().for_each(|(idx, pairs)| {
            let data = &self.data[idx * pixels * self.pixel_stride..];
            // SAFETY: `set` comes from `InstructionSet::current`.
            unsafe { pair_pixels_on(set, data, self.pixel_stride, self.depth, pairs) };
        });
        pairs
    }

    /// The same pixels, read from what [`Source::pairs`] gave.
    pub(super) fn of_pairs<'a>(&self, pairs: &'a [f32]) -> Source<'a> {
        let depth = self.depth.div_ceil(2);
        Source { data: pairs, size: self.size, pixel_stride: depth, depth }
    }
}

for_each_instruction_set! {
    fn pair_pixels_on = pair_pixels(
        data: &[f32],
        pixel_stride: usize,
        depth: usize,
        pairs: &mut [f32],
    )
}

#[inline(always)]
unsafe fn pair_pixels<S: Simd>(data: &[f32], pixel_stride: usize, depth: usize, pairs: &mut [f32]) {
    for (pixel, pairs) in pairs.chunks_exact_mut(depth.div_ceil(2)).enumerate() {
        let values = &data[pixel * pixel_stride..][..depth];
        let (both, last) = values.as_chunks::<2>();
        for (target, &[low, high]) in pairs.iter_mut().zip(both) {
            *target = pair(low, high);
        }
        if let ([low], Some(target)) = (last, pairs.last_mut()) {
            *target = pair(*low, 0.0);
        }
    }
}

/// Positions on a regular grid, and the taps that each of them has.
///
/// Position (i, j) of the grid reads, for tap (dy, dx), the source pixel
/// (i · step + dy, j · step + dx).
pub(super) struct Positions {
    pub grid: [usize; 2],
    pub step: [usize; 2],
    pub taps: Vec<[isize; 2]>,
}

impl Positions {
    /// Positions in an image.
    pub(super) fn per_image(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Image, row and column of a position.
    pub(super) fn locate(&self, position: usize) -> [usize; 3] {
        let in_image = position % self.per_image();
        [position / self.per_image(), in_image / self.grid[1], in_image % self.grid[1]]
    }

    /// Fills `table[tap * stride + idx]` with the address of what position `first + idx` reads for
    /// each tap: `zeros` where that is off the image. Entries from `len` to `stride` repeat the
    /// last position.
    pub(super) fn addresses(
        &self,
        source: &Source<'_>,
        zeros: &[f32],
        first: usize,
        len: usize,
        stride: usize,
        table: &mut Vec<*const f32>,
    ) {
        assert!(zeros.len() >= source.depth);
        table.clear();
        table.resize(self.taps.len() * stride, zeros.as_ptr());
        let [height, width] = source.size;
        let [mut image, mut i, mut j] = self.locate(first);
        for idx in 0..len {
            for (tap, [dy, dx]) in self.taps.iter().enumerate() {
                let y = ((i * self.step[0]) as isize + dy) as usize;
                let x = ((j * self.step[1]) as isize + dx) as usize;
                if y < height && x < width {
                    let offset = ((image * height + y) * width + x) * source.pixel_stride;
                    table[tap * stride + idx] = source.data[offset..][..source.depth].as_ptr();
                }
            }
            j += 1;
            if j == self.grid[1] {
                (i, j) = (i + 1, 0);
            }
            if i == self.grid[0] {
                (image, i) = (image + 1, 0);
            }
        }
        for tap in table.chunks_mut(stride) {
            if let Some(&last) = tap[..len].last() {
                tap[len..].fill(last);
            }
        }
    }
}
