//! The loops over positions.

use crate::cpu::conv::pack::Block;
use crate::cpu::simd::{Simd, for_each_instruction_set};

for_each_instruction_set! {
    pub(super) fn pack_on = pack_positions<false>(
        source: *const f32,
        pixel_stride: usize,
        blocks: &[Block],
        len: usize,
        target: *mut f32,
    )
}

for_each_instruction_set! {
    pub(super) fn pack_pairs_on = pack_positions<true>(
        source: *const f32,
        pixel_stride: usize,
        blocks: &[Block],
        len: usize,
        target: *mut f32,
    )
}

/// Position by position, so that the gradients are read in the order of memory. `PAIRS`: two positions
/// in a lane, the last one with 0 if it is alone.
#[inline(always)]
unsafe fn pack_positions<S: Simd, const PAIRS: bool>(
    source: *const f32,
    pixel_stride: usize,
    blocks: &[Block],
    len: usize,
    target: *mut f32,
) {
    const AHEAD: usize = 16;
    let in_lane = if PAIRS { 2 } else { 1 };
    let num_rows = len.div_ceil(in_lane);
    for row in 0..num_rows {
        let position = row * in_lane;
        let mut start = 0;
        for block in blocks {
            // SAFETY: the caller's.
            unsafe {
                let source = source.add(position * pixel_stride + block.channel);
                let target = target.add(start + row * block.vectors * S::WIDTH);
                for v in 0..block.vectors {
                    let lanes = S::WIDTH.min(block.channels - v * S::WIDTH);
                    let source = source.add(v * S::WIDTH);
                    S::prefetch(source.wrapping_add(AHEAD * pixel_stride));
                    let mut value = load_lanes::<S>(source, lanes);
                    if PAIRS {
                        let partner = if position + 1 < len {
                            load_lanes::<S>(source.add(pixel_stride), lanes)
                        } else {
                            S::splat(0.0)
                        };
                        value = S::pairs(value, partner);
                    }
                    S::store(target.add(v * S::WIDTH), value);
                }
            }
            start += num_rows * block.vectors * S::WIDTH;
        }
    }
}

#[inline(always)]
unsafe fn load_lanes<S: Simd>(source: *const f32, lanes: usize) -> S::Vector {
    // SAFETY: the caller's.
    unsafe { if lanes == S::WIDTH { S::load(source) } else { S::load_first(source, lanes) } }
}

for_each_instruction_set! {
    pub(super) fn pair_inputs_on = pair_inputs(
        low: *const f32,
        high: *const f32,
        target: &mut [f32],
    )
}

/// The values from both addresses on, as pairs.
#[inline(always)]
unsafe fn pair_inputs<S: Simd>(low: *const f32, high: *const f32, target: &mut [f32]) {
    for start in (0..target.len()).step_by(S::WIDTH) {
        let lanes = S::WIDTH.min(target.len() - start);
        // SAFETY: the caller's.
        unsafe {
            let low = load_lanes::<S>(low.add(start), lanes);
            let high = load_lanes::<S>(high.add(start), lanes);
            S::store_first(target.as_mut_ptr().add(start), S::pairs(low, high), lanes);
        }
    }
}

for_each_instruction_set! {
    pub(super) fn tile_on = any_tile<false>(
        vectors: usize,
        num_rows: usize,
        rows: *const *const f32,
        depth: usize,
        len: usize,
        grad: *const f32,
        sums: *mut f32,
    )
}

for_each_instruction_set! {
    pub(super) fn tile_of_pairs_on = any_tile<true>(
        vectors: usize,
        num_rows: usize,
        rows: *const *const f32,
        depth: usize,
        len: usize,
        grad: *const f32,
        sums: *mut f32,
    ) with bf16
}

/// Adds, for `num_rows` depths from `depth` on and the lanes of a block, the products of `len`
/// positions to `sums[row][lane]`.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the operands of a kernel")]
unsafe fn any_tile<S: Simd, const PAIRS: bool>(
    vectors: usize,
    num_rows: usize,
    rows: *const *const f32,
    depth: usize,
    len: usize,
    grad: *const f32,
    sums: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        match vectors {
            1 => rows_of::<S, PAIRS, 1>(num_rows, rows, depth, len, grad, sums),
            2 => rows_of::<S, PAIRS, 2>(num_rows, rows, depth, len, grad, sums),
            _ => rows_of::<S, PAIRS, 3>(num_rows, rows, depth, len, grad, sums),
        }
    }
}

#[inline(always)]
unsafe fn rows_of<S: Simd, const PAIRS: bool, const VECTORS: usize>(
    num_rows: usize,
    rows: *const *const f32,
    depth: usize,
    len: usize,
    grad: *const f32,
    sums: *mut f32,
) {
    // As many rows at a time as the registers hold.
    let limit = S::ROWS[VECTORS - 1];
    let mut row = 0;
    while row < num_rows {
        let left = (num_rows - row).min(limit);
        // SAFETY: the caller's.
        unsafe {
            let (depth, sums) = (depth + row, sums.add(row * VECTORS * S::WIDTH));
            row += match left {
                14.. if limit >= 14 => tile::<S, PAIRS, 14, VECTORS>(rows, depth, len, grad, sums),
                12.. if limit >= 12 => tile::<S, PAIRS, 12, VECTORS>(rows, depth, len, grad, sums),
                8.. if limit >= 8 => tile::<S, PAIRS, 8, VECTORS>(rows, depth, len, grad, sums),
                6.. if limit == 6 => tile::<S, PAIRS, 6, VECTORS>(rows, depth, len, grad, sums),
                4.. if limit >= 4 => tile::<S, PAIRS, 4, VECTORS>(rows, depth, len, grad, sums),
                2.. => tile::<S, PAIRS, 2, VECTORS>(rows, depth, len, grad, sums),
                _ => tile::<S, PAIRS, 1, VECTORS>(rows, depth, len, grad, sums),
            };
        }
    }
}

#[inline(always)]
unsafe fn tile<S: Simd, const PAIRS: bool, const ROWS: usize, const VECTORS: usize>(
    rows: *const *const f32,
    depth: usize,
    len: usize,
    grad: *const f32,
    target: *mut f32,
) -> usize {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
        for r in 0..ROWS {
            for v in 0..VECTORS {
                sums[r][v] = S::load(target.add((r * VECTORS + v) * S::WIDTH));
            }
        }
        let mut grad = grad;
        let mut position = 0;
        while position < len {
            let mut lanes = [S::splat(0.0); VECTORS];
            for v in 0..VECTORS {
                lanes[v] = S::load(grad.add(v * S::WIDTH));
            }
            grad = grad.add(VECTORS * S::WIDTH);
            let values = (*rows.add(position)).wrapping_add(depth);
            for r in 0..ROWS {
                let value = S::splat(*values.add(r));
                for v in 0..VECTORS {
                    sums[r][v] = if PAIRS {
                        S::fma_pairs(value, lanes[v], sums[r][v])
                    } else {
                        S::fma(value, lanes[v], sums[r][v])
                    };
                }
            }
            position += 1;
        }
        for r in 0..ROWS {
            for v in 0..VECTORS {
                S::store(target.add((r * VECTORS + v) * S::WIDTH), sums[r][v]);
            }
        }
    }
    ROWS
}
