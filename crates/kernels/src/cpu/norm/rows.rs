//! The loops over pixels and channels.

use std::ops::Range;

use super::Coefficients;
use crate::cpu::Activation;
use crate::cpu::simd::{self, InstructionSet, Simd, for_each_instruction_set};

/// Pixels whose sums stay in registers; short sums of short sums round less.
const PIXELS: usize = 8;

/// As [`PIXELS`], of the backward pass, which has more to keep in registers.
const BACKWARD_PIXELS: usize = 4;

/// Pixels that are fetched ahead: the hardware alone is too slow.
const AHEAD: usize = 16;

/// Sums over the pixels of a chunk.
pub(super) struct Statistics<'a> {
    pub channels: usize,
    /// `[pixels, channels]`.
    pub x: &'a [f32],
}

impl Statistics<'_> {
    /// Adds, for each channel, the distances d from the first pixel and their squares.
    pub(super) fn run(&self, set: InstructionSet, sum: &mut [f32], squares: &mut [f32]) {
        let vectors = self.channels.next_multiple_of(simd::width(set));
        assert!(sum.len() >= vectors && squares.len() >= vectors);
        // SAFETY: the sums are padded to whole vectors; `set` comes from
        // `InstructionSet::current`.
        unsafe { statistics_on(set, self, sum.as_mut_ptr(), squares.as_mut_ptr()) }
    }
}

for_each_instruction_set! {
    fn statistics_on = statistics(part: &Statistics<'_>, sum: *mut f32, squares: *mut f32)
}

#[inline(always)]
unsafe fn statistics<S: Simd>(part: &Statistics<'_>, sum: *mut f32, squares: *mut f32) {
    let pixels = part.x.len() / part.channels;
    let mut pixel = 0;
    // SAFETY: the caller's; pixels and channels are those of the slice.
    unsafe {
        while pixel < pixels {
            let rows = PIXELS.min(pixels - pixel);
            let mut channel = 0;
            while channel < part.channels {
                let (sum, squares) = (sum.add(channel), squares.add(channel));
                let lanes = S::WIDTH.min(part.channels - channel);
                if lanes == S::WIDTH && rows == PIXELS {
                    add_distances::<S, PIXELS, false>(part, pixel, channel, lanes, sum, squares);
                } else if rows == PIXELS {
                    // The same order of sums as with vectors of another width.
                    add_distances::<S, PIXELS, true>(part, pixel, channel, lanes, sum, squares);
                } else {
                    for row in pixel..pixel + rows {
                        add_distances::<S, 1, true>(part, row, channel, lanes, sum, squares);
                    }
                }
                channel += S::WIDTH;
            }
            pixel += rows;
        }
    }
}

#[inline(always)]
unsafe fn add_distances<S: Simd, const ROWS: usize, const PARTIAL: bool>(
    part: &Statistics<'_>,
    pixel: usize,
    channel: usize,
    lanes: usize,
    sum: *mut f32,
    squares: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let ahead = AHEAD * part.channels;
        let origin = load::<S, PARTIAL>(part.x.as_ptr().add(channel), lanes);
        let (mut sums, mut products) = (S::splat(0.0), S::splat(0.0));
        for row in 0..ROWS {
            let source = part.x.as_ptr().add((pixel + row) * part.channels + channel);
            S::prefetch(source.wrapping_add(ahead));
            let distance = S::sub(load::<S, PARTIAL>(source, lanes), origin);
            sums = S::add(sums, distance);
            products = S::fma(distance, distance, products);
        }
        S::store(sum, S::add(S::load(sum), sums));
        S::store(squares, S::add(S::load(squares), products));
    }
}

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

const NONE: u8 = 0;
const RELU: u8 = 1;
const SILU: u8 = 2;
const RELU_OF_OUT: u8 = 3;

#[inline(always)]
unsafe fn any_forward<S: Simd>(part: &Forward<'_>, out: *mut f32) {
    // SAFETY: the caller's.
    unsafe {
        match (part.activation, part.residual) {
            (Activation::None, None) => forward::<S, NONE, false>(part, out),
            (Activation::Relu, None) => forward::<S, RELU, false>(part, out),
            (Activation::Silu, None) => forward::<S, SILU, false>(part, out),
            (Activation::None, Some(_)) => forward::<S, NONE, true>(part, out),
            (Activation::Relu, Some(_)) => forward::<S, RELU, true>(part, out),
            (Activation::Silu, Some(_)) => forward::<S, SILU, true>(part, out),
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
            SILU => S::mul(y, simd::sigmoid::<S>(y)),
            _ => y,
        };
        store::<S, PARTIAL>(out.add(at), y, lanes, part.stream);
    }
}

/// (x - mean) · scale + beta.
#[inline(always)]
unsafe fn normalise<S: Simd>(of: &Coefficients, x: S::Vector, channel: usize) -> S::Vector {
    // SAFETY: the caller's.
    unsafe {
        let distance = S::sub(x, S::load(of.mean.as_ptr().add(channel)));
        let scale = S::load(of.scale.as_ptr().add(channel));
        S::fma(distance, scale, S::load(of.beta.as_ptr().add(channel)))
    }
}

/// How the slope of the activation is found.
#[derive(Clone, Copy)]
pub(super) enum Activate {
    None,
    /// From the input.
    Relu,
    /// From the output, where a residual was added.
    ReluOfOut,
    Silu,
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
    grad_x: *mut f32,
    /// Whether `grad_x` is written past the caches.
    stream: bool,
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
    pub(super) fn sums(
        &self,
        set: InstructionSet,
        grad_sum: Option<&mut [f32]>,
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
            grad_x: pointer(grad_x),
            stream: false,
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
        self.run(set, Targets { grad_sum: null, grad_x, stream, sum: null, product: null });
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
            Activate::Silu => backward::<S, SILU>(part, targets),
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
            let rows = BACKWARD_PIXELS.min(pixels - pixel);
            let mut channel = 0;
            while channel < channels {
                if channel + S::WIDTH <= channels && rows == BACKWARD_PIXELS {
                    backward_vectors::<S, ACTIVATION, BACKWARD_PIXELS, false>(
                        part, targets, pixel, channel,
                    );
                } else if rows == BACKWARD_PIXELS {
                    backward_vectors::<S, ACTIVATION, BACKWARD_PIXELS, true>(
                        part, targets, pixel, channel,
                    );
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
                SILU => S::mul(grad, silu_slope::<S>(normalise::<S>(of, x, channel))),
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
                store::<S, PARTIAL>(targets.grad_sum.add(at), grads[row], lanes, false);
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
                store::<S, PARTIAL>(targets.grad_x.add(at), grad, lanes, targets.stream);
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

#[inline(always)]
unsafe fn load<S: Simd, const PARTIAL: bool>(source: *const f32, lanes: usize) -> S::Vector {
    // SAFETY: the caller's.
    unsafe { if PARTIAL { S::load_first(source, lanes) } else { S::load(source) } }
}

/// `stream` is for addresses that are multiples of the vector's size.
#[inline(always)]
unsafe fn store<S: Simd, const PARTIAL: bool>(
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
