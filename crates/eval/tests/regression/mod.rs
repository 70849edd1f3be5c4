//! Linear regressions against statsmodels, and what they have to keep to.

use crate::close::assert_close;
use dermx_eval::CoefficientUnits::{Raw, Standardized};
use dermx_eval::{Coefficient, Predictor, Regression, regression};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    outcome: Vec<Option<f64>>,
    predictors: Vec<(String, Vec<Option<f64>>)>,
    fits: Vec<Regression>,
}

fn numbers(one: &Coefficient) -> [Option<f64>; 6] {
    let [low, high] = one.interval.map(Some);
    [Some(one.estimate), Some(one.std_error), one.t, one.p, low, high]
}

#[test]
fn regressions_are_those_of_statsmodels() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(cases.len(), 6);
    for (idx, case) in cases.iter().enumerate() {
        let predictors: Vec<Predictor<'_>> =
            case.predictors.iter().map(|(name, values)| Predictor { name, values }).collect();
        // statsmodels does not center, which costs digits where columns are nearly the same or far from 0.
        let tolerance = if idx < 4 { 1e-10 } else { 1e-6 };
        for expected in &case.fits {
            let found = regression(&case.outcome, &predictors, expected.units).unwrap();
            let counts = |fit: &Regression| (fit.n, fit.undefined, fit.degrees_of_freedom);
            assert_eq!(counts(&found), counts(expected));
            let of_fit = |fit: &Regression| [fit.r_squared, fit.residual_std].map(Some);
            assert_close(&of_fit(&found), &of_fit(expected), tolerance, idx);
            assert_eq!(found.intercept.is_some(), expected.intercept.is_some());
            let all = |fit: &Regression| -> Vec<Coefficient> {
                fit.coefficients.iter().chain(&fit.intercept).cloned().collect()
            };
            assert_eq!(found.coefficients.len(), case.predictors.len());
            for (found, expected) in all(&found).iter().zip(all(expected)) {
                assert_eq!(found.name, expected.name);
                assert_close(&numbers(found), &numbers(&expected), tolerance, (idx, &found.name));
            }
        }
    }
}

fn images() -> impl Strategy<Value = Vec<[i8; 3]>> {
    prop::collection::vec([-9i8..=9, -9i8..=9, -9i8..=9], 5..30)
}

fn column(images: &[[i8; 3]], idx: usize, scale: f64, shift: f64) -> Vec<Option<f64>> {
    images.iter().map(|row| Some(f64::from(row[idx]) * scale + shift)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn units_change_coefficients_and_no_p(images in images()) {
        let outcome = column(&images, 0, 1.0, 0.0);
        let columns = [column(&images, 1, 1.0, 0.0), column(&images, 2, 1.0, 0.0)];
        let rescaled = [column(&images, 1, 1000.0, 7.0), column(&images, 2, 1e-3, -2.0)];
        let fit = |columns: &[Vec<Option<f64>>; 2], units| {
            let [one, other] = columns;
            let predictors =
                [Predictor { name: "one", values: one }, Predictor { name: "other", values: other }];
            regression(&outcome, &predictors, units)
        };
        let fits = [fit(&columns, Raw), fit(&rescaled, Raw), fit(&columns, Standardized)];
        let [Ok(raw), Ok(rescaled), Ok(standardized)] = fits else {
            // All fail of the same column, or none.
            let places: Vec<_> = fits.iter().map(|fit| fit.as_ref().err().map(|one| &one.place)).collect();
            prop_assert!(places[0].is_some() && places.iter().all(|place| *place == places[0]));
            return Ok(());
        };
        for (idx, scale) in [1000.0, 1e-3].into_iter().enumerate() {
            let [raw, rescaled, standardized] =
                [&raw, &rescaled, &standardized].map(|fit| &fit.coefficients[idx]);
            let close = |one: f64, other: f64| (one - other).abs() < 1e-7 * other.abs().max(1.0);
            prop_assert!(close(rescaled.estimate * scale, raw.estimate), "{raw:?} {rescaled:?}");
            if let (Some(p), Some(other), Some(third)) = (raw.p, rescaled.p, standardized.p) {
                prop_assert!(close(p, other) && close(p, third), "{raw:?} {rescaled:?}");
                prop_assert!((0.0..=1.0).contains(&p));
            }
            let [low, high] = raw.interval;
            prop_assert!(low <= raw.estimate && raw.estimate <= high);
        }
        prop_assert!((0.0..=1.0).contains(&raw.r_squared));
    }
}
