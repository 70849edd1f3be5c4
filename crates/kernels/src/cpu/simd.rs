//! Vectors of `f32`, and the choice of the instruction set at run time.
//!
//! A kernel is written once, generic over [`Simd`], `#[inline(always)]` throughout; the macro
//! [`for_each_instruction_set`] compiles it for each instruction set and picks one when it is
//! called.

use std::cell::Cell;
use std::sync::OnceLock;

/// What the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// What every machine of the target has.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, VL, BW and DQ.
    Avx512,
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
                }
            }
        }
        sets
    }

    /// The set that kernels called from this thread use: the best one of the machine that is not
    /// better than the one named by `DERMX_SIMD` (`avx512`, `avx2` or `portable`).
    ///
    /// The variable is read once. Any other value is as if it were not set.
    pub fn current() -> Self {
        static CHOSEN: OnceLock<InstructionSet> = OnceLock::new();
        FORCED.get().unwrap_or_else(|| {
            *CHOSEN.get_or_init(|| match std::env::var("DERMX_SIMD").as_deref() {
                Ok("portable") => Self::Portable,
                Ok("avx2") => Self::best_up_to(Self::Avx2),
                _ => Self::best_up_to(Self::Avx512),
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
    struct Restore(Option<InstructionSet>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _restore = Restore(FORCED.replace(Some(InstructionSet::best_up_to(set))));
    f()
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

/// Eight lanes that the compiler may or may not put into registers.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Portable {
    #[inline(always)]
    fn zip(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
        std::array::from_fn(|lane| f(a[lane], b[lane]))
    }
}

// SAFETY (of the accesses): the caller vouches for the lanes accessed.
impl Simd for Portable {
    type Vector = [f32; 8];
    const WIDTH: usize = 8;
    const ROWS: [usize; 3] = [4, 2, 2];

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 8] {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn load(source: *const f32) -> [f32; 8] {
        unsafe { source.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(target: *mut f32, value: [f32; 8]) {
        unsafe { target.cast::<[f32; 8]>().write_unaligned(value) }
    }
    #[inline(always)]
    unsafe fn load_first(source: *const f32, len: usize) -> [f32; 8] {
        let mut value = [0.0; 8];
        for (lane, value) in value[..len].iter_mut().enumerate() {
            *value = unsafe { *source.add(lane) };
        }
        value
    }
    #[inline(always)]
    unsafe fn store_first(target: *mut f32, value: [f32; 8], len: usize) {
        for (lane, value) in value[..len].iter().enumerate() {
            unsafe { *target.add(lane) = *value };
        }
    }
    #[inline(always)]
    unsafe fn stream(target: *mut f32, value: [f32; 8]) {
        unsafe { Self::store(target, value) }
    }
    #[inline(always)]
    unsafe fn fence() {}
    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        // `mul_add` is a call into the C library where the target has no such instruction.
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
        } else {
            std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
        }
    }
    #[inline(always)]
    unsafe fn max(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        Self::zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn where_positive(condition: [f32; 8], value: [f32; 8]) -> [f32; 8] {
        Self::zip(condition, value, |condition, value| if condition > 0.0 { value } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn where_equal(a: [f32; 8], b: [f32; 8], value: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| if a[lane] == b[lane] { value[lane] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn where_above(a: [f32; 8], b: [f32; 8], yes: [f32; 8], no: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| {
            let above = a[lane] > b[lane] || (a[lane].is_nan() && !b[lane].is_nan());
            if above { yes[lane] } else { no[lane] }
        })
    }
    #[inline(always)]
    unsafe fn times_power_of_two(value: [f32; 8], shifted: [f32; 8]) -> [f32; 8] {
        Self::zip(value, shifted, |value, shifted| {
            value * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()))
        })
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Simd;

    #[derive(Clone, Copy)]
    pub struct Avx512;

    /// The first `len` lanes of sixteen.
    #[inline(always)]
    fn mask16(len: usize) -> __mmask16 {
        ((1u32 << len) - 1) as __mmask16
    }

    // SAFETY (of the intrinsics and accesses): the caller vouches for the instruction set and for
    // the lanes accessed; masked lanes are not accessed.
    impl Simd for Avx512 {
        type Vector = __m512;
        const WIDTH: usize = 16;
        const ROWS: [usize; 3] = [28, 14, 9];

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(source: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(source) }
        }
        #[inline(always)]
        unsafe fn store(target: *mut f32, value: __m512) {
            unsafe { _mm512_storeu_ps(target, value) }
        }
        #[inline(always)]
        unsafe fn load_first(source: *const f32, len: usize) -> __m512 {
            unsafe { _mm512_maskz_loadu_ps(mask16(len), source) }
        }
        #[inline(always)]
        unsafe fn store_first(target: *mut f32, value: __m512, len: usize) {
            unsafe { _mm512_mask_storeu_ps(target, mask16(len), value) }
        }
        #[inline(always)]
        unsafe fn prefetch(address: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
        }
        #[inline(always)]
        unsafe fn stream(target: *mut f32, value: __m512) {
            unsafe { _mm512_stream_ps(target, value) }
        }
        #[inline(always)]
        unsafe fn fence() {
            unsafe { _mm_sfence() }
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn div(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_div_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn max(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn min(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_min_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn where_positive(condition: __m512, value: __m512) -> __m512 {
            unsafe {
                let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(condition, _mm512_setzero_ps());
                _mm512_maskz_mov_ps(mask, value)
            }
        }
        #[inline(always)]
        unsafe fn where_equal(a: __m512, b: __m512, value: __m512) -> __m512 {
            unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), value) }
        }
        #[inline(always)]
        unsafe fn where_above(a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
            unsafe {
                let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(b, b);
                let above = _mm512_mask_cmp_ps_mask::<_CMP_NLE_UQ>(number, a, b);
                _mm512_mask_blend_ps(above, no, yes)
            }
        }
        #[inline(always)]
        unsafe fn times_power_of_two(value: __m512, shifted: __m512) -> __m512 {
            unsafe {
                let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(shifted));
                let one = _mm512_castps_si512(_mm512_set1_ps(1.0));
                let power = _mm512_castsi512_ps(_mm512_add_epi32(exponent, one));
                _mm512_mul_ps(value, power)
            }
        }
    }

    #[derive(Clone, Copy)]
    pub struct Avx2;

    /// Masks for the first 0 to 8 lanes, read at offset 8 - `len`.
    static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

    #[inline(always)]
    unsafe fn mask8(len: usize) -> __m256i {
        debug_assert!(len <= 8);
        // SAFETY: 8 values from an offset of at most 8 are within the 16.
        unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - len).cast()) }
    }

    // SAFETY (of the intrinsics and accesses): as above.
    impl Simd for Avx2 {
        type Vector = __m256;
        const WIDTH: usize = 8;
        const ROWS: [usize; 3] = [12, 6, 4];

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(source: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(source) }
        }
        #[inline(always)]
        unsafe fn store(target: *mut f32, value: __m256) {
            unsafe { _mm256_storeu_ps(target, value) }
        }
        #[inline(always)]
        unsafe fn load_first(source: *const f32, len: usize) -> __m256 {
            unsafe { _mm256_maskload_ps(source, mask8(len)) }
        }
        #[inline(always)]
        unsafe fn store_first(target: *mut f32, value: __m256, len: usize) {
            unsafe { _mm256_maskstore_ps(target, mask8(len), value) }
        }
        #[inline(always)]
        unsafe fn prefetch(address: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
        }
        #[inline(always)]
        unsafe fn stream(target: *mut f32, value: __m256) {
            unsafe { _mm256_stream_ps(target, value) }
        }
        #[inline(always)]
        unsafe fn fence() {
            unsafe { _mm_sfence() }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn div(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_div_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn max(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_max_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn min(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_min_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn where_positive(condition: __m256, value: __m256) -> __m256 {
            unsafe {
                let mask = _mm256_cmp_ps::<_CMP_GT_OQ>(condition, _mm256_setzero_ps());
                _mm256_and_ps(mask, value)
            }
        }
        #[inline(always)]
        unsafe fn where_equal(a: __m256, b: __m256, value: __m256) -> __m256 {
            unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b), value) }
        }
        #[inline(always)]
        unsafe fn where_above(a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 {
            unsafe {
                let number = _mm256_cmp_ps::<_CMP_ORD_Q>(b, b);
                let above = _mm256_and_ps(number, _mm256_cmp_ps::<_CMP_NLE_UQ>(a, b));
                _mm256_blendv_ps(no, yes, above)
            }
        }
        #[inline(always)]
        unsafe fn times_power_of_two(value: __m256, shifted: __m256) -> __m256 {
            unsafe {
                let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(shifted));
                let one = _mm256_castps_si256(_mm256_set1_ps(1.0));
                let power = _mm256_castsi256_ps(_mm256_add_epi32(exponent, one));
                _mm256_mul_ps(value, power)
            }
        }
    }
}

/// Defines `unsafe fn name(set, arguments…)`, which calls `generic::<S>(arguments…)` compiled for
/// the instruction set.
///
/// # Safety
///
/// `set` must be one that the machine has, as [`InstructionSet::current`] gives it, and the
/// arguments as `generic` wants them.
macro_rules! for_each_instruction_set {
    ($visibility:vis fn $name:ident = $generic:ident($($argument:ident: $type:ty),* $(,)?)) => {
        #[allow(clippy::too_many_arguments, reason = "the operands of a kernel")]
        $visibility unsafe fn $name(set: $crate::cpu::simd::InstructionSet, $($argument: $type),*) {
            use $crate::cpu::simd::{self, InstructionSet};

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            unsafe fn avx512($($argument: $type),*) {
                // SAFETY: the caller's.
                unsafe { $generic::<simd::Avx512>($($argument),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($argument: $type),*) {
                // SAFETY: the caller's.
                unsafe { $generic::<simd::Avx2>($($argument),*) }
            }
            // SAFETY: the caller's, and the machine has the instruction set.
            unsafe {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512 => avx512($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => avx2($($argument),*),
                    _ => $generic::<simd::Portable>($($argument),*),
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
        InstructionSet::Avx512 => 16,
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
