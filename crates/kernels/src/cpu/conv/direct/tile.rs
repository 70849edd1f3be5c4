//! Register tiles of pixels × output channels.

use std::mem::MaybeUninit;

use crate::cpu::Activation;
use crate::cpu::simd::{self, Simd, for_each_instruction_set};

/// A column of register tiles: all positions of a piece for one block of channels.
pub(in crate::cpu::conv) struct Tiles {
    /// \[tap\]\[row\], addresses of `depth` values.
    pub rows: *const *const f32,
    pub row_stride: usize,
    pub num_rows: usize,
    pub taps: usize,
    pub depth: usize,
    /// Whether the rows are not yet in the cache.
    pub fetch: bool,
    /// \[tap\]\[depth\]\[lane\].
    pub weight: *const f32,
    pub vectors: usize,
    pub channels: usize,
    /// For whole vectors.
    pub scale: *const f32,
    pub shift: *const f32,
    pub activation: Activation,
    /// Null where there is none; else with the output's offsets.
    pub residual: *const f32,
    pub out: *mut f32,
    /// Whether the output is written past the caches.
    pub stream: bool,
    /// For each row, where its pixel starts.
    pub targets: *const usize,
}

for_each_instruction_set! {
    pub(in crate::cpu::conv) fn tiles_on = any_tiles<false>(tiles: &Tiles)
}

for_each_instruction_set! {
    pub(super) fn tiles_of_pairs_on = any_tiles<true>(tiles: &Tiles) with bf16
}

/// `PAIRS`: whether rows and weights hold pairs of bfloat16.
#[inline(always)]
unsafe fn any_tiles<S: Simd, const PAIRS: bool>(tiles: &Tiles) {
    // SAFETY: the caller's.
    unsafe {
        match (S::ROWS[1], tiles.vectors) {
            (14, 1) => column::<S, PAIRS, 28, 1>(tiles),
            (14, 2) => column::<S, PAIRS, 14, 2>(tiles),
            (14, _) => column::<S, PAIRS, 9, 3>(tiles),
            (6, 1) => column::<S, PAIRS, 12, 1>(tiles),
            (6, 2) => column::<S, PAIRS, 6, 2>(tiles),
            (6, _) => column::<S, PAIRS, 4, 3>(tiles),
            (_, 1) => column::<S, PAIRS, 4, 1>(tiles),
            (_, 2) => column::<S, PAIRS, 2, 2>(tiles),
            (_, _) => column::<S, PAIRS, 1, 3>(tiles),
        }
    }
}

#[inline(always)]
unsafe fn column<S: Simd, const PAIRS: bool, const ROWS: usize, const VECTORS: usize>(
    tiles: &Tiles,
) {
    let mut first = 0;
    while first < tiles.num_rows {
        // SAFETY: the caller's; `first` is a row.
        unsafe {
            let rows = ROWS.min(tiles.num_rows - first);
            let sums = if tiles.fetch && tiles.taps == 1 {
                sums::<S, PAIRS, ROWS, VECTORS, true>(tiles, first)
            } else {
                sums::<S, PAIRS, ROWS, VECTORS, false>(tiles, first)
            };
            let sums = scaled::<S, ROWS, VECTORS>(tiles, sums);
            let is_whole = rows == ROWS && tiles.channels == VECTORS * S::WIDTH;
            if is_whole && !matches!(tiles.activation, Activation::Silu | Activation::Gelu) {
                write_whole::<S, ROWS, VECTORS>(tiles, first, sums);
            } else {
                write_rows::<S, ROWS, VECTORS>(tiles, first, rows, sums);
            }
        }
        first += ROWS;
    }
    if tiles.stream {
        // SAFETY: the caller's.
        unsafe { S::fence() };
    }
}

/// The sums of a tile, in the order tap, depth. `FETCH`: on the way the rows of the next tile are
/// fetched; one tap has too little to do with them for the hardware to be in time.
#[inline(always)]
unsafe fn sums<
    S: Simd,
    const PAIRS: bool,
    const ROWS: usize,
    const VECTORS: usize,
    const FETCH: bool,
>(
    tiles: &Tiles,
    first: usize,
) -> [[S::Vector; VECTORS]; ROWS] {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
        if tiles.taps == 0 || tiles.depth == 0 {
            return sums;
        }
        // Loops that test at their end: otherwise the compiler moves the sums to the stack and back
        // for each tap.
        let mut weight = tiles.weight;
        let mut tap = 0;
        loop {
            let addresses = tiles.rows.add(tap * tiles.row_stride + first);
            let rows: [*const f32; ROWS] = addresses.cast::<[*const f32; ROWS]>().read();
            let mut depth = 0;
            let mut next = 0;
            loop {
                if FETCH && depth == next {
                    const LINE: usize = 16;
                    for r in 0..ROWS {
                        S::prefetch((*addresses.add(ROWS + r)).wrapping_add(depth));
                    }
                    next += LINE;
                }
                let mut lanes = [S::splat(0.0); VECTORS];
                for v in 0..VECTORS {
                    lanes[v] = S::load(weight.add(v * S::WIDTH));
                }
                weight = weight.add(VECTORS * S::WIDTH);
                for r in 0..ROWS {
                    let value = S::splat(*rows[r].add(depth));
                    for v in 0..VECTORS {
                        sums[r][v] = if PAIRS {
                            S::fma_pairs(value, lanes[v], sums[r][v])
                        } else {
                            S::fma(value, lanes[v], sums[r][v])
                        };
                    }
                }
                depth += 1;
                if depth == tiles.depth {
                    break;
                }
            }
            tap += 1;
            if tap == tiles.taps {
                break;
            }
        }
        sums
    }
}

/// With scale and shift.
#[inline(always)]
unsafe fn scaled<S: Simd, const ROWS: usize, const VECTORS: usize>(
    tiles: &Tiles,
    mut sums: [[S::Vector; VECTORS]; ROWS],
) -> [[S::Vector; VECTORS]; ROWS] {
    // SAFETY: the caller's.
    unsafe {
        for v in 0..VECTORS {
            let scale = S::load(tiles.scale.add(v * S::WIDTH));
            let shift = S::load(tiles.shift.add(v * S::WIDTH));
            for r in 0..ROWS {
                sums[r][v] = S::fma(sums[r][v], scale, shift);
            }
        }
        sums
    }
}

/// What is left of the epilogue, and the writing, of a whole tile without SiLU. Loops are so short that
/// the compiler unrolls them, and the sums never leave their registers.
#[inline(always)]
unsafe fn write_whole<S: Simd, const ROWS: usize, const VECTORS: usize>(
    tiles: &Tiles,
    first: usize,
    mut sums: [[S::Vector; VECTORS]; ROWS],
) {
    // SAFETY: the caller's.
    unsafe {
        if !tiles.residual.is_null() {
            for r in 0..ROWS {
                let residual = tiles.residual.add(*tiles.targets.add(first + r));
                for v in 0..VECTORS {
                    sums[r][v] = S::add(sums[r][v], S::load(residual.add(v * S::WIDTH)));
                }
            }
        }
        if matches!(tiles.activation, Activation::Relu | Activation::Relu6) {
            for r in 0..ROWS {
                for v in 0..VECTORS {
                    sums[r][v] = S::max(S::splat(0.0), sums[r][v]);
                }
            }
        }
        if tiles.activation == Activation::Relu6 {
            for r in 0..ROWS {
                for v in 0..VECTORS {
                    sums[r][v] = S::min(S::splat(6.0), sums[r][v]);
                }
            }
        }
        if tiles.stream {
            for r in 0..ROWS {
                let out = tiles.out.add(*tiles.targets.add(first + r));
                for v in 0..VECTORS {
                    S::stream(out.add(v * S::WIDTH), sums[r][v]);
                }
            }
        } else {
            for r in 0..ROWS {
                let out = tiles.out.add(*tiles.targets.add(first + r));
                for v in 0..VECTORS {
                    S::store(out.add(v * S::WIDTH), sums[r][v]);
                }
            }
        }
    }
}

/// The same of any tile, by way of memory.
#[inline(always)]
unsafe fn write_rows<S: Simd, const ROWS: usize, const VECTORS: usize>(
    tiles: &Tiles,
    first: usize,
    num_rows: usize,
    sums: [[S::Vector; VECTORS]; ROWS],
) {
    // SAFETY: the caller's; rows from `num_rows` on are not accessed, and where the last vector is
    // not full, neither are its lanes without a channel.
    unsafe {
        let mut values = MaybeUninit::<[[S::Vector; VECTORS]; ROWS]>::uninit();
        let values = values.as_mut_ptr().cast::<S::Vector>();
        for r in 0..ROWS {
            for v in 0..VECTORS {
                values.add(r * VECTORS + v).write(sums[r][v]);
            }
        }
        for r in 0..num_rows {
            let target = *tiles.targets.add(first + r);
            for v in 0..VECTORS {
                let at = v * S::WIDTH;
                let lanes = S::WIDTH.min(tiles.channels - at);
                let mut value = values.add(r * VECTORS + v).read();
                if !tiles.residual.is_null() {
                    value = S::add(value, S::load_first(tiles.residual.add(target + at), lanes));
                }
                value = activated::<S>(tiles.activation, value);
                let out = tiles.out.add(target + at);
                if lanes < S::WIDTH {
                    S::store_first(out, value, lanes);
                } else if tiles.stream {
                    S::stream(out, value);
                } else {
                    S::store(out, value);
                }
            }
        }
    }
}

#[inline(always)]
pub(in crate::cpu::conv) unsafe fn activated<S: Simd>(
    activation: Activation,
    value: S::Vector,
) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        match activation {
            Activation::None => value,
            Activation::Relu => S::max(S::splat(0.0), value),
            Activation::Relu6 => S::min(S::splat(6.0), S::max(S::splat(0.0), value)),
            Activation::Silu => S::mul(value, simd::sigmoid::<S>(value)),
            Activation::Gelu => simd::gelu::<S>(value),
        }
    }
}
