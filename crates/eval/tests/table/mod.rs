//! What holds for every table, and the JSON that records are read from and written to.

use dermx_eval::{
    ConfusionMatrix, EvalRecord, FuzzyScores, MapRow, NOTICE, UNION, aggregate, diagnosis_scores,
    map_table,
};
use proptest::prelude::*;

fn rows() -> impl Strategy<Value = Vec<MapRow>> {
    let score = || prop::option::weighted(0.8, 0.0..=1.0);
    let scores =
        (score(), score(), score(), score()).prop_map(|(f1, sensitivity, specificity, mass)| {
            FuzzyScores { f1, sensitivity, specificity, mass, ..FuzzyScores::default() }
        });
    prop::collection::vec((0usize..3, scores), 0..40).prop_map(|rows| {
        let row = |(row_idx, (characteristic_idx, scores)): (usize, (usize, FuzzyScores))| MapRow {
            image_id: format!("image{}", row_idx / 3),
            rater: format!("derm{}", row_idx % 3),
            characteristic: ["Plaque", "Scale", UNION][characteristic_idx].into(),
            scores,
            localization: None,
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}

fn shuffled_rows() -> impl Strategy<Value = (Vec<MapRow>, Vec<MapRow>)> {
    rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
}

fn record(seed: u64, rows: &[MapRow]) -> EvalRecord {
    let classes = vec!["A".to_string(), "B".to_string()];
    let matrix = ConfusionMatrix::from_rows(vec![vec![3, 1 + seed], vec![2, 4]]).unwrap();
    let diagnosis = diagnosis_scores(&matrix, &classes).unwrap();
    EvalRecord {
        notice: NOTICE.into(),
        classes,
        seeds: vec![seed],
        diagnosis: Some(diagnosis),
        explanation: map_table(rows),
        ..EvalRecord::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn table_does_not_depend_on_the_order_of_rows((rows, shuffled) in shuffled_rows()) {
        prop_assert_eq!(map_table(&rows), map_table(&shuffled));
    }

    #[test]
    fn every_row_is_counted_once(rows in rows()) {
        let table = map_table(&rows);
        let num_rows: usize = table.values().map(|scores| scores.f1.n + scores.f1.undefined).sum();
        prop_assert_eq!(num_rows, rows.len());
    }

    #[test]
    fn equal_networks_have_no_spread(rows in rows()) {
        let twin = EvalRecord { seeds: vec![1], ..record(0, &rows) };
        let joined = aggregate(&[record(0, &rows), twin]).unwrap();
        let single = map_table(&rows);
        for (name, scores) in &joined.explanation {
            prop_assert_eq!(scores.f1.mean, single[name].f1.mean);
            prop_assert_eq!(scores.f1.std, scores.f1.mean.map(|_| 0.0));
        }
    }

    #[test]
    fn records_survive_json(rows in rows()) {
        let single = record(0, &rows);
        let joined = aggregate(std::slice::from_ref(&single)).unwrap();
        for record in [single, joined] {
            let text = serde_json::to_string(&record).unwrap();
            prop_assert_eq!(serde_json::from_str::<EvalRecord>(&text).unwrap(), record);
        }
    }
}

#[test]
fn networks_with_different_images_do_not_mix() {
    // 3 + 1 + 2 + 4 = 10 images for seed 0, one more for seed 1
    let error = aggregate(&[record(0, &[]), record(1, &[])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "diagnosis.accuracy: n + undefined: found 11 for seed 1, expected 10 as for seed 0"
    );
}
