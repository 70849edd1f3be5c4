//! Vectors on any machine.

use super::vector::{Simd, pair};

/// Eight lanes that the compiler may or may not put into registers.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Portable;

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
    unsafe fn fma_pairs(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        let upper = |v: f32| f32::from_bits(v.to_bits() & 0xffff_0000);
        let lower = |v: f32| f32::from_bits(v.to_bits() << 16);
        // The product of two bfloat16 is exact: nothing is rounded that an `fma` would not round.
        std::array::from_fn(|lane| {
            let sum = c[lane] + upper(a[lane]) * upper(b[lane]);
            sum + lower(a[lane]) * lower(b[lane])
        })
    }
    #[inline(always)]
    unsafe fn pairs(low: [f32; 8], high: [f32; 8]) -> [f32; 8] {
        Self::zip(low, high, pair)
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
