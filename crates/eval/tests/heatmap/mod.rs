//! Prepared heat maps against scikit-image, and what holds for every map.

use dermx_eval::{Border, HeatmapScoring, Normalize, prepare};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    map_size: [usize; 2],
    raw: Vec<f32>,
    scoring: HeatmapScoring,
    step: usize,
    values: Vec<f64>,
    sum: f64,
}

#[test]
fn prepared_maps_match_scikit_image() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(cases.len(), 17);
    for case in cases {
        let map = prepare(&case.raw, case.map_size, &case.scoring).unwrap();
        let at = format!("{:?} to {:?}", case.map_size, case.scoring);
        assert_eq!(map.values().iter().step_by(case.step).count(), case.values.len(), "{at}");
        for (found, expected) in map.values().iter().step_by(case.step).zip(&case.values) {
            assert!((found - expected).abs() < 1e-10, "{at}: {found}, expected {expected}");
        }
        let sum = map.sum();
        assert!((sum - case.sum).abs() < 1e-7, "{at}: sum {sum}, expected {}", case.sum);
    }
}

fn scoring() -> impl Strategy<Value = HeatmapScoring> {
    let normalize = prop_oneof![Just(Normalize::Max), Just(Normalize::None)];
    let border = prop_oneof![Just(Border::Mirror), Just(Border::Clamp)];
    ([1usize..20, 1usize..20], normalize, any::<bool>(), border).prop_map(
        |(size, normalize, quantize, border)| HeatmapScoring { size, normalize, quantize, border },
    )
}

fn map() -> impl Strategy<Value = ([usize; 2], Vec<f32>)> {
    [1usize..12, 1usize..12]
        .prop_flat_map(|size| (Just(size), prop::collection::vec(-1e3f32..1e6, size[0] * size[1])))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn prepared_values_lie_in_the_unit_interval((size, raw) in map(), scoring in scoring()) {
        let map = prepare(&raw, size, &scoring).unwrap();
        prop_assert_eq!(map.values().len(), scoring.size[0] * scoring.size[1]);
        prop_assert!(map.values().iter().all(|value| (0.0..=1.0).contains(value)));
    }

    #[test]
    fn scaling_by_a_power_of_two_changes_nothing(
        (size, raw) in map(), scoring in scoring(), exponent in -20i32..20,
    ) {
        let scoring = HeatmapScoring { normalize: Normalize::Max, ..scoring };
        let scaled: Vec<f32> = raw.iter().map(|value| value * 2f32.powi(exponent)).collect();
        prop_assert_eq!(prepare(&raw, size, &scoring), prepare(&scaled, size, &scoring));
    }

    #[test]
    fn flat_map_stays_flat(size in [1usize..12, 1usize..12], scoring in scoring()) {
        let map = prepare(&vec![1.0; size[0] * size[1]], size, &scoring).unwrap();
        prop_assert!(map.values().iter().all(|value| (value - 1.0).abs() < 1e-12));
    }
}
