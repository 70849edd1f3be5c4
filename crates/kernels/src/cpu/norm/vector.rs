//! What the passes do with a vector.

use super::coefficients::Coefficients;
use crate::cpu::simd::Simd;

/// Pixels that are fetched ahead: the hardware alone is too slow.
pub(super) const AHEAD: usize = 16;

/// Kinds of activation, as parameters of the passes.
pub(super) const NONE: u8 = 0;
pub(super) const RELU: u8 = 1;
pub(super) const SILU: u8 = 2;
pub(super) const RELU_OF_OUT: u8 = 3;
pub(super) const RELU6: u8 = 4;
pub(super) const GELU: u8 = 5;

/// (x - mean) · scale + beta.
#[inline(always)]
pub(super) unsafe fn normalise<S: Simd>(
    of: &Coefficients,
    x: S::Vector,
    channel: usize,
) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        let distance = S::sub(x, S::load(of.mean.as_ptr().add(channel)));
        let scale = S::load(of.scale.as_ptr().add(channel));
        S::fma(distance, scale, S::load(of.beta.as_ptr().add(channel)))
    }
}

#[inline(always)]
pub(super) unsafe fn load<S: Simd, const PARTIAL: bool>(
    source: *const f32,
    lanes: usize,
) -> S::Vector {
    // SAFETY: the caller's.
    unsafe { if PARTIAL { S::load_first(source, lanes) } else { S::load(source) } }
}

/// `stream` is for addresses that are multiples of the vector's size.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const PARTIAL: bool>(
    target: *mut f32,
    value: S::Vector,
    lanes: usize,
    stream: bool,
) {
    // SAFETY: the caller's.
    unsafe {
        if PARTIAL {
            S::store_first(target, value, lanes);
        } else if stream {
            S::stream(target, value);
        } else {
            S::store(target, value);
        }
    }
}
