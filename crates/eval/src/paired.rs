//! Tests of paired differences, and their correction for being many.

use serde::{Deserialize, Serialize};

/// Up to so many differences the signed-rank test is exact.
const MAX_EXACT: usize = 50;

/// Up to so many differences the permutation test is exact.
const MAX_PERMUTED: usize = 500;

/// Scores lie between 0 and 1; what is below this is rounding, not a difference.
pub const ROUNDING: f64 = 1e-12;

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
/// Differences of zero, which are those below [`ROUNDING`], are left out; equal ones, up to
/// [`ROUNDING`], share the mean of their ranks. Up to 50 differences p is exact: the share of all
/// assignments of signs to the ranks; above that the smaller sum is taken as normal, without a
/// correction for continuity, with mean `n (n + 1) / 4` and variance
/// `(n (n + 1) (2 n + 1) - sum (t^3 - t) / 2) / 24`, t being the sizes of the groups of equal
/// differences. `None` without a difference.
///
/// The test takes differences to be as likely up as down by the same amount when neither side is
/// better. That holds where both sides are made alike, but not for the mean of one seed against the
/// mean of five: see [`permutation`].
///
/// # Source
/// Wilcoxon, 1945, <https://doi.org/10.2307/3001968>; effect: Kerby, 2014. Parity with SciPy's
/// `wilcoxon(zero_method="wilcox", correction=False)` of differences rounded to 12 digits.
pub fn signed_rank(differences: &[f64]) -> Option<SignedRank> {
    let is_difference = |value: &f64| value.abs() >= ROUNDING;
    let mut ordered: Vec<f64> = differences.iter().copied().filter(is_difference).collect();
    ordered.sort_unstable_by(|one, other| one.abs().total_cmp(&other.abs()));
    if ordered.is_empty() {
        return None;
    }
    // Doubled, the ranks are whole numbers.
    let mut doubled_ranks = Vec::with_capacity(ordered.len());
    let mut ties = 0.0;
    for tied in ordered.chunk_by(|one, other| other.abs() - one.abs() < ROUNDING) {
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

/// Twice the probability that those of `values` that get a positive sign, each as likely as not, sum
/// up to at most `smaller`.
fn exact_p(values: &[usize], smaller: usize) -> f64 {
    let mut chances = vec![0.0; smaller + 1];
    chances[0] = 1.0;
    for &value in values {
        for sum in (0..chances.len()).rev() {
            let with = if sum >= value { chances[sum - value] } else { 0.0 };
            chances[sum] = (chances[sum] + with) / 2.0;
        }
    }
    (2.0 * chances.iter().sum::<f64>()).min(1.0)
}

fn normal_p(num: f64, ties: f64, statistic: f64) -> f64 {
    let mean = num * (num + 1.0) / 4.0;
    let variance = (num * (num + 1.0) * (2.0 * num + 1.0) - ties / 2.0) / 24.0;
    two_sided((statistic - mean) / variance.sqrt())
}

/// The probability that a standard normal value is at least as far from zero as `z`.
pub(crate) fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// A permutation test of paired differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Permutation {
    /// Two-sided p: the probability of a mean at least as far from zero if the sign of each difference
    /// were as likely to be the other.
    pub p: f64,
    /// `(S+ - S-) / (S+ + S-)` with the sums of the positive and of the negative differences: 1 when
    /// all are positive, -1 when all are negative.
    pub effect: f64,
}

/// The permutation test of paired `differences`, counted in whole steps, against a mean of zero.
///
/// Up to 500 differences other than zero p is exact: the share of all assignments of signs whose mean
/// is at least as far from zero; above that `sum d / sqrt(sum d^2)` is taken as normal. Of differences
/// of one step it is the exact McNemar test. `None` without a difference.
///
/// Unlike the signed-rank test it is about the mean, so that it need not matter that one side's score
/// of an image is the mean of more seeds: of two equal networks, one seed is often a little above the
/// mean of five and rarely far below it.
///
/// # Source
/// Fisher, 1935, *The Design of Experiments*, section 21; Pitman, 1937,
/// <https://doi.org/10.2307/2984124>. Parity with SciPy's
/// `permutation_test(permutation_type="samples")`.
pub fn permutation(differences: &[i64]) -> Option<Permutation> {
    let sum_of = |sign: i64| -> u64 {
        let of_sign = differences.iter().filter(|value| value.signum() == sign);
        of_sign.map(|value| value.unsigned_abs()).sum()
    };
    let (positive, negative) = (sum_of(1), sum_of(-1));
    let whole = positive + negative;
    if whole == 0 {
        return None;
    }
    let sizes: Vec<usize> = differences
        .iter()
        .filter(|value| **value != 0)
        .map(|value| value.unsigned_abs() as usize)
        .collect();
    let distance = positive as f64 - negative as f64;
    let p = match sizes.len() {
        ..=MAX_PERMUTED => exact_p(&sizes, positive.min(negative) as usize),
        _ => {
            let squares: f64 = sizes.iter().map(|&size| (size as f64) * (size as f64)).sum();
            two_sided(distance / squares.sqrt())
        }
    };
    Some(Permutation { p, effect: distance / whole as f64 })
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
    fn differences_of_rounding_are_zeros_and_ties() {
        // .1 + .2 - .3 is 5.6e-17: left out. 1 - .8 and .4 - .2 are both .2 and share the ranks 1 and
        // 2, whatever their last bits; .4 has rank 3. R- 1.5, R+ 4.5: of 8 sign patterns {} and
        // one of the two of 1.5 twice sum up to at most 1.5: p 2 * 3 / 8.
        let rounding = 0.1 + 0.2 - 0.3;
        let (one, other) = (1.0 - 0.8, 0.4 - 0.2);
        assert!(rounding != 0.0 && one != other);
        let found = signed_rank(&[rounding, one, -other, 0.4, -rounding]).unwrap();
        assert_eq!((found.statistic, found.p, found.effect), (1.5, 0.75, 0.5));
        assert_eq!(signed_rank(&[rounding, -9e-13]), None);
        assert_eq!(signed_rank(&[2e-12]).unwrap().p, 1.0);
    }

    #[test]
    fn means_are_permuted_by_hand() {
        // 1, 1, -2, 4: S- 2, S+ 6. Of 16 sign patterns {}, {1}, {1}, {1, 1}, {2} sum up to at most 2:
        // p 2 * 5 / 16; effect (6 - 2) / 8.
        let found = permutation(&[1, 0, -2, 1, 4]).unwrap();
        assert_eq!(found, Permutation { p: 0.625, effect: 0.5 });
        assert_eq!(permutation(&[-3]).unwrap(), Permutation { p: 1.0, effect: -1.0 });
        assert_eq!(permutation(&[0, 0]), None);
        // 600 differences of one step, 330 of them positive: z = 60 / sqrt(600).
        let many: Vec<i64> = (0..600).map(|idx| if idx < 330 { 1 } else { -1 }).collect();
        let p = permutation(&many).unwrap().p;
        assert!((p - two_sided(60.0 / 600f64.sqrt())).abs() < 1e-15 && (p - 0.0143).abs() < 1e-4);
    }

    #[test]
    fn of_single_steps_the_permutation_test_is_mcnemars() {
        for (only_first, only_second) in [(1, 3), (4, 4), (12, 0), (9, 31), (150, 190)] {
            let differences: Vec<i64> =
                [vec![1; only_first], vec![-1; only_second], vec![0; 7]].concat();
            let expected = mcnemar(only_first as u64, only_second as u64);
            let p = permutation(&differences).unwrap().p;
            assert!((p - expected).abs() < 1e-10, "{only_first} {only_second}: {p} {expected}");
        }
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
