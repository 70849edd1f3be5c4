//! Depthwise convolution: vectors over channels, a register tile of neighbouring pixels of a row.

use rayon::prelude::*;

use crate::cpu::scratch::{Scratch, Shared};
use crate::cpu::simd::{self, InstructionSet, Simd, for_each_instruction_set};
use crate::cpu::{Activation, Epilogue};

/// Pixels of a register tile.
const TILE: usize = 8;

/// A feature map that is read.
#[derive(Clone, Copy)]
pub(super) struct Map<'a> {
    pub data: &'a [f32],
    pub size: [usize; 2],
}

/// The taps along one axis: position i reads i · step + distance for each of them.
#[derive(Clone)]
pub(super) struct Taps {
    pub step: usize,
    /// Distance of the first tap; the others follow one by one.
    pub first: isize,
    /// Index in the kernel of each tap.
    pub kernel: Vec<usize>,
}

/// Positions that have the same taps, and where they are written: position (i, j) at pixel
/// (offset + i · step, offset + j · step).
pub(super) struct Phase {
    pub grid: [usize; 2],
    pub rows: Taps,
    pub columns: Taps,
    pub offset: [usize; 2],
    pub step: [usize; 2],
}

impl Phase {
    fn num_taps(&self) -> usize {
        self.rows.kernel.len() * self.columns.kernel.len()
    }
}

/// Weights \[channel\]\[tap\] as \[tap\]\[channel\] for the taps of a phase, zeros beyond the last
/// channel.
fn pack(
    weight: &[f32],
    phase: &Phase,
    kernel_size: [usize; 2],
    channels: usize,
    padded: usize,
) -> Scratch {
    let mut packed = Scratch::new(phase.num_taps() * padded);
    packed.fill(0.0);
    let columns = phase.columns.kernel.len();
    for (idx, target) in packed.chunks_exact_mut(padded).enumerate() {
        let tap =
            phase.rows.kernel[idx / columns] * kernel_size[1] + phase.columns.kernel[idx % columns];
        for (channel, value) in target[..channels].iter_mut().enumerate() {
            *value = weight[channel * kernel_size[0] * kernel_size[1] + tap];
        }
    }
    packed
}

/// Writes all phases; `out` is a map of `size` with the source's channels.
#[allow(clippy::too_many_arguments, reason = "two maps, weights, epilogue and geometry")]
pub(super) fn run(
    set: InstructionSet,
    source: &Map<'_>,
    weight: &[f32],
    kernel_size: [usize; 2],
    channels: usize,
    phases: &[Phase],
    epilogue: &Epilogue<'_>,
    size: [usize; 2],
    out: &mut [f32],
) {
    let padded = channels.next_multiple_of(simd::width(set));
    let affine = super::direct::padded_affine(epilogue, 0, channels, simd::width(set));
    let batch = out.len() / (size[0] * size[1] * channels);
    assert_eq!(source.data.len(), batch * source.size[0] * source.size[1] * channels);
    assert!(epilogue.residual.is_none_or(|residual| residual.len() == out.len()));
    let stream = simd::streams(out, channels);
    let shared = Shared(out.as_mut_ptr());
    for phase in phases {
        let weight = pack(weight, phase, kernel_size, channels, padded);
        assert!(
            phase.grid[0] == 0 || phase.offset[0] + (phase.grid[0] - 1) * phase.step[0] < size[0]
        );
        assert!(
            phase.grid[1] == 0 || phase.offset[1] + (phase.grid[1] - 1) * phase.step[1] < size[1]
        );
        let rows = batch * phase.grid[0];
        let rows_len = (rows / 64).clamp(1, 8);
        (0..rows.div_ceil(rows_len)).into_par_iter().with_max_len(1).for_each(|piece| {
            for row in piece * rows_len..rows.min((piece + 1) * rows_len) {
                let (image, i) = (row / phase.grid[0], row % phase.grid[0]);
                let y = phase.offset[0] + i * phase.step[0];
                let start = ((image * size[0] + y) * size[1] + phase.offset[1]) * channels;
                let taps = row_taps(source, phase, channels, padded, image, i);
                let args = Row {
                    taps: &taps,
                    weight: weight.as_ptr(),
                    padded,
                    width: source.size[1] as isize,
                    first: phase.columns.first,
                    num_columns: phase.columns.kernel.len(),
                    step: phase.columns.step,
                    len: phase.grid[1],
                    channels,
                    scale: affine.as_ptr(),
                    shift: affine[padded..].as_ptr(),
                    activation: epilogue.activation,
                    residual: epilogue
                        .residual
                        .map_or(std::ptr::null(), |residual| residual[start..].as_ptr()),
                    stream,
                    // SAFETY: a pixel of the map.
                    out: unsafe { shared.get().add(start) },
                    out_step: phase.step[1] * channels,
                };
                // SAFETY: each tap is a row of the source; weights, scale and shift are padded to
                // whole vectors; this row of the phase is written by this piece alone. `set` comes
                // from `InstructionSet::current`.
                unsafe { row_on(set, &args) };
            }
        });
    }
}

/// The rows of the source that row `i` reads, each with the offset of its weights: those on the
/// image.
fn row_taps(
    source: &Map<'_>,
    phase: &Phase,
    channels: usize,
    padded: usize,
    image: usize,
    i: usize,
) -> Vec<(*const f32, usize)> {
    let [height, width] = source.size;
    let rows = 0..phase.rows.kernel.len();
    rows.filter_map(|tap| {
        let y = ((i * phase.rows.step) as isize + phase.rows.first + tap as isize) as usize;
        (y < height).then(|| {
            let row = &source.data[(image * height + y) * width * channels..][..width * channels];
            (row.as_ptr(), tap * phase.columns.kernel.len() * padded)
        })
    })
    .collect()
}

/// A row of the output.
struct Row<'a> {
    /// Source row, and offset in the weights.
    taps: &'a [(*const f32, usize)],
    weight: *const f32,
    /// Channels with padding.
    padded: usize,
    /// Of the source, pixels.
    width: isize,
    /// Distance of the first column tap.
    first: isize,
    num_columns: usize,
    step: usize,
    /// Pixels that are written.
    len: usize,
    channels: usize,
    scale: *const f32,
    shift: *const f32,
    activation: Activation,
    /// Whether the output is written past the caches.
    stream: bool,
    /// Null where there is none; else like `out`.
    residual: *const f32,
    out: *mut f32,
    /// From one pixel that is written to the next, floats.
    out_step: usize,
}

for_each_instruction_set! {
    fn row_on = any_row(row: &Row<'_>)
}

#[inline(always)]
unsafe fn any_row<S: Simd>(row: &Row<'_>) {
    // SAFETY: the caller's.
    unsafe {
        match (row.num_columns, row.step) {
            (1, 1) => tiles::<S, 1, 1>(row),
            (2, 1) => tiles::<S, 2, 1>(row),
            (3, 1) => tiles::<S, 3, 1>(row),
            (5, 1) => tiles::<S, 5, 1>(row),
            (3, 2) => tiles::<S, 3, 2>(row),
            (5, 2) => tiles::<S, 5, 2>(row),
            _ => {
                for j in 0..row.len {
                    let mut channel = 0;
                    while channel < row.channels {
                        pixel::<S>(row, j, channel);
                        channel += S::WIDTH;
                    }
                }
            }
        }
        S::fence();
    }
}

/// One pixel and vector with any number of taps and any step.
#[inline(always)]
unsafe fn pixel<S: Simd>(row: &Row<'_>, j: usize, channel: usize) {
    // SAFETY: the caller's; only columns on the image are read.
    unsafe {
        let lanes = S::WIDTH.min(row.channels - channel);
        let mut sum = S::splat(0.0);
        for (source, weight) in row.taps {
            for column in 0..row.num_columns {
                let x = (j * row.step) as isize + row.first + column as isize;
                if 0 <= x && x < row.width {
                    let value = source.add(x as usize * row.channels + channel);
                    let weight = row.weight.add(weight + column * row.padded + channel);
                    sum = S::fma(S::load_first(value, lanes), S::load(weight), sum);
                }
            }
        }
        finish::<S, 1, true>(row, j, channel, [sum]);
    }
}

#[inline(always)]
unsafe fn tiles<S: Simd, const TAPS: usize, const STEP: usize>(row: &Row<'_>) {
    let mut j = 0;
    while j < row.len {
        let left = row.len - j;
        // A tile may overlap the one before: the same values are written again.
        // SAFETY: the caller's.
        unsafe {
            if left > TILE / 2 && row.len >= TILE {
                j = j.min(row.len - TILE);
                columns::<S, TAPS, STEP, TILE>(row, j);
                j += TILE;
            } else if left > 1 && row.len >= TILE / 2 {
                j = j.min(row.len - TILE / 2);
                columns::<S, TAPS, STEP, { TILE / 2 }>(row, j);
                j += TILE / 2;
            } else {
                columns::<S, TAPS, STEP, 1>(row, j);
                j += 1;
            }
        }
    }
}

/// `PIXELS` neighbouring pixels, all channels.
#[inline(always)]
unsafe fn columns<S: Simd, const TAPS: usize, const STEP: usize, const PIXELS: usize>(
    row: &Row<'_>,
    j: usize,
) {
    let x = (j * STEP) as isize + row.first;
    let inside = 0 <= x && x + ((PIXELS - 1) * STEP + TAPS) as isize <= row.width;
    let whole = row.channels / S::WIDTH * S::WIDTH;
    // SAFETY: the caller's.
    unsafe {
        let mut channel = 0;
        if inside {
            while channel < whole {
                tile::<S, TAPS, STEP, PIXELS, true, false>(row, j, x, channel);
                channel += S::WIDTH;
            }
        } else {
            while channel < whole {
                tile::<S, TAPS, STEP, PIXELS, false, false>(row, j, x, channel);
                channel += S::WIDTH;
            }
        }
        if channel < row.channels {
            tile::<S, TAPS, STEP, PIXELS, false, true>(row, j, x, channel);
        }
    }
}

#[inline(always)]
unsafe fn tile<
    S: Simd,
    const TAPS: usize,
    const STEP: usize,
    const PIXELS: usize,
    const INSIDE: bool,
    const PARTIAL: bool,
>(
    row: &Row<'_>,
    j: usize,
    x: isize,
    channel: usize,
) {
    // SAFETY: the caller's; only columns on the image are read.
    unsafe {
        let lanes = row.channels - channel;
        let mut sums = [S::splat(0.0); PIXELS];
        let mut tap = 0;
        while tap < row.taps.len() {
            let (source, offset) = *row.taps.get_unchecked(tap);
            if INSIDE && PIXELS == TILE && tap + STEP >= row.taps.len() {
                // The rows that no row before has read, for the next tile: the hardware does not
                // see the pattern.
                let next = (x + (TILE * STEP) as isize) * row.channels as isize;
                for pixel in 0..PIXELS * STEP {
                    let address = source.wrapping_offset(next).wrapping_add(channel);
                    S::prefetch(address.wrapping_add(pixel * row.channels));
                }
            }
            let mut weight = [S::splat(0.0); TAPS];
            for k in 0..TAPS {
                weight[k] = S::load(row.weight.add(offset + k * row.padded + channel));
            }
            for column in 0..(PIXELS - 1) * STEP + TAPS {
                let x = x + column as isize;
                let value = if INSIDE || (0 <= x && x < row.width) {
                    let source = source.offset(x * row.channels as isize).add(channel);
                    if PARTIAL { S::load_first(source, lanes) } else { S::load(source) }
                } else {
                    S::splat(0.0)
                };
                for pixel in 0..PIXELS {
                    if pixel * STEP <= column && column < pixel * STEP + TAPS {
                        sums[pixel] = S::fma(value, weight[column - pixel * STEP], sums[pixel]);
                    }
                }
            }
            tap += 1;
        }
        finish::<S, PIXELS, PARTIAL>(row, j, channel, sums);
    }
}

/// The epilogue, and the writing.
#[inline(always)]
unsafe fn finish<S: Simd, const PIXELS: usize, const PARTIAL: bool>(
    row: &Row<'_>,
    j: usize,
    channel: usize,
    mut sums: [S::Vector; PIXELS],
) {
    // SAFETY: the caller's.
    unsafe {
        let lanes = S::WIDTH.min(row.channels - channel);
        let scale = S::load(row.scale.add(channel));
        let shift = S::load(row.shift.add(channel));
        for pixel in 0..PIXELS {
            sums[pixel] = S::fma(sums[pixel], scale, shift);
        }
        if !row.residual.is_null() {
            for pixel in 0..PIXELS {
                let residual = row.residual.add((j + pixel) * row.out_step + channel);
                sums[pixel] = S::add(sums[pixel], S::load_first(residual, lanes));
            }
        }
        match row.activation {
            Activation::None => {}
            Activation::Relu => {
                for pixel in 0..PIXELS {
                    sums[pixel] = S::max(S::splat(0.0), sums[pixel]);
                }
            }
            Activation::Silu => {
                for pixel in 0..PIXELS {
                    sums[pixel] = S::mul(sums[pixel], simd::sigmoid::<S>(sums[pixel]));
                }
            }
        }
        for pixel in 0..PIXELS {
            let out = row.out.add((j + pixel) * row.out_step + channel);
            if PARTIAL {
                S::store_first(out, sums[pixel], lanes);
            } else if row.stream {
                S::stream(out, sums[pixel]);
            } else {
                S::store(out, sums[pixel]);
            }
        }
    }
}

/// Writes the gradient of the weights, \[channel\]\[tap\]. `phase` is that of the forward pass.
pub(super) fn weight_gradient(
    set: InstructionSet,
    source: &Map<'_>,
    grad_out: &[f32],
    channels: usize,
    phase: &Phase,
    grad_weight: &mut [f32],
) {
    let padded = channels.next_multiple_of(simd::width(set));
    let num_taps = phase.num_taps();
    let rows = grad_out.len() / (phase.grid[1] * channels).max(1);
    assert_eq!(
        source.data.len() * phase.grid[0],
        rows * source.size[0] * source.size[1] * channels
    );
    // Chunks are a function of the shape alone.
    let rows_len = rows.div_ceil(32).max(1);
    let len = num_taps * padded;
    let mut sums = Scratch::new(rows.div_ceil(rows_len) * len);
    sums.par_chunks_mut(len.max(1)).with_max_len(1).enumerate().for_each(|(chunk, sums)| {
        sums.fill(0.0);
        for row in chunk * rows_len..rows.min((chunk + 1) * rows_len) {
            let taps =
                row_taps(source, phase, channels, padded, row / phase.grid[0], row % phase.grid[0]);
            let args = GradRow {
                taps: &taps,
                grad: grad_out[row * phase.grid[1] * channels..][..phase.grid[1] * channels]
                    .as_ptr(),
                padded,
                width: source.size[1] as isize,
                first: phase.columns.first,
                num_columns: phase.columns.kernel.len(),
                step: phase.columns.step,
                len: phase.grid[1],
                channels,
                sums: sums.as_mut_ptr(),
            };
            // SAFETY: each tap is a row of the source, `grad` a row of the gradient, and `sums`
            // holds whole vectors for each tap. `set` comes from `InstructionSet::current`.
            unsafe { grad_row_on(set, &args) };
        }
    });
    grad_weight.par_chunks_mut(num_taps.max(1)).enumerate().with_min_len(16).for_each(
        |(channel, grad)| {
            for (tap, grad) in grad.iter_mut().enumerate() {
                *grad = sums.chunks_exact(len).map(|chunk| chunk[tap * padded + channel]).sum();
            }
        },
    );
}

/// A row of the output's gradient.
struct GradRow<'a> {
    /// Source row, and offset in the sums.
    taps: &'a [(*const f32, usize)],
    grad: *const f32,
    padded: usize,
    width: isize,
    first: isize,
    num_columns: usize,
    step: usize,
    len: usize,
    channels: usize,
    sums: *mut f32,
}

for_each_instruction_set! {
    fn grad_row_on = any_grad_row(row: &GradRow<'_>)
}

#[inline(always)]
unsafe fn any_grad_row<S: Simd>(row: &GradRow<'_>) {
    let mut channel = 0;
    while channel < row.channels {
        let partial = row.channels - channel < S::WIDTH;
        let mut tap = 0;
        while tap < row.taps.len() {
            // SAFETY: the caller's.
            unsafe {
                match (row.num_columns, row.step, partial) {
                    (3, 1, false) => grad_columns::<S, 3, 1>(row, tap, channel),
                    (5, 1, false) => grad_columns::<S, 5, 1>(row, tap, channel),
                    (3, 2, false) => grad_columns::<S, 3, 2>(row, tap, channel),
                    (5, 2, false) => grad_columns::<S, 5, 2>(row, tap, channel),
                    _ => {
                        for column in 0..row.num_columns {
                            grad_column::<S>(row, tap, column, channel);
                        }
                    }
                }
            }
            tap += 1;
        }
        channel += S::WIDTH;
    }
}

/// One tap of any row.
#[inline(always)]
unsafe fn grad_column<S: Simd>(row: &GradRow<'_>, tap: usize, column: usize, channel: usize) {
    // SAFETY: the caller's; only columns on the image are read.
    unsafe {
        let lanes = S::WIDTH.min(row.channels - channel);
        let (source, offset) = *row.taps.get_unchecked(tap);
        let target = row.sums.add(offset + column * row.padded + channel);
        let mut sum = S::load(target);
        for j in 0..row.len {
            let x = (j * row.step) as isize + row.first + column as isize;
            if 0 <= x && x < row.width {
                let value = S::load_first(source.add(x as usize * row.channels + channel), lanes);
                let grad = S::load_first(row.grad.add(j * row.channels + channel), lanes);
                sum = S::fma(value, grad, sum);
            }
        }
        S::store(target, sum);
    }
}

/// The taps of one row of the kernel.
#[inline(always)]
unsafe fn grad_columns<S: Simd, const TAPS: usize, const STEP: usize>(
    row: &GradRow<'_>,
    tap: usize,
    channel: usize,
) {
    // SAFETY: the caller's; only columns on the image are read.
    unsafe {
        let (source, offset) = *row.taps.get_unchecked(tap);
        let target = row.sums.add(offset + channel);
        let mut sums = [S::splat(0.0); TAPS];
        for k in 0..TAPS {
            sums[k] = S::load(target.add(k * row.padded));
        }
        let mut j = 0;
        while j < row.len {
            let x = (j * STEP) as isize + row.first;
            let grad = row.grad.add(j * row.channels + channel);
            let source = source.wrapping_offset(x * row.channels as isize).wrapping_add(channel);
            if j + 4 <= row.len && 0 <= x && x + (3 * STEP + TAPS) as isize <= row.width {
                if tap + 1 == row.taps.len() {
                    // What the next row reads anew: the hardware does not see the pattern.
                    for pixel in 0..4 {
                        S::prefetch(grad.wrapping_add((row.len + pixel) * row.channels));
                    }
                    for line in 1..=STEP {
                        let next = source.wrapping_add(line * row.width as usize * row.channels);
                        for column in 0..4 * STEP {
                            S::prefetch(next.wrapping_add(column * row.channels));
                        }
                    }
                }
                let mut grads = [S::splat(0.0); 4];
                for pixel in 0..4 {
                    grads[pixel] = S::load(grad.add(pixel * row.channels));
                }
                for column in 0..3 * STEP + TAPS {
                    let value = S::load(source.add(column * row.channels));
                    for pixel in 0..4 {
                        if pixel * STEP <= column && column < pixel * STEP + TAPS {
                            let k = column - pixel * STEP;
                            sums[k] = S::fma(value, grads[pixel], sums[k]);
                        }
                    }
                }
                j += 4;
            } else {
                let grad = S::load(grad);
                for k in 0..TAPS {
                    let x = x + k as isize;
                    if 0 <= x && x < row.width {
                        let value = S::load(source.wrapping_add(k * row.channels));
                        sums[k] = S::fma(value, grad, sums[k]);
                    }
                }
                j += 1;
            }
        }
        for k in 0..TAPS {
            S::store(target.add(k * row.padded), sums[k]);
        }
    }
}
