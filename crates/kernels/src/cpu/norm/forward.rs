//! The forward pass.

use super::coefficients::Coefficients;
use super::vector::{GELU, NONE, RELU, RELU6, SILU, load, normalise, store};
use crate::cpu::Activation;
use crate::cpu::simd::{self, InstructionSet, Simd, for_each_instruction_set};

/// The forward pass of a chunk.
pub(super) struct Forward<'a> {
    pub activation: Activation,
    pub channels: usize,
    pub x: &'a [f32],
    pub residual: Option<&'a [f32]>,
    pub coefficients: &'a Coefficients,
    /// Whether the output is written past the caches.
    pub stream: bool,
}

impl Forward<'_> {
    pub(super) fn run(&self, set: InstructionSet, out: &mut [f32]) {
        assert_eq!(out.len(), self.x.len());
        assert!(self.residual.is_none_or(|residual| residual.len() == self.x.len()));
        // SAFETY: the slices are of one length, and the coefficients are padded to whole vectors;
        // `set` comes from `InstructionSet::current`.
        unsafe { forward_on(set, self, out.as_mut_ptr()) }
    }
}

for_each_instruction_set! {
    fn forward_on = any_forward(part: &Forward<'_>, out: *mut f32)
}

#[inline(always)]
unsafe fn any_forward<S: Simd>(part: &Forward<'_>, out: *mut f32) {
    // SAFETY: the caller's.
    unsafe {
        match (part.activation, part.residual) {
            (Activation::None, None) => forward::<S, NONE, false>(part, out),
            (Activation::Relu, None) => forward::<S, RELU, false>(part, out),
            (Activation::Relu6, None) => forward::<S, RELU6, false>(part, out),
            (Activation::Silu, None) => forward::<S, SILU, false>(part, out),
            (Activation::Gelu, None) => forward::<S, GELU, false>(part, out),
            (Activation::None, Some(_)) => forward::<S, NONE, true>(part, out),
            (Activation::Relu, Some(_)) => forward::<S, RELU, true>(part, out),
            (Activation::Relu6, Some(_)) => forward::<S, RELU6, true>(part, out),
            (Activation::Silu, Some(_)) => forward::<S, SILU, true>(part, out),
            (Activation::Gelu, Some(_)) => forward::<S, GELU, true>(part, out),
        }
    }
}

#[inline(always)]
unsafe fn forward<S: Simd, const ACTIVATION: u8, const RESIDUAL: bool>(
    part: &Forward<'_>,
    out: *mut f32,
) {
    let mut start = 0;
    // SAFETY: the caller's.
    unsafe {
        while start < part.x.len() {
            let mut channel = 0;
            while channel + S::WIDTH <= part.channels {
                forward_vector::<S, ACTIVATION, RESIDUAL, false>(part, out, start, channel);
                channel += S::WIDTH;
            }
            if channel < part.channels {
                forward_vector::<S, ACTIVATION, RESIDUAL, true>(part, out, start, channel);
            }
            start += part.channels;
        }
        S::fence();
    }
}

#[inline(always)]
unsafe fn forward_vector<
    S: Simd,
    const ACTIVATION: u8,
    const RESIDUAL: bool,
    const PARTIAL: bool,
>(
    part: &Forward<'_>,
    out: *mut f32,
    start: usize,
    channel: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let (at, lanes) = (start + channel, part.channels - channel);
        let x = load::<S, PARTIAL>(part.x.as_ptr().add(at), lanes);
        let mut y = normalise::<S>(part.coefficients, x, channel);
        if RESIDUAL && let Some(residual) = part.residual {
            y = S::add(y, load::<S, PARTIAL>(residual.as_ptr().add(at), lanes));
        }
        let y = match ACTIVATION {
            RELU => S::max(S::splat(0.0), y),
            RELU6 => S::min(S::splat(6.0), S::max(S::splat(0.0), y)),
            SILU => S::mul(y, simd::sigmoid::<S>(y)),
            GELU => simd::gelu::<S>(y),
            _ => y,
        };
        store::<S, PARTIAL>(out.add(at), y, lanes, part.stream);
    }
}
