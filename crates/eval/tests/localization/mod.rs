//! Localization scores against Quantus and scikit-learn, and what holds for every map and mask.

use dermx_eval::{RankedMap, fuzzy_scores, mask_runs};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    values: Vec<u32>,
    mask: String,
    auc: Option<f64>,
    mass: f64,
    /// Absent where pixels tie.
    pointing: Option<f64>,
    rank_accuracy: Option<f64>,
    top_k_iou: Option<f64>,
}

#[test]
fn localization_scores_are_those_of_quantus_and_scikit_learn() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(cases.len(), 24);
    let mut num_untied = 0;
    for case in cases {
        let largest = f64::from(*case.values.iter().max().unwrap());
        let map: Vec<f64> = case.values.iter().map(|&value| f64::from(value) / largest).collect();
        let mask: Vec<u8> = case.mask.bytes().map(|pixel| pixel - b'0').collect();
        let found = RankedMap::new(&map).scores(mask_runs(&mask)).unwrap();
        let mass = fuzzy_scores(&map, &mask).unwrap().mass;
        let mut pairs = vec![(found.auc, case.auc), (mass, Some(case.mass))];
        if case.pointing.is_some() {
            num_untied += 1;
            pairs.extend([
                (found.pointing, case.pointing),
                (found.rank_accuracy, case.rank_accuracy),
                (found.top_k_iou, case.top_k_iou),
            ]);
        }
        for (found, expected) in pairs {
            let is_equal = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
                (found, expected) => found == expected,
            };
            assert!(is_equal, "{found:?}, expected {expected:?}; mask {}", case.mask);
        }
    }
    assert_eq!(num_untied, 12);
}

fn map_and_mask() -> impl Strategy<Value = (Vec<f64>, Vec<u8>)> {
    let value =
        prop_oneof![Just(0.0), Just(1.0), (0u8..=8).prop_map(|eighths| f64::from(eighths) / 8.0)];
    prop::collection::vec((value, 0u8..=1), 1..80).prop_map(|pairs| pairs.into_iter().unzip())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn scores_lie_in_the_unit_interval((map, mask) in map_and_mask()) {
        let found = RankedMap::new(&map).scores(mask_runs(&mask)).unwrap();
        for score in [found.pointing, found.rank_accuracy, found.top_k_iou, found.auc] {
            prop_assert!(score.is_none_or(|score| (0.0..=1.0).contains(&score)), "{found:?}");
        }
    }

    #[test]
    fn only_the_order_of_the_pixels_counts((map, mask) in map_and_mask()) {
        let squared: Vec<f64> = map.iter().map(|value| value * value).collect();
        let found = RankedMap::new(&map).scores(mask_runs(&mask)).unwrap();
        prop_assert_eq!(found, RankedMap::new(&squared).scores(mask_runs(&mask)).unwrap());
    }

    #[test]
    fn tied_pixels_score_the_mean_over_their_orders((map, mask) in map_and_mask()) {
        // Two orders that are each other's reverse among the tied: AUC is their mean.
        let untie = |sign: f64| -> Vec<f64> {
            let tilt = |(idx, value): (usize, &f64)| value + 1.0 + sign * idx as f64 * 1e-4;
            map.iter().enumerate().map(tilt).collect()
        };
        let auc = |map: &[f64]| RankedMap::new(map).scores(mask_runs(&mask)).unwrap().auc;
        if let (Some(tied), Some(up), Some(down)) = (auc(&map), auc(&untie(1.0)), auc(&untie(-1.0))) {
            prop_assert!((tied - (up + down) / 2.0).abs() < 1e-12);
        }
    }
}
