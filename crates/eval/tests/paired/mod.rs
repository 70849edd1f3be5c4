//! Paired tests against SciPy and statsmodels.

use dermx_eval::{holm, mcnemar, permutation, signed_rank};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    wilcoxon: Vec<Wilcoxon>,
    /// Differences of shares, with rounding.
    shares: Vec<Wilcoxon>,
    permutation: Vec<Permuted>,
    mcnemar: Vec<Mcnemar>,
    holm: Vec<Holm>,
}

#[derive(Deserialize)]
struct Wilcoxon {
    differences: Vec<f64>,
    statistic: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Permuted {
    differences: Vec<i64>,
    p: f64,
}

#[derive(Deserialize)]
struct Mcnemar {
    only_first: u64,
    only_second: u64,
    p: f64,
}

#[derive(Deserialize)]
struct Holm {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

fn assert_close(found: f64, expected: f64, what: &str) {
    let is_close = (found - expected).abs() <= 1e-10 * expected.abs().max(1e-3);
    assert!(is_close, "{what}: {found}, expected {expected}");
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

#[test]
fn signed_rank_tests_are_those_of_scipy() {
    let cases = golden().wilcoxon;
    assert!(cases.len() >= 36);
    for case in cases {
        let found = signed_rank(&case.differences).unwrap();
        let what = format!("{} differences", case.differences.len());
        assert_close(found.statistic, case.statistic, &what);
        assert_close(found.p, case.p, &what);
        let negated: Vec<f64> = case.differences.iter().map(|value| -value).collect();
        let back = signed_rank(&negated).unwrap();
        assert_eq!((back.p, back.effect), (found.p, -found.effect));
    }
}

#[test]
fn signed_rank_tests_of_rounded_shares_are_those_of_scipy() {
    let cases = golden().shares;
    assert_eq!(cases.len(), 3);
    for case in cases {
        let found = signed_rank(&case.differences).unwrap();
        assert_eq!(found.statistic, case.statistic);
        assert_close(found.p, case.p, &format!("{} differences", case.differences.len()));
    }
}

#[test]
fn permutation_tests_are_those_of_scipy() {
    let cases = golden().permutation;
    assert!(cases.len() >= 10);
    for case in cases {
        let found = permutation(&case.differences).unwrap();
        assert_close(found.p, case.p, &format!("{:?}", case.differences));
    }
}

#[test]
fn mcnemar_tests_are_those_of_statsmodels() {
    for case in golden().mcnemar {
        let what = format!("{} against {}", case.only_first, case.only_second);
        assert_close(mcnemar(case.only_first, case.only_second), case.p, &what);
    }
}

#[test]
fn corrected_p_values_are_those_of_statsmodels() {
    for case in golden().holm {
        for (found, expected) in holm(&case.p).iter().zip(&case.adjusted) {
            assert_close(*found, *expected, &format!("{:?}", case.p));
        }
    }
}
