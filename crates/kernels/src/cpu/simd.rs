//! Vectors of `f32`, and the choice of the instruction set at run time.
//!
//! A kernel is written once, generic over [`Simd`], `#[inline(always)]` throughout; the macro
//! [`for_each_instruction_set`] compiles it for each instruction set and picks one when it is
//! called.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::scoped::with_setting;
use std::cell::Cell;
use std::sync::OnceLock;

pub(super) use self::portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(super) use self::x86::{Avx2, Avx512, Avx512Bf16};

/// What the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// What every machine of the target has.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, VL, BW and DQ.
    Avx512,
    /// That and AVX-512 BF16.
    Avx512Bf16,
}

impl InstructionSet {
    /// Those that this machine has, the best one last.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self::Avx2);
                let avx512 = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq");
                if avx512 {
                    sets.push(Self::Avx512);
                    if is_x86_feature_detected!("avx512bf16") {
                        sets.push(Self::Avx512Bf16);
                    }
                }
            }
        }
        sets
    }

    /// The set that kernels called from this thread use: the best one of the machine that is not
    /// better than the one named by `DERMX_SIMD` (`avx512bf16`, `avx512`, `avx2` or `portable`).
    ///
    /// The variable is read once. Any other value is as if it were not set.
    #[expect(clippy::disallowed_methods, reason = "every use of the kernels has to see it")]
    pub fn current() -> Self {
        static CHOSEN: OnceLock<InstructionSet> = OnceLock::new();
        FORCED.get().unwrap_or_else(|| {
            *CHOSEN.get_or_init(|| match std::env::var("DERMX_SIMD").as_deref() {
                Ok("portable") => Self::Portable,
                Ok("avx2") => Self::best_up_to(Self::Avx2),
                Ok("avx512") => Self::best_up_to(Self::Avx512),
                _ => Self::best_up_to(Self::Avx512Bf16),
            })
        })
    }

    fn best_up_to(limit: Self) -> Self {
        let sets = Self::available();
        sets.into_iter().rfind(|set| *set <= limit).unwrap_or(Self::Portable)
    }
}

thread_local! {
    static FORCED: Cell<Option<InstructionSet>> = const { Cell::new(None) };
}

/// Runs `f` with kernels called from this thread on `set`, or the best one below it that the
/// machine has. For tests and benchmarks.
pub fn with_instruction_set<T>(set: InstructionSet, f: impl FnOnce() -> T) -> T {
    with_setting(&FORCED, Some(InstructionSet::best_up_to(set)), f)
}

/// A vector of `f32`.
///
/// # Safety
///
/// Methods may be called only where the instruction set has been found on the machine, and must be
/// inlined into a function compiled for it. Pointers must be good for the lanes accessed; they need
/// no alignment.
pub(super) trait Simd: Copy {
    /// The register.
    type Vector: Copy;
    /// Lanes.
    const WIDTH: usize;
    /// Rows of a register tile that is 1, 2 or 3 vectors wide: together with the operands they
    /// fill the registers.
    const ROWS: [usize; 3];

    unsafe fn splat(value: f32) -> Self::Vector;
    unsafe fn load(source: *const f32) -> Self::Vector;
    unsafe fn store(target: *mut f32, value: Self::Vector);
    /// The first `len` lanes, the others 0; `len` ≤ WIDTH.
    unsafe fn load_first(source: *const f32, len: usize) -> Self::Vector;
    unsafe fn store_first(target: *mut f32, value: Self::Vector, len: usize);
    /// Fetches the cache line of an address that will be read; any address will do.
    #[inline(always)]
    unsafe fn prefetch(_address: *const f32) {}
    /// [`Simd::store`] past the caches, to an address that is a multiple of the vector's size. Before
    /// another thread reads it, [`Simd::fence`] must be called.
    unsafe fn stream(target: *mut f32, value: Self::Vector);
    /// Orders what was streamed before what is stored afterwards.
    unsafe fn fence();
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn div(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b + c, rounded once where the instruction set can.
    unsafe fn fma(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// (c + a₁ · b₁) + a₀ · b₀, of lanes that are [`Simd::pairs`]: 1 the upper half, 0 the lower.
    unsafe fn fma_pairs(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Each lane of `low` and of `high`, rounded to bfloat16, in the lower and the upper half of a lane.
    unsafe fn pairs(low: Self::Vector, high: Self::Vector) -> Self::Vector;
    /// `b` where either is not a number.
    unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `b` where either is not a number.
    unsafe fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `value` where `condition` > 0, else 0.
    unsafe fn where_positive(condition: Self::Vector, value: Self::Vector) -> Self::Vector;
    /// `value` where a = b, else 0.
    unsafe fn where_equal(a: Self::Vector, b: Self::Vector, value: Self::Vector) -> Self::Vector;
    /// `yes` where a > b, or `a` is not a number and `b` is one; else `no`.
    unsafe fn where_above(
        a: Self::Vector,
        b: Self::Vector,
        yes: Self::Vector,
        no: Self::Vector,
    ) -> Self::Vector;
    /// `value` · 2^k, where `shifted` is 1.5 · 2^23 + k and -126 ≤ k ≤ 127.
    unsafe fn times_power_of_two(value: Self::Vector, shifted: Self::Vector) -> Self::Vector;
}

/// Defines `unsafe fn name(set, arguments…)`, which calls `generic::<S>(arguments…)`, or
/// `generic::<S, FLAG>` where one is given, compiled for the instruction set; for AVX-512 BF16 of its
/// own only `with bf16`.
///
/// # Safety
///
/// `set` must be one that the machine has, as [`InstructionSet::current`] gives it, and the
/// arguments as `generic` wants them.
macro_rules! for_each_instruction_set {
    ($visibility:vis fn $name:ident = $generic:ident $(<$flag:literal>)?
        ($($argument:ident: $type:ty),* $(,)?)) => {
        #[allow(clippy::too_many_arguments, reason = "the operands of a kernel")]
        $visibility unsafe fn $name(set: $crate::cpu::simd::InstructionSet, $($argument: $type),*) {
            use $crate::cpu::simd::{self, InstructionSet};

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            unsafe fn avx512($($argument: $type),*) {
                // SAFETY: the caller's.
                unsafe { $generic::<simd::Avx512 $(, $flag)?>($($argument),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($argument: $type),*) {
                // SAFETY: the caller's.
                unsafe { $generic::<simd::Avx2 $(, $flag)?>($($argument),*) }
            }
            // SAFETY: the caller's, and the machine has the instruction set.
            unsafe {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 | InstructionSet::Avx512Bf16 => avx512($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => avx2($($argument),*),
                    _ => $generic::<simd::Portable $(, $flag)?>($($argument),*),
                }
            }
        }
    };
    (
        $visibility:vis fn $name:ident = $generic:ident $(<$flag:literal>)?
        ($($argument:ident: $type:ty),* $(,)?)
        with bf16
    ) => {
        #[allow(clippy::too_many_arguments, reason = "the operands of a kernel")]
        $visibility unsafe fn $name(set: $crate::cpu::simd::InstructionSet, $($argument: $type),*) {
            use $crate::cpu::simd::for_each_instruction_set;

            for_each_instruction_set! {
                fn others = $generic $(<$flag>)? ($($argument: $type),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,avx2,fma")]
            unsafe fn bf16($($argument: $type),*) {
                // SAFETY: the caller's.
                unsafe { $generic::<$crate::cpu::simd::Avx512Bf16 $(, $flag)?>($($argument),*) }
            }
            // SAFETY: the caller's, and the machine has the instruction set.
            unsafe {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    $crate::cpu::simd::InstructionSet::Avx512Bf16 => bf16($($argument),*),
                    _ => others(set, $($argument),*),
                }
            }
        }
    };
}
pub(super) use for_each_instruction_set;

/// Two numbers, rounded to bfloat16 (to nearest, ties to even), in the lower and the upper half of a
/// lane. What is not a number stays so.
#[inline(always)]
pub(super) fn pair(low: f32, high: f32) -> f32 {
    let rounded = |value: f32| {
        let bits = value.to_bits();
        let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
        if value.is_nan() { bits | 0x0040_0000 } else { nearest }
    };
    f32::from_bits(rounded(low) >> 16 | rounded(high) & 0xffff_0000)
}

/// Whether it pays to write `data` past the caches, and whether vectors from its start on, row by
/// row of `row` floats, are aligned for that.
pub(super) fn streams(data: &[f32], row: usize) -> bool {
    const CACHE_FLOATS: usize = 6 * 1024 * 1024;
    data.len() > CACHE_FLOATS && row.is_multiple_of(16) && data.as_ptr().addr().is_multiple_of(64)
}

/// Lanes of a vector of the instruction set.
pub(super) fn width(set: InstructionSet) -> usize {
    match set {
        InstructionSet::Avx512 | InstructionSet::Avx512Bf16 => 16,
        InstructionSet::Avx2 | InstructionSet::Portable => 8,
    }
}

/// eˣ.
///
/// x = k ln 2 + r with |r| ≤ ln 2 / 2, and eʳ by a polynomial of degree 6. The error is at most 2
/// units in the last place from -87 to 88; beyond, x is cut off there.
///
/// # Source
///
/// The method and coefficients of Cephes' `expf`, S. L. Moshier, <https://www.netlib.org/cephes/>.
#[inline(always)]
pub(super) unsafe fn exp<S: Simd>(x: S::Vector) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        let x = S::min(S::splat(88.0), S::max(S::splat(-87.0), x));
        // Adding 1.5 · 2^23 rounds to a whole number, which then stands in the last bits.
        let magic = S::splat(12_582_912.0);
        let shifted = S::fma(x, S::splat(std::f32::consts::LOG2_E), magic);
        let k = S::sub(shifted, magic);
        let r = S::fma(k, S::splat(-0.693_359_4), x);
        let r = S::fma(k, S::splat(2.121_944_4e-4), r);
        let mut p = S::splat(1.987_569_1e-4);
        for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = S::fma(p, r, S::splat(coefficient));
        }
        let p = S::add(S::fma(p, S::mul(r, r), r), S::splat(1.0));
        S::times_power_of_two(p, shifted)
    }
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub(super) unsafe fn sigmoid<S: Simd>(x: S::Vector) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        let one = S::splat(1.0);
        S::div(one, S::add(one, exp::<S>(S::sub(S::splat(0.0), x))))
    }
}
