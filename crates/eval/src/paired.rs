//! Tests of paired differences, and their correction for being many.

use serde::{Deserialize, Serialize};

/// Up to so many differences the signed-rank test is exact.
const MAX_EXACT: usize = 50;

/// A Wilcoxon signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SignedRank {
    /// The smaller of the sums of ranks of positive and of negative differences.
    pub statistic: f64,
    /// Two-sided p: the probability of a difference at least as large if neither side were better.
    pub p: f64,
    /// `(R+ - R-) / (R+ + R-)` with those sums, the matched-pairs rank-biserial correlation: 1 when
    /// all differences are positive, -1 when all are negative.
    pub effect: f64,
}

/// The Wilcoxon signed-rank test of `differences` against a median of zero.
///
/// Differences of zero are left out; equal ones share the mean of their ranks. Up to 50 differences
/// p is exact: the share of all assignments of signs to the ranks; above that the smaller sum is
/// taken as normal with mean `n (n + 1) / 4` and variance
/// `(n (n + 1) (2 n + 1) - sum (t^3 - t) / 2) / 24`, t being the sizes of the groups of equal
/// differences. `None` without a difference.
///
/// # Source
/// Wilcoxon, 1945, <https://doi.org/10.2307/3001968>; effect: Kerby, 2014. Parity with SciPy's
/// `wilcoxon(zero_method="wilcox", correction=False)`.
pub fn signed_rank(differences: &[f64]) -> Option<SignedRank> {
    let mut ordered: Vec<f64> = differences.iter().copied().filter(|value| *value != 0.0).collect();
    ordered.sort_unstable_by(|one, other| one.abs().total_cmp(&other.abs()));
    if ordered.is_empty() {
        return None;
    }
    // Doubled, the ranks are whole numbers.
    let mut doubled_ranks = Vec::with_capacity(ordered.len());
    let mut ties = 0.0;
    for tied in ordered.chunk_by(|one, other| one.abs() == other.abs()) {
        let doubled_rank = 2 * doubled_ranks.len() + tied.len() + 1;
        doubled_ranks.extend(std::iter::repeat_n(doubled_rank, tied.len()));
        let size = tied.len() as f64;
        ties += size * size * size - size;
    }
    let ranks = || ordered.iter().zip(&doubled_ranks);
    let positive: usize = ranks().filter(|(value, _)| **value > 0.0).map(|(_, rank)| rank).sum();
    let negative = doubled_ranks.iter().sum::<usize>() - positive;
    let smaller = positive.min(negative);
    let p = match ordered.len() {
        ..=MAX_EXACT => exact_p(&doubled_ranks, smaller),
        num => normal_p(num as f64, ties, smaller as f64 / 2.0),
    };
    Some(SignedRank {
        statistic: smaller as f64 / 2.0,
        p,
        effect: (positive as f64 - negative as f64) / (positive + negative) as f64,
    })
}

/// Twice the probability that the doubled ranks with a random sign sum up to at most `smaller`.
fn exact_p(doubled_ranks: &[usize], smaller: usize) -> f64 {
    let mut chances = vec![0.0; doubled_ranks.iter().sum::<usize>() + 1];
    chances[0] = 1.0;
    for &rank in doubled_ranks {
        for sum in (0..chances.len()).rev() {
            let with = if sum >= rank { chances[sum - rank] } else { 0.0 };
            chances[sum] = (chances[sum] + with) / 2.0;
        }
    }
    (2.0 * chances[..=smaller].iter().sum::<f64>()).min(1.0)
}

fn normal_p(num: f64, ties: f64, statistic: f64) -> f64 {
    let mean = num * (num + 1.0) / 4.0;
    let variance = (num * (num + 1.0) * (2.0 * num + 1.0) - ties / 2.0) / 24.0;
    let z = (statistic - mean).abs() / variance.sqrt();
    libm::erfc(z / std::f64::consts::SQRT_2)
}

/// The exact McNemar test: two-sided p of as uneven a split of the images that one side alone gets
/// right, if either were as likely; 1 without such images.
///
/// `min(1, 2 sum_{i <= min(b, c)} C(b + c, i) / 2^(b + c))`
///
/// # Source
/// McNemar, 1947, <https://doi.org/10.1007/BF02295996>. Parity with statsmodels'
/// `mcnemar(exact=True)`.
pub fn mcnemar(only_first: u64, only_second: u64) -> f64 {
    let num = (only_first + only_second) as f64;
    let log_factorial = |value: f64| libm::lgamma(value + 1.0);
    let chance = |count: u64| {
        let count = count as f64;
        let log_choose = log_factorial(num) - log_factorial(count) - log_factorial(num - count);
        libm::exp(log_choose - num * std::f64::consts::LN_2)
    };
    let tail: f64 = (0..=only_first.min(only_second)).map(chance).sum();
    (2.0 * tail).min(1.0)
}

/// Holm's correction: p values such that rejecting those below a level errs once in the whole family
/// with at most that probability.
///
/// The k-th smallest of m becomes the largest of `(m - j + 1) p_j` for j up to k, at most 1.
///
/// # Source
/// Holm, 1979. Parity with statsmodels' `multipletests(method="holm")`.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&one, &other| p[one].total_cmp(&p[other]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0f64;
    for (place, &idx) in order.iter().enumerate() {
        largest = largest.max((p.len() - place) as f64 * p[idx]).min(1.0);
        adjusted[idx] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_ranks_by_hand() {
        // |d| 1 2 3 4 with ranks 1 2 3 4, only the 2 negative: R- 2, R+ 8. Of 16 sign patterns those
        // with a sum of at most 2 are {}, {1}, {2}: p 2 * 3 / 16. Effect (8 - 2) / 10.
        let found = signed_rank(&[3.0, -2.0, 1.0, 0.0, 4.0]).unwrap();
        assert_eq!(found, SignedRank { statistic: 2.0, p: 0.375, effect: 0.6 });
        assert_eq!(signed_rank(&[0.0, -0.0]), None);
        assert_eq!(
            signed_rank(&[-5.0]).unwrap(),
            SignedRank { statistic: 0.0, p: 1.0, effect: -1.0 }
        );
    }

    #[test]
    fn uneven_splits_by_hand() {
        // 1 against 3: 2 (1 + 4) / 16
        assert!((mcnemar(1, 3) - 0.625).abs() < 1e-12);
        assert!((mcnemar(3, 1) - 0.625).abs() < 1e-12);
        assert_eq!(mcnemar(2, 2), 1.0);
        assert_eq!(mcnemar(0, 0), 1.0);
    }

    #[test]
    fn holm_steps_down_by_hand() {
        // Sorted .01 .02 .03: times 3, 2, 1: .03, .04, then not below .04.
        let adjusted = holm(&[0.03, 0.01, 0.02]);
        for (found, expected) in adjusted.iter().zip([0.04, 0.03, 0.04]) {
            assert!((found - expected).abs() < 1e-15);
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
