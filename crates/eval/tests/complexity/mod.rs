//! How concentrated maps are against SciPy and Quantus, and what holds for every map.

use crate::close::assert_close;
use dermx_eval::{ComplexityScores, complexity_scores, fuzzy_scores};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    values: Vec<f64>,
    mask: Vec<u8>,
    /// By definition; absent, as the next ones, of an all-zero map.
    gini: Option<f64>,
    /// SciPy's.
    entropy: Option<f64>,
    /// Quantus' from here on.
    sparseness: Option<f64>,
    complexity: Option<f64>,
    localisation: Option<f64>,
    effective_complexity: f64,
}

#[test]
fn complexity_scores_are_those_of_scipy_and_quantus() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(cases.len(), 10);
    for (idx, case) in cases.iter().enumerate() {
        let found = complexity_scores(&case.values).unwrap();
        assert_close(&[found.sparseness, found.complexity], &[case.gini, case.entropy], 1e-12, idx);
        assert_eq!(found.effective_complexity, Some(case.effective_complexity), "{idx}");
        // Quantus adds 1e-7 to pixels of which the largest is 1.
        let added = 1e-7 * case.values.len() as f64;
        assert_close(&[found.sparseness], &[case.sparseness], added, idx);
        assert_close(&[found.complexity], &[case.complexity], 1e-9, idx);
    }
}

/// Quantus' attribution localisation is a score that is there already, under another name.
#[test]
fn attribution_localisation_is_the_mass_in_the_mask() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    let mut num_compared = 0;
    for (idx, case) in cases.iter().enumerate() {
        let largest = case.values.iter().copied().fold(0.0, f64::max);
        if largest > 0.0 && case.mask.contains(&1) {
            let unit: Vec<f64> = case.values.iter().map(|value| value.max(0.0) / largest).collect();
            let mass = fuzzy_scores(&unit, &case.mask).unwrap().mass;
            // Quantus adds 1e-9 to the sum.
            assert_close(&[mass], &[case.localisation], 1e-7, idx);
            num_compared += 1;
        }
    }
    assert!(num_compared > 5, "{num_compared}");
}

fn map() -> impl Strategy<Value = Vec<f64>> {
    let value =
        prop_oneof![Just(0.0), Just(1.0), (-8i8..=8).prop_map(|step| f64::from(step) / 8.0)];
    prop::collection::vec(value, 1..80)
}

fn numbers(found: ComplexityScores) -> [Option<f64>; 3] {
    [found.sparseness, found.complexity, found.effective_complexity]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn neither_scale_nor_order_nor_sign_counts(map in map()) {
        let found = numbers(complexity_scores(&map).unwrap());
        let changed: Vec<f64> = map.iter().rev().map(|value| -4.0 * value).collect();
        let changed = numbers(complexity_scores(&changed).unwrap());
        assert_close(&found, &changed, 1e-12, &map);
    }

    #[test]
    fn scores_lie_within_their_ranges(map in map()) {
        let found = complexity_scores(&map).unwrap();
        let num = map.len() as f64;
        prop_assert_eq!(found.sparseness.is_some(), map.iter().any(|value| *value != 0.0));
        let is_within = |score: Option<f64>, high: f64| {
            score.is_none_or(|score| (0.0..=high + 1e-12).contains(&score))
        };
        prop_assert!(is_within(found.sparseness, 1.0 - 1.0 / num), "{found:?}");
        prop_assert!(is_within(found.complexity, num.ln()), "{found:?}");
        prop_assert!(is_within(found.effective_complexity, num), "{found:?}");
    }
}
