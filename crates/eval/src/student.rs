//! Student's t distribution.

/// Two-sided p of `t` with `degrees` degrees of freedom: the probability of a value at least as far from zero.
///
/// `I_x(degrees / 2, 1 / 2)` with `x = degrees / (degrees + t^2)`.
pub(crate) fn two_sided_p(t: f64, degrees: f64) -> f64 {
    let square = t * t;
    if square.is_infinite() {
        return 0.0;
    }
    let whole = degrees + square;
    incomplete_beta(degrees / whole, square / whole, degrees / 2.0, 0.5).clamp(0.0, 1.0)
}

/// The t that is exceeded to either side with probability `p` in all, for p of 1e-6 and more.
///
/// Halved until no float lies between.
pub(crate) fn two_sided_quantile(p: f64, degrees: f64) -> f64 {
    // Of one degree of freedom it is 1 / tan(pi p / 2), of more it is smaller.
    let (mut low, mut high) = (0.0, 1e6);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if two_sided_p(middle, degrees) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// The regularized incomplete beta function `I_x(a, b)`; `rest` is `1 - x`.
///
/// # Source
/// DLMF, <https://dlmf.nist.gov/8.17>, equations 4 and 22.
fn incomplete_beta(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if rest <= 0.0 {
        return 1.0;
    }
    // The fraction converges fast on this side.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(rest, x, b, a);
    }
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = libm::exp(a * libm::log(x) + b * libm::log(rest) - log_beta) / a;
    front / continued_fraction(x, a, b)
}

/// `1 + d_1 / (1 + d_2 / (1 + ...))`, from its end.
fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    // The number of terms that it takes grows with the square root of the larger one.
    let num_pairs = 50 + 5 * a.max(b).sqrt().ceil() as usize;
    let mut fraction = 1.0;
    for pair in (0..=num_pairs).rev() {
        let m = pair as f64;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        fraction = 1.0 + odd / fraction;
        if pair > 0 {
            let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
            fraction = 1.0 + even / fraction;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_degrees_have_equations() {
        for t in [0.0_f64, 1e-9, 0.1, 1.0, 2.5, 40.0, 1e4] {
            // One: 1 - 2 atan(t) / pi. Two: 1 - t / sqrt(2 + t^2).
            let one = 2.0 * (1.0 / t).atan() / std::f64::consts::PI;
            assert!((two_sided_p(t, 1.0) - one).abs() < 1e-14, "{t}");
            let two = 1.0 - t / (2.0 + t * t).sqrt();
            assert!((two_sided_p(t, 2.0) - two).abs() < 1e-14, "{t}");
            assert_eq!(two_sided_p(t, 2.0), two_sided_p(-t, 2.0));
        }
        assert_eq!(two_sided_p(1e200, 7.0), 0.0);
    }

    #[test]
    fn many_degrees_are_normal() {
        let z = crate::wilson::Z;
        assert!((two_sided_p(z, 1e7) - 0.05).abs() < 1e-7);
        assert!((two_sided_quantile(0.05, 1e7) - z).abs() < 1e-6);
    }

    #[test]
    fn the_quantile_is_where_p_is() {
        // tan(0.475 pi) = 12.706...
        let t = (0.475 * std::f64::consts::PI).tan();
        assert!((two_sided_quantile(0.05, 1.0) - t).abs() < 1e-11);
        for degrees in [2.0, 3.0, 10.0, 355.0] {
            let t = two_sided_quantile(0.05, degrees);
            assert!((two_sided_p(t, degrees) - 0.05).abs() < 1e-13, "{degrees}");
        }
    }
}
