//! Sums for the mean and the variance.

use super::vector::{AHEAD, load};
use crate::cpu::simd::{self, InstructionSet, Simd, for_each_instruction_set};

/// Pixels whose sums stay in registers; short sums of short sums round less.
const PIXELS: usize = 8;

/// Sums over the pixels of a chunk.
pub(super) struct Statistics<'a> {
    pub channels: usize,
    /// `[pixels, channels]`.
    pub x: &'a [f32],
}

impl Statistics<'_> {
    /// Adds, for each channel, the distances d from the first pixel and their squares.
    pub(super) fn run(&self, set: InstructionSet, sum: &mut [f32], squares: &mut [f32]) {
        let vectors = self.channels.next_multiple_of(simd::width(set));
        assert!(sum.len() >= vectors && squares.len() >= vectors);
        // SAFETY: the sums are padded to whole vectors; `set` comes from
        // `InstructionSet::current`.
        unsafe { statistics_on(set, self, sum.as_mut_ptr(), squares.as_mut_ptr()) }
    }
}

for_each_instruction_set! {
    fn statistics_on = statistics(part: &Statistics<'_>, sum: *mut f32, squares: *mut f32)
}

#[inline(always)]
unsafe fn statistics<S: Simd>(part: &Statistics<'_>, sum: *mut f32, squares: *mut f32) {
    let pixels = part.x.len() / part.channels;
    let mut pixel = 0;
    // SAFETY: the caller's; pixels and channels are those of the slice.
    unsafe {
        while pixel < pixels {
            let rows = PIXELS.min(pixels - pixel);
            let mut channel = 0;
            while channel < part.channels {
                let (sum, squares) = (sum.add(channel), squares.add(channel));
                let lanes = S::WIDTH.min(part.channels - channel);
                if lanes == S::WIDTH && rows == PIXELS {
                    add_distances::<S, PIXELS, false>(part, pixel, channel, lanes, sum, squares);
                } else if rows == PIXELS {
                    // The same order of sums as with vectors of another width.
                    add_distances::<S, PIXELS, true>(part, pixel, channel, lanes, sum, squares);
                } else {
                    for row in pixel..pixel + rows {
                        add_distances::<S, 1, true>(part, row, channel, lanes, sum, squares);
                    }
                }
                channel += S::WIDTH;
            }
            pixel += rows;
        }
    }
}

#[inline(always)]
unsafe fn add_distances<S: Simd, const ROWS: usize, const PARTIAL: bool>(
    part: &Statistics<'_>,
    pixel: usize,
    channel: usize,
    lanes: usize,
    sum: *mut f32,
    squares: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let ahead = AHEAD * part.channels;
        let origin = load::<S, PARTIAL>(part.x.as_ptr().add(channel), lanes);
        let (mut sums, mut products) = (S::splat(0.0), S::splat(0.0));
        for row in 0..ROWS {
            let source = part.x.as_ptr().add((pixel + row) * part.channels + channel);
            S::prefetch(source.wrapping_add(ahead));
            let distance = S::sub(load::<S, PARTIAL>(source, lanes), origin);
            sums = S::add(sums, distance);
            products = S::fma(distance, distance, products);
        }
        S::store(sum, S::add(S::load(sum), sums));
        S::store(squares, S::add(S::load(squares), products));
    }
}
