//! Temperatures against SciPy, and Brier scores against scikit-learn.

use crate::close::assert_close;
use dermx_eval::{
    Score, TEMPERATURE_RANGE, Temperature, brier_scores, fit_temperature, one_hot, softmax_at,
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    logits: Vec<Vec<f64>>,
    gold: Vec<usize>,
    probabilities: Vec<Vec<f64>>,
    temperature: Option<Temperature>,
    brier: Option<f64>,
}

fn golden() -> Vec<Case> {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn rows<T>(rows: &[Vec<T>]) -> Vec<&[T]> {
    rows.iter().map(Vec::as_slice).collect()
}

fn numbers(found: Option<Temperature>) -> Vec<Option<f64>> {
    found.map_or_else(Vec::new, |found| {
        [found.temperature, found.nll_before, found.nll_after].map(Some).to_vec()
    })
}

#[test]
fn temperatures_are_those_of_scipy() {
    let cases = golden();
    assert_eq!(cases.len(), 11);
    for (idx, case) in cases.iter().enumerate() {
        let found = fit_temperature(&rows(&case.logits), &case.gold).unwrap();
        assert_close(&numbers(found), &numbers(case.temperature), 1e-9, idx);
        assert_eq!(
            found.map(|one| one.at_bound),
            case.temperature.map(|one| one.at_bound),
            "{idx}"
        );
    }
    let num_at_bound = cases.iter().filter_map(|case| case.temperature).filter(|one| one.at_bound);
    assert_eq!(num_at_bound.count(), 4);
}

#[test]
fn brier_scores_are_those_of_scikit_learn() {
    for (idx, case) in golden().iter().enumerate() {
        let num_classes = case.logits.first().map_or(2, Vec::len);
        let labels = one_hot(num_classes, &case.gold).unwrap();
        let found = brier_scores(&rows(&case.probabilities), &rows(&labels)).unwrap();
        let found: Vec<Option<f64>> = found.into_iter().map(Some).collect();
        assert_close(&[Score::over(&found).mean], &[case.brier], 1e-12, idx);
        let softmax: Vec<Vec<f64>> =
            case.logits.iter().map(|row| softmax_at(row, 1.0).unwrap()).collect();
        for (found, expected) in softmax.iter().flatten().zip(case.probabilities.iter().flatten()) {
            assert!((found - expected).abs() < 1e-14, "{found}, expected {expected}");
        }
    }
}

fn images() -> impl Strategy<Value = Vec<(Vec<f64>, usize)>> {
    let row = prop::collection::vec((-20i8..=20).prop_map(|step| f64::from(step) / 4.0), 3);
    prop::collection::vec((row, 0usize..3), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_temperature_near_is_better(images in images()) {
        let (logits, gold): (Vec<Vec<f64>>, Vec<usize>) = images.into_iter().unzip();
        if let Some(found) = fit_temperature(&rows(&logits), &gold).unwrap() {
            let [low, high] = TEMPERATURE_RANGE;
            let nll_at = |temperature: f64| {
                let scaled: Vec<Vec<f64>> =
                    logits.iter().map(|row| row.iter().map(|z| z / temperature).collect()).collect();
                fit_temperature(&rows(&scaled), &gold).unwrap().unwrap().nll_before
            };
            prop_assert!((nll_at(found.temperature) - found.nll_after).abs() < 1e-9);
            for temperature in [low, high, found.temperature / 1.1, found.temperature * 1.1, 1.0] {
                if (low..=high).contains(&temperature) {
                    prop_assert!(nll_at(temperature) >= found.nll_after - 1e-9);
                }
            }
        }
    }

    #[test]
    fn logits_twice_as_large_have_twice_the_temperature(images in images()) {
        let (logits, gold): (Vec<Vec<f64>>, Vec<usize>) = images.into_iter().unzip();
        let doubled: Vec<Vec<f64>> =
            logits.iter().map(|row| row.iter().map(|z| 2.0 * z + 1.0).collect()).collect();
        let found = fit_temperature(&rows(&logits), &gold).unwrap();
        let of_doubled = fit_temperature(&rows(&doubled), &gold).unwrap();
        prop_assert_eq!(found.is_some(), of_doubled.is_some());
        if let Some((found, doubled)) = found.zip(of_doubled)
            && !found.at_bound
            && !doubled.at_bound
        {
            let ratio = doubled.temperature / found.temperature;
            prop_assert!((ratio - 2.0).abs() < 1e-6, "{ratio}");
        }
    }
}
