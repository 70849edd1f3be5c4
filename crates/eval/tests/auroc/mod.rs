//! Areas under the ROC curve, their paired test and points of the curve against NumPy, SciPy and scikit-learn.

use crate::close::assert_close;
use dermx_eval::{
    Auroc, AurocDifference, OperatingPoint, auroc, auroc_difference, ranking_scores,
    sensitivity_at_specificity,
};
use proptest::prelude::*;
use serde::Deserialize;

/// As in the generator.
const SPECIFICITIES: [f64; 6] = [0.0, 0.5, 0.8, 0.9, 0.95, 1.0];

#[derive(Deserialize)]
struct Case {
    one: Vec<f64>,
    other: Vec<f64>,
    is_of_class: Vec<bool>,
    areas: [Option<Auroc>; 2],
    difference: Option<AurocDifference>,
    /// Threshold, sensitivity, specificity.
    points: Option<Vec<(Option<f64>, f64, f64)>>,
}

fn golden() -> Vec<Case> {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn of_area(area: Option<Auroc>) -> Vec<Option<f64>> {
    let bounds = |area: Auroc| area.interval.map_or([None; 2], |bounds| bounds.map(Some));
    area.map_or_else(Vec::new, |area| [[Some(area.auroc), area.variance], bounds(area)].concat())
}

fn of_difference(found: Option<AurocDifference>) -> Vec<Option<f64>> {
    found.map_or_else(Vec::new, |found| {
        let bounds = found.interval.map_or([None; 2], |bounds| bounds.map(Some));
        [&[Some(found.difference), found.variance, found.z, found.p], &bounds[..]].concat()
    })
}

#[test]
fn areas_and_their_test_are_those_of_the_definition() {
    let cases = golden();
    assert_eq!(cases.len(), 11);
    for (idx, case) in cases.iter().enumerate() {
        for (values, expected) in [&case.one, &case.other].into_iter().zip(case.areas) {
            let found = auroc(values, &case.is_of_class).unwrap();
            assert_close(&of_area(found), &of_area(expected), 1e-12, idx);
            // The area itself is the one of other tables, to the last bit.
            let ranking = ranking_scores(values, &case.is_of_class).unwrap();
            assert_eq!(found.map(|found| found.auroc), ranking.auroc);
        }
        let found = auroc_difference(&case.one, &case.other, &case.is_of_class).unwrap();
        // NumPy takes a variance from a difference of covariances, which costs some digits of z.
        assert_close(&of_difference(found), &of_difference(case.difference), 1e-9, idx);
    }
}

#[test]
fn operating_points_are_those_of_scikit_learn() {
    for (idx, case) in golden().iter().enumerate() {
        for (place, specificity) in SPECIFICITIES.into_iter().enumerate() {
            let found =
                sensitivity_at_specificity(&case.one, &case.is_of_class, specificity).unwrap();
            let expected = case.points.as_ref().map(|points| points[place]);
            let numbers = |point: OperatingPoint| [point.sensitivity, point.specificity].map(Some);
            assert_eq!(found.map(|found| found.threshold), expected.map(|one| one.0), "{idx}");
            let expected: Vec<_> =
                expected.iter().flat_map(|&(_, one, other)| [Some(one), Some(other)]).collect();
            assert_close(
                &found.map_or_else(Vec::new, |one| numbers(one).to_vec()),
                &expected,
                1e-12,
                idx,
            );
        }
        let ranking = ranking_scores(&case.one, &case.is_of_class).unwrap();
        for (specificity, expected) in [
            (0.95, ranking.sensitivity_at_specificity_95),
            (0.80, ranking.sensitivity_at_specificity_80),
        ] {
            let found =
                sensitivity_at_specificity(&case.one, &case.is_of_class, specificity).unwrap();
            assert_eq!(found.map(|found| found.sensitivity), expected, "{idx}");
        }
    }
}

fn images() -> impl Strategy<Value = Vec<((u8, u8), bool)>> {
    // Few values, so that many are equal.
    prop::collection::vec(((0u8..6, 0u8..6), any::<bool>()), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sides_of_a_comparison_can_be_exchanged(images in images()) {
        let is_of_class: Vec<bool> = images.iter().map(|(_, inside)| *inside).collect();
        let one: Vec<f64> = images.iter().map(|((one, _), _)| f64::from(*one)).collect();
        let other: Vec<f64> = images.iter().map(|((_, other), _)| f64::from(*other)).collect();
        let found = auroc_difference(&one, &other, &is_of_class).unwrap();
        let turned = auroc_difference(&other, &one, &is_of_class).unwrap();
        prop_assert_eq!(found.is_some(), turned.is_some());
        if let Some((found, turned)) = found.zip(turned) {
            prop_assert_eq!(found.difference, -turned.difference);
            prop_assert_eq!((found.variance, found.p), (turned.variance, turned.p));
            prop_assert!(found.p.is_none_or(|p| (0.0..=1.0).contains(&p)));
            let holds = |[low, high]: [f64; 2]| low <= found.difference && found.difference <= high;
            prop_assert!(found.interval.is_none_or(holds));
        }
    }

    #[test]
    fn more_specificity_never_finds_more(images in images()) {
        let values: Vec<f64> = images.iter().map(|((one, _), _)| f64::from(*one)).collect();
        let is_of_class: Vec<bool> = images.iter().map(|(_, inside)| *inside).collect();
        let at = |specificity| sensitivity_at_specificity(&values, &is_of_class, specificity).unwrap();
        let mut last = f64::INFINITY;
        for specificity in SPECIFICITIES {
            let Some(found) = at(specificity) else { continue };
            prop_assert!(found.specificity >= specificity && found.sensitivity <= last);
            last = found.sensitivity;
        }
    }
}
