//! Shapes of masks against SciPy and OpenCV.

use crate::close::assert_close;
use dermx_eval::outline_shape;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    mask: Vec<String>,
    num_parts: usize,
    area_share: f64,
    /// Absent, as the next one, of an empty mask.
    elongation: Option<f64>,
    irrectangularity: Option<f64>,
}

#[test]
fn shapes_are_those_of_scipy_and_opencv() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(cases.len(), 12);
    for (idx, case) in cases.iter().enumerate() {
        let size = [case.mask.len(), case.mask[0].len()];
        let mask: Vec<u8> =
            case.mask.iter().flat_map(|row| row.bytes().map(|pixel| pixel - b'0')).collect();
        let found = outline_shape(&mask, size).unwrap();
        assert_eq!((found.num_parts, found.area_share), (case.num_parts, case.area_share), "{idx}");
        // OpenCV computes in 32 bits.
        let found = [found.elongation, found.irrectangularity];
        assert_close(&found, &[case.elongation, case.irrectangularity], 1e-5, idx);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_turned_mask_has_the_same_shape(mask in prop::collection::vec(0u8..=1, 42)) {
        let found = outline_shape(&mask, [6, 7]).unwrap();
        let turned: Vec<u8> =
            (0..7).flat_map(|row| (0..6).map(move |column| (row, column)))
                .map(|(row, column)| mask[column * 7 + row])
                .collect();
        let turned = outline_shape(&turned, [7, 6]).unwrap();
        prop_assert_eq!((found.num_parts, found.area_share), (turned.num_parts, turned.area_share));
        prop_assert!(found.elongation.is_none_or(|elongation| elongation >= 1.0));
        let is_share = |share: f64| (0.0..1.0).contains(&share);
        prop_assert!(found.irrectangularity.is_none_or(is_share), "{found:?}");
        // Of several parts of one size another may come first.
        if found.num_parts == 1 {
            prop_assert_eq!(found, turned);
        }
    }
}
