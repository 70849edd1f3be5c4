//! The transforms of a line of M outputs, T = M + 2 inputs and three weights.

use crate::cpu::simd::Simd;

/// The outputs are Aᵀ((G g) ⊙ (Bᵀ d)) of weights g and inputs d.
pub(super) trait Lines<const M: usize, const T: usize> {
    /// G g.
    unsafe fn kernel<S: Simd>(weights: [S::Vector; 3]) -> [S::Vector; T];
    /// Bᵀ d.
    unsafe fn input<S: Simd>(inputs: [S::Vector; T]) -> [S::Vector; T];
    /// Aᵀ m.
    unsafe fn output<S: Simd>(products: [S::Vector; T]) -> [S::Vector; M];
    /// Gᵀ m.
    unsafe fn kernel_transposed<S: Simd>(sums: [S::Vector; T]) -> [S::Vector; 3];
    /// A y.
    unsafe fn output_transposed<S: Simd>(gradients: [S::Vector; M]) -> [S::Vector; T];
}

/// Two outputs, by way of the points 0, 1, -1 and infinity.
pub(super) struct F2;

impl Lines<2, 4> for F2 {
    #[inline(always)]
    unsafe fn kernel<S: Simd>([a, b, c]: [S::Vector; 3]) -> [S::Vector; 4] {
        // SAFETY: the caller's.
        unsafe {
            let (half, ends) = (S::splat(0.5), S::add(a, c));
            [a, S::mul(half, S::add(ends, b)), S::mul(half, S::sub(ends, b)), c]
        }
    }

    #[inline(always)]
    unsafe fn input<S: Simd>([a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 4] {
        // SAFETY: the caller's.
        unsafe { [S::sub(a, c), S::add(b, c), S::sub(c, b), S::sub(b, d)] }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>([a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 2] {
        // SAFETY: the caller's.
        unsafe { [S::add(S::add(a, b), c), S::sub(S::sub(b, c), d)] }
    }

    #[inline(always)]
    unsafe fn kernel_transposed<S: Simd>([a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 3] {
        // SAFETY: the caller's.
        unsafe {
            let half = S::splat(0.5);
            let (even, odd) = (S::mul(half, S::add(b, c)), S::mul(half, S::sub(b, c)));
            [S::add(a, even), odd, S::add(even, d)]
        }
    }

    #[inline(always)]
    unsafe fn output_transposed<S: Simd>([a, b]: [S::Vector; 2]) -> [S::Vector; 4] {
        // SAFETY: the caller's.
        unsafe { [a, S::add(a, b), S::sub(a, b), S::sub(S::splat(0.0), b)] }
    }
}

/// Four outputs, by way of the points 0, ±[`P`], ±[`Q`] and infinity.
pub(super) struct F4;

/// With points 2/3 and 3/2 errors are less than half as large as with the usual 1 and 2.
const P: f64 = 2.0 / 3.0;
const Q: f64 = 1.0 / P;
const P2: f64 = P * P;
const Q2: f64 = Q * Q;

/// Of the weights at the points ±`p`.
fn factor(p: f64, q: f64) -> f64 {
    1.0 / (2.0 * p * p * (p * p - q * q))
}

impl Lines<4, 6> for F4 {
    #[inline(always)]
    unsafe fn kernel<S: Simd>([a, b, c]: [S::Vector; 3]) -> [S::Vector; 6] {
        // SAFETY: the caller's.
        unsafe {
            // (a ± p b + p² c) / (2 p² (p² - q²)), and the same of q and p.
            let pair = |p: f64, q: f64| {
                let [one, two, three] =
                    [1.0, p, p * p].map(|x| S::splat((factor(p, q) * x) as f32));
                let (even, odd) = (S::fma(c, three, S::mul(a, one)), S::mul(b, two));
                (S::add(even, odd), S::sub(even, odd))
            };
            let ((p, minus_p), (q, minus_q)) = (pair(P, Q), pair(Q, P));
            [a, p, minus_p, q, minus_q, c]
        }
    }

    #[inline(always)]
    unsafe fn input<S: Simd>([a, b, c, d, e, f]: [S::Vector; 6]) -> [S::Vector; 6] {
        // SAFETY: the caller's.
        unsafe {
            // x⁴ - q² x² ± p (x³ - q² x), and the same of q and p.
            let pair = |p: f64, q2: f64| {
                let minus_q2 = S::splat(-q2 as f32);
                let (even, odd) = (S::fma(c, minus_q2, e), S::fma(b, minus_q2, d));
                (S::fma(odd, S::splat(p as f32), even), S::fma(odd, S::splat(-p as f32), even))
            };
            let ((p, minus_p), (q, minus_q)) = (pair(P, Q2), pair(Q, P2));
            // p² q² = 1.
            let sum = S::splat(-(P2 + Q2) as f32);
            let zero = S::fma(c, sum, S::add(a, e));
            [zero, p, minus_p, q, minus_q, S::fma(d, sum, S::add(b, f))]
        }
    }

    #[inline(always)]
    unsafe fn output<S: Simd>([a, b, c, d, e, f]: [S::Vector; 6]) -> [S::Vector; 4] {
        // SAFETY: the caller's.
        unsafe {
            let (even_p, odd_p) = (S::add(b, c), S::sub(b, c));
            let (even_q, odd_q) = (S::add(d, e), S::sub(d, e));
            let sum = |p: f64, of_p: S::Vector, q: f64, of_q: S::Vector| {
                S::fma(of_p, S::splat(p as f32), S::mul(of_q, S::splat(q as f32)))
            };
            [
                S::add(a, S::add(even_p, even_q)),
                sum(P, odd_p, Q, odd_q),
                sum(P2, even_p, Q2, even_q),
                S::add(f, sum(P * P2, odd_p, Q * Q2, odd_q)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn kernel_transposed<S: Simd>([a, b, c, d, e, f]: [S::Vector; 6]) -> [S::Vector; 3] {
        // SAFETY: the caller's.
        unsafe {
            let (even_p, odd_p) = (S::add(b, c), S::sub(b, c));
            let (even_q, odd_q) = (S::add(d, e), S::sub(d, e));
            let sum = |power: i32, of_p: S::Vector, of_q: S::Vector| {
                let [p, q] =
                    [(P, Q), (Q, P)].map(|(p, q)| S::splat((factor(p, q) * p.powi(power)) as f32));
                S::fma(of_p, p, S::mul(of_q, q))
            };
            [
                S::add(a, sum(0, even_p, even_q)),
                sum(1, odd_p, odd_q),
                S::add(f, sum(2, even_p, even_q)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn output_transposed<S: Simd>([a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 6] {
        // SAFETY: the caller's.
        unsafe {
            // a + p² c ± (p b + p³ d), and the same of q.
            let pair = |p: f64| {
                let [one, two, three] = [1, 2, 3].map(|power| S::splat(p.powi(power) as f32));
                let (even, odd) = (S::fma(c, two, a), S::fma(d, three, S::mul(b, one)));
                (S::add(even, odd), S::sub(even, odd))
            };
            let ((p, minus_p), (q, minus_q)) = (pair(P), pair(Q));
            [a, p, minus_p, q, minus_q, d]
        }
    }
}
