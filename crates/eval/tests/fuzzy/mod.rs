//! Fuzzy scores against NumPy, and what holds for every map and mask.

use dermx_eval::{FuzzyScores, fuzzy_scores, fuzzy_scores_runs, mask_runs, prefix_sums};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    map_x255: Vec<u8>,
    mask: String,
    scores: FuzzyScores,
}

fn listed(scores: &FuzzyScores) -> [Option<f64>; 6] {
    let FuzzyScores { f1, sensitivity, specificity, mass, iou, negative_predictive_value } =
        *scores;
    [f1, sensitivity, specificity, mass, iou, negative_predictive_value]
}

fn close(a: &FuzzyScores, b: &FuzzyScores) -> bool {
    listed(a).iter().zip(listed(b)).all(|pair| match pair {
        (Some(a), Some(b)) => (a - b).abs() < 1e-12,
        (a, b) => *a == b,
    })
}

#[test]
fn fuzzy_scores_match_numpy() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(cases.len(), 21);
    for case in cases {
        let map: Vec<f64> = case.map_x255.iter().map(|&value| f64::from(value) / 255.0).collect();
        let mask: Vec<u8> = case.mask.bytes().map(|pixel| pixel - b'0').collect();
        let found = fuzzy_scores(&map, &mask).unwrap();
        assert!(close(&found, &case.scores), "{found:?}, expected {:?}", case.scores);
    }
}

/// The definition, pixel by pixel.
fn by_definition(map: &[f64], mask: &[u8]) -> FuzzyScores {
    let pairs = || map.iter().zip(mask).map(|(a, s)| (*a, f64::from(*s)));
    let sum = |term: fn(f64, f64) -> f64| pairs().map(|(a, s)| term(a, s)).sum::<f64>();
    let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let true_positive = sum(|a, s| a.min(s));
    FuzzyScores {
        f1: ratio(2.0 * true_positive, sum(|a, s| a + s)),
        sensitivity: ratio(true_positive, sum(|_, s| s)),
        specificity: ratio(sum(|a, s| (1.0 - a).min(1.0 - s)), sum(|_, s| 1.0 - s)),
        mass: ratio(sum(|a, s| a * s), sum(|a, _| a)),
        iou: ratio(true_positive, sum(f64::max)),
        negative_predictive_value: ratio(sum(|a, s| (1.0 - a).min(1.0 - s)), sum(|a, _| 1.0 - a)),
    }
}

fn map_and_mask() -> impl Strategy<Value = (Vec<f64>, Vec<u8>)> {
    let value = prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0];
    prop::collection::vec((value, 0u8..=1), 1..200).prop_map(|pairs| pairs.into_iter().unzip())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn scores_lie_in_the_unit_interval((map, mask) in map_and_mask()) {
        let scores = fuzzy_scores(&map, &mask).unwrap();
        prop_assert!(listed(&scores).iter().flatten().all(|score| (0.0..=1.0).contains(score)));
    }

    #[test]
    fn runs_score_as_the_definition_does((map, mask) in map_and_mask()) {
        let found = fuzzy_scores_runs(&prefix_sums(&map), mask_runs(&mask)).unwrap();
        let expected = by_definition(&map, &mask);
        prop_assert!(close(&found, &expected), "{:?}, expected {:?}", found, expected);
    }

    #[test]
    fn split_runs_score_as_whole_ones((map, mask) in map_and_mask()) {
        let prefix = prefix_sums(&map);
        let pixels = mask_runs(&mask).flatten().map(|idx| idx..idx + 1);
        let split = fuzzy_scores_runs(&prefix, pixels).unwrap();
        let whole = fuzzy_scores_runs(&prefix, mask_runs(&mask)).unwrap();
        prop_assert!(close(&split, &whole));
    }

    #[test]
    fn binary_maps_trade_places_with_masks(pairs in prop::collection::vec((0u8..=1, 0u8..=1), 1..100)) {
        let (a, b): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
        let as_map = |mask: &[u8]| mask.iter().copied().map(f64::from).collect::<Vec<_>>();
        let forth = fuzzy_scores(&as_map(&a), &b).unwrap();
        let back = fuzzy_scores(&as_map(&b), &a).unwrap();
        prop_assert_eq!(forth.f1, back.f1);
        prop_assert_eq!(forth.sensitivity, back.mass);
    }
}
