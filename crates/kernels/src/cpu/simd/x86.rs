//! Vectors of x86-64.

use std::arch::x86_64::*;

use super::vector::Simd;

/// AVX-512; if `BF16`, with its instruction for products of pairs.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct AnyAvx512<const BF16: bool>;

pub(in crate::cpu) type Avx512 = AnyAvx512<false>;
pub(in crate::cpu) type Avx512Bf16 = AnyAvx512<true>;

/// The first `len` lanes of sixteen.
#[inline(always)]
fn mask16(len: usize) -> __mmask16 {
    ((1u32 << len) - 1) as __mmask16
}

/// See [`Simd::fence`]; Miri does not know it, and sees streamed values at once.
#[inline(always)]
fn fence() {
    // SAFETY: SSE, which every x86-64 has.
    #[cfg(not(miri))]
    unsafe {
        _mm_sfence()
    };
}

/// The upper half of each lane as a number: a bfloat16 is the upper half of an `f32`.
#[inline(always)]
unsafe fn upper512(v: __m512) -> __m512 {
    unsafe {
        let mask = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
        _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(v), mask))
    }
}

/// The lower half of each lane, likewise.
#[inline(always)]
unsafe fn lower512(v: __m512) -> __m512 {
    unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(v))) }
}

/// Lanes whose upper half is the nearest bfloat16; see [`super::vector::pair`].
#[inline(always)]
unsafe fn rounded512(v: __m512) -> __m512i {
    unsafe {
        let bits = _mm512_castps_si512(v);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let half = _mm512_add_epi32(_mm512_set1_epi32(0x7fff), odd);
        let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
        let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x0040_0000));
        _mm512_mask_blend_epi32(nan, _mm512_add_epi32(bits, half), quiet)
    }
}

// SAFETY (of the intrinsics and accesses): the caller vouches for the instruction set and for
// the lanes accessed; masked lanes are not accessed.
impl<const BF16: bool> Simd for AnyAvx512<BF16> {
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
        fence();
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
    unsafe fn fma_pairs(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe {
            if BF16 {
                // The same bits in registers of another type.
                let [a, b]: [__m512bh; 2] = std::mem::transmute([a, b]);
                return _mm512_dpbf16_ps(c, a, b);
            }
            let sum = _mm512_fmadd_ps(upper512(a), upper512(b), c);
            _mm512_fmadd_ps(lower512(a), lower512(b), sum)
        }
    }
    #[inline(always)]
    unsafe fn pairs(low: __m512, high: __m512) -> __m512 {
        unsafe {
            let low = _mm512_srli_epi32::<16>(rounded512(low));
            let high = _mm512_castsi512_ps(rounded512(high));
            let high = _mm512_castps_si512(upper512(high));
            _mm512_castsi512_ps(_mm512_or_si512(low, high))
        }
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
pub(in crate::cpu) struct Avx2;

/// Masks for the first 0 to 8 lanes, read at offset 8 - `len`.
static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[inline(always)]
unsafe fn mask8(len: usize) -> __m256i {
    debug_assert!(len <= 8);
    // SAFETY: 8 values from an offset of at most 8 are within the 16.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - len).cast()) }
}

/// The upper half of each lane as a number: a bfloat16 is the upper half of an `f32`.
#[inline(always)]
unsafe fn upper256(v: __m256) -> __m256 {
    unsafe {
        let mask = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
        _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(v), mask))
    }
}

/// The lower half of each lane, likewise.
#[inline(always)]
unsafe fn lower256(v: __m256) -> __m256 {
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(v))) }
}

/// Lanes whose upper half is the nearest bfloat16; see [`super::vector::pair`].
#[inline(always)]
unsafe fn rounded256(v: __m256) -> __m256i {
    unsafe {
        let bits = _mm256_castps_si256(v);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let half = _mm256_add_epi32(_mm256_set1_epi32(0x7fff), odd);
        let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
        let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x0040_0000));
        _mm256_blendv_epi8(_mm256_add_epi32(bits, half), quiet, nan)
    }
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
        fence();
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
    unsafe fn fma_pairs(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe {
            let sum = _mm256_fmadd_ps(upper256(a), upper256(b), c);
            _mm256_fmadd_ps(lower256(a), lower256(b), sum)
        }
    }
    #[inline(always)]
    unsafe fn pairs(low: __m256, high: __m256) -> __m256 {
        unsafe {
            let low = _mm256_srli_epi32::<16>(rounded256(low));
            let high = _mm256_castsi256_ps(rounded256(high));
            let high = _mm256_castps_si256(upper256(high));
            _mm256_castsi256_ps(_mm256_or_si256(low, high))
        }
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
