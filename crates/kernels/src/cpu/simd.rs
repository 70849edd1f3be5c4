//! Vectors of `f32`, and the choice of the instruction set at run time.
//!
//! A kernel is written once, generic over [`Simd`], `#[inline(always)]` throughout; the macro
//! [`for_each_instruction_set`] compiles it for each instruction set and picks one when it is
//! called.

mod portable;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::scoped::with_setting;
use std::cell::Cell;
use std::sync::OnceLock;

pub(super) use self::portable::Portable;
pub(super) use self::vector::{Simd, pair};
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
    /// The names that `DERMX_SIMD` may have.
    const NAMES: [(&str, Self); 4] = [
        ("avx512bf16", Self::Avx512Bf16),
        ("avx512", Self::Avx512),
        ("avx2", Self::Avx2),
        ("portable", Self::Portable),
    ];

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
    /// The variable is read once. Any other value is as if it were not set; see
    /// [`Self::check_setting`].
    pub fn current() -> Self {
        static CHOSEN: OnceLock<InstructionSet> = OnceLock::new();
        FORCED.get().unwrap_or_else(|| {
            *CHOSEN.get_or_init(|| Self::best_up_to(Self::named().unwrap_or(Self::Avx512Bf16)))
        })
    }

    /// Whether `DERMX_SIMD` is not set or names a set.
    ///
    /// # Errors
    /// What it is set to, and what it may be.
    pub fn check_setting() -> Result<(), String> {
        Self::named().map(drop)
    }

    /// The set that `DERMX_SIMD` names; the best where it is not set or empty.
    #[expect(clippy::disallowed_methods, reason = "every use of the kernels has to see it")]
    fn named() -> Result<Self, String> {
        let Some(name) = std::env::var_os("DERMX_SIMD").filter(|name| !name.is_empty()) else {
            return Ok(Self::Avx512Bf16);
        };
        let name = name.to_string_lossy();
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, set)| *set).ok_or_else(|| {
            let names = Self::NAMES.map(|(known, _)| known).join(", ");
            let name: String = name.chars().take(40).collect();
            format!("DERMX_SIMD is `{}`; it has to be one of {names}", name.escape_debug())
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

/// The tail of the normal distribution: Φ(-u) = e^(-u²/2) t P(t) with t = 1 / (1 + 0.34 u), the constant
/// coefficient of P last. P interpolates at the Chebyshev points of 0 ≤ u ≤ 13.2; the error is at most
/// 2.4e-7 of the value.
const NORMAL_TAIL: [f32; 9] = [
    -0.027_873_196,
    0.147_664_59,
    -0.289_211_63,
    0.219_603_09,
    -0.056_033_9,
    0.119_854_41,
    0.114_134_826,
    0.136_248_54,
    0.135_613_25,
];

/// Φ(x), and e^(-x²/2).
#[inline(always)]
unsafe fn normal<S: Simd>(x: S::Vector) -> [S::Vector; 2] {
    // SAFETY: the caller's.
    unsafe {
        let (zero, one) = (S::splat(0.0), S::splat(1.0));
        let distance = S::max(x, S::sub(zero, x));
        let bell = exp::<S>(S::mul(S::mul(distance, distance), S::splat(-0.5)));
        let t = S::div(one, S::fma(distance, S::splat(0.34), one));
        let mut p = S::splat(NORMAL_TAIL[0]);
        for coefficient in &NORMAL_TAIL[1..] {
            p = S::fma(p, t, S::splat(*coefficient));
        }
        let tail = S::mul(bell, S::mul(t, p));
        [S::where_above(x, zero, S::sub(one, tail), tail), bell]
    }
}

/// The Gaussian error linear unit, x Φ(x).
///
/// # Source
///
/// Hendrycks and Gimpel, 2016, <https://arxiv.org/abs/1606.08415>.
#[inline(always)]
pub(super) unsafe fn gelu<S: Simd>(x: S::Vector) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        let [share, _] = normal::<S>(x);
        S::mul(x, share)
    }
}

/// d(x Φ(x)) / dx = Φ(x) + x e^(-x²/2) / sqrt(2 π).
#[inline(always)]
pub(super) unsafe fn gelu_slope<S: Simd>(x: S::Vector) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        let [share, bell] = normal::<S>(x);
        S::fma(S::mul(x, bell), S::splat(0.398_942_3), share)
    }
}
