//! The backward pass.

use std::ops::Range;

use super::coefficients::Coefficients;
use super::vector::{AHEAD, GELU, NONE, RELU, RELU_OF_OUT, RELU6, SILU, load, normalise, store};
use crate::cpu::simd::{self, InstructionSet, Simd, for_each_instruction_set};

/// Pixels whose sums stay in registers.
const PIXELS: usize = 4;

/// How the slope of the activation is found.
#[derive(Clone, Copy)]
pub(super) enum Activate {
    None,
    /// From the input.
    Relu,
    /// From the output, where a residual was added.
    ReluOfOut,
    /// From the input.
    Relu6,
    Silu,
    Gelu,
}

/// A backward pass, or a part of it.
#[derive(Clone, Copy)]
pub(super) struct Backward<'a> {
    pub activate: Activate,
    pub x: &'a [f32],
    pub out: Option<&'a [f32]>,
    pub grad_out: &'a [f32],
    pub coefficients: &'a Coefficients,
}

/// What a backward pass writes; null where it does not.
#[derive(Clone, Copy)]
struct Targets {
    grad_sum: *mut f32,
    /// Whether it is written past the caches.
    stream_sum: bool,
    grad_x: *mut f32,
    /// The same.
    stream_x: bool,
    sum: *mut f32,
    product: *mut f32,
}

impl Backward<'_> {
    pub(super) fn part(&self, range: Range<usize>) -> Self {
        let (x, grad_out) = (&self.x[range.clone()], &self.grad_out[range.clone()]);
        Self { x, grad_out, out: self.out.map(|out| &out[range]), ..*self }
    }

    /// Adds, for each channel, the gradients of the sum and their products with x - mean; writes
    /// the gradients of the sum and of the input where wanted.
    ///
    /// `stream`, of the gradient of the sum, only where [`simd::streams`] says so.
    pub(super) fn sums(
        &self,
        set: InstructionSet,
        grad_sum: Option<&mut [f32]>,
        stream: bool,
        grad_x: Option<&mut [f32]>,
        sum: &mut [f32],
        product: &mut [f32],
    ) {
        let padded = self.coefficients.mean.len();
        assert!(sum.len() >= padded && product.len() >= padded);
        let pointer = |grad: Option<&mut [f32]>| {
            assert!(grad.as_ref().is_none_or(|grad| grad.len() == self.x.len()));
            grad.map_or(std::ptr::null_mut(), |grad| grad.as_mut_ptr())
        };
        let targets = Targets {
            grad_sum: pointer(grad_sum),
            stream_sum: stream,
            grad_x: pointer(grad_x),
            stream_x: false,
            sum: sum.as_mut_ptr(),
            product: product.as_mut_ptr(),
        };
        self.run(set, targets);
    }

    /// Writes the gradient of the input.
    ///
    /// `stream` only where [`simd::streams`] says so.
    pub(super) fn input(&self, set: InstructionSet, grad_x: &mut [f32], stream: bool) {
        assert_eq!(grad_x.len(), self.x.len());
        let null = std::ptr::null_mut();
        let grad_x = grad_x.as_mut_ptr();
        let (sum, product) = (null, null);
        let targets =
            Targets { grad_sum: null, stream_sum: false, grad_x, stream_x: stream, sum, product };
        self.run(set, targets);
    }

    fn run(&self, set: InstructionSet, targets: Targets) {
        assert_eq!(self.x.len(), self.grad_out.len());
        assert!(self.out.is_none_or(|out| out.len() == self.x.len()));
        // SAFETY: the slices are of one length, coefficients and sums padded to whole vectors;
        // `set` comes from `InstructionSet::current`.
        unsafe { backward_on(set, self, targets) }
    }
}

for_each_instruction_set! {
    fn backward_on = any_backward(part: &Backward<'_>, targets: Targets)
}

#[inline(always)]
unsafe fn any_backward<S: Simd>(part: &Backward<'_>, targets: Targets) {
    // SAFETY: the caller's.
    unsafe {
        match part.activate {
            Activate::None => backward::<S, NONE>(part, targets),
            Activate::Relu => backward::<S, RELU>(part, targets),
            Activate::Relu6 => backward::<S, RELU6>(part, targets),
            Activate::Silu => backward::<S, SILU>(part, targets),
            Activate::Gelu => backward::<S, GELU>(part, targets),
            Activate::ReluOfOut => backward::<S, RELU_OF_OUT>(part, targets),
        }
    }
}

#[inline(always)]
unsafe fn backward<S: Simd, const ACTIVATION: u8>(part: &Backward<'_>, targets: Targets) {
    let channels = part.coefficients.channels;
    let pixels = part.x.len() / channels;
    let mut pixel = 0;
    // SAFETY: the caller's.
    unsafe {
        while pixel < pixels {
            let rows = PIXELS.min(pixels - pixel);
            let mut channel = 0;
            while channel < channels {
                if channel + S::WIDTH <= channels && rows == PIXELS {
                    backward_vectors::<S, ACTIVATION, PIXELS, false>(part, targets, pixel, channel);
                } else if rows == PIXELS {
                    backward_vectors::<S, ACTIVATION, PIXELS, true>(part, targets, pixel, channel);
                } else {
                    for row in pixel..pixel + rows {
                        backward_vectors::<S, ACTIVATION, 1, true>(part, targets, row, channel);
                    }
                }
                channel += S::WIDTH;
            }
            pixel += rows;
        }
        S::fence();
    }
}

#[inline(always)]
unsafe fn backward_vectors<
    S: Simd,
    const ACTIVATION: u8,
    const ROWS: usize,
    const PARTIAL: bool,
>(
    part: &Backward<'_>,
    targets: Targets,
    pixel: usize,
    channel: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let of = part.coefficients;
        let lanes = S::WIDTH.min(of.channels - channel);
        let mean = S::load(of.mean.as_ptr().add(channel));
        let ahead = AHEAD * of.channels;
        let mut grads = [S::splat(0.0); ROWS];
        let mut distances = [S::splat(0.0); ROWS];
        for row in 0..ROWS {
            let at = (pixel + row) * of.channels + channel;
            S::prefetch(part.x.as_ptr().wrapping_add(at + ahead));
            S::prefetch(part.grad_out.as_ptr().wrapping_add(at + ahead));
            let x = load::<S, PARTIAL>(part.x.as_ptr().add(at), lanes);
            distances[row] = S::sub(x, mean);
            let grad = load::<S, PARTIAL>(part.grad_out.as_ptr().add(at), lanes);
            grads[row] = match ACTIVATION {
                RELU => S::where_positive(normalise::<S>(of, x, channel), grad),
                RELU_OF_OUT => {
                    let out = part.out.map_or(part.x.as_ptr(), |out| out.as_ptr());
                    S::prefetch(out.wrapping_add(at + ahead));
                    S::where_positive(load::<S, PARTIAL>(out.add(at), lanes), grad)
                }
                RELU6 => {
                    let y = normalise::<S>(of, x, channel);
                    let below = S::where_positive(S::sub(S::splat(6.0), y), grad);
                    S::where_positive(y, below)
                }
                SILU => S::mul(grad, silu_slope::<S>(normalise::<S>(of, x, channel))),
                GELU => S::mul(grad, simd::gelu_slope::<S>(normalise::<S>(of, x, channel))),
                _ => grad,
            };
        }
        if !targets.sum.is_null() {
            let (sum, product) = (targets.sum.add(channel), targets.product.add(channel));
            let (mut sums, mut products) = (S::splat(0.0), S::splat(0.0));
            for row in 0..ROWS {
                sums = S::add(sums, grads[row]);
                products = S::fma(grads[row], distances[row], products);
            }
            S::store(sum, S::add(S::load(sum), sums));
            S::store(product, S::add(S::load(product), products));
        }
        if !targets.grad_sum.is_null() {
            for row in 0..ROWS {
                let at = (pixel + row) * of.channels + channel;
                store::<S, PARTIAL>(
                    targets.grad_sum.add(at),
                    grads[row],
                    lanes,
                    targets.stream_sum,
                );
            }
        }
        if !targets.grad_x.is_null() {
            let scale = S::load(of.scale.as_ptr().add(channel));
            let constant = S::load(of.constant.as_ptr().add(channel));
            let slope = S::load(of.slope.as_ptr().add(channel));
            for row in 0..ROWS {
                let at = (pixel + row) * of.channels + channel;
                let share = S::fma(distances[row], slope, constant);
                let grad = S::fma(grads[row], scale, share);
                store::<S, PARTIAL>(targets.grad_x.add(at), grad, lanes, targets.stream_x);
            }
        }
    }
}

/// d(y · sigmoid(y)) / dy = sigmoid(y) · (1 + y · (1 - sigmoid(y))).
#[inline(always)]
unsafe fn silu_slope<S: Simd>(y: S::Vector) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        let one = S::splat(1.0);
        let sigmoid = simd::sigmoid::<S>(y);
        S::mul(sigmoid, S::fma(y, S::sub(one, sigmoid), one))
    }
}
