//! Diagnosis scores against scikit-learn and against the paper's printed table.

use dermx_eval::{ConfusionMatrix, OneVsRest, Score};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    num_classes: usize,
    gold: Vec<usize>,
    predicted: Vec<usize>,
    accuracy: f64,
    macro_f1: f64,
    classes: Vec<ClassCase>,
}

#[derive(Deserialize)]
struct ClassCase {
    f1: Option<f64>,
    sensitivity: Option<f64>,
    specificity: Option<f64>,
}

fn count(num_classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> ConfusionMatrix {
    let mut matrix = ConfusionMatrix::new(num_classes);
    for (gold_idx, predicted_idx) in pairs {
        matrix.add(gold_idx, predicted_idx).unwrap();
    }
    matrix
}

fn close(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
        (found, expected) => found == expected,
    }
}

#[test]
fn scores_match_scikit_learn() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let matrix = count(case.num_classes, case.gold.into_iter().zip(case.predicted));
        assert!(close(matrix.accuracy(), Some(case.accuracy)));
        assert!(close(matrix.macro_f1(), Some(case.macro_f1)));
        let recalls: Vec<f64> = case.classes.iter().filter_map(|class| class.sensitivity).collect();
        let balanced = recalls.iter().sum::<f64>() / recalls.len() as f64;
        assert!(close(matrix.balanced_accuracy(), Some(balanced)));
        for (class_idx, expected) in case.classes.iter().enumerate() {
            let found = matrix.class_scores(class_idx);
            assert!(close(found.f1, expected.f1), "class {class_idx}: {found:?}");
            assert!(close(found.sensitivity, expected.sensitivity), "class {class_idx}: {found:?}");
            assert!(close(found.specificity, expected.specificity), "class {class_idx}: {found:?}");
        }
    }
}

#[derive(Deserialize)]
struct Published {
    networks: BTreeMap<String, Network>,
}

#[derive(Deserialize)]
struct Network {
    matrices: Vec<Vec<Vec<u64>>>,
    /// By class index: mean and std of F1, sensitivity and specificity.
    printed: Vec<[[f64; 2]; 3]>,
}

fn published() -> BTreeMap<String, Network> {
    let published: Published = serde_json::from_str(include_str!("table_5.json")).unwrap();
    published.networks
}

fn matrices(network: &Network) -> Vec<ConfusionMatrix> {
    network.matrices.iter().map(|rows| ConfusionMatrix::from_rows(rows.clone()).unwrap()).collect()
}

#[test]
fn confusion_matrices_give_the_printed_table_5() {
    let mut num_cells = 0;
    for (name, network) in published() {
        let runs = matrices(&network);
        for (class_idx, printed) in network.printed.iter().enumerate() {
            let scores: [fn(OneVsRest) -> Option<f64>; 3] =
                [|scores| scores.f1, |scores| scores.sensitivity, |scores| scores.specificity];
            for (score, [mean, std]) in scores.iter().zip(printed) {
                let values: Vec<_> =
                    runs.iter().map(|run| score(run.class_scores(class_idx))).collect();
                let found = Score::over(&values);
                for (found, printed) in [(found.mean, mean), (found.std, std)] {
                    let found = found.unwrap();
                    let at = format!("{name}, class {class_idx}: {found}, printed {printed}");
                    assert!((found - printed).abs() <= 0.005 + 1e-9, "{at}");
                    num_cells += 1;
                }
            }
        }
    }
    assert_eq!(num_cells, 72);
}

#[test]
fn exchanging_the_last_two_predicted_classes_corrects_the_accuracy() {
    // The first ResNet-50 matrix has 40 + 19 + 84 + 46 + 0 + 22 = 211 of 525 on its diagonal,
    // after the exchange 40 + 19 + 84 + 46 + 41 + 19 = 249.
    let network = &published()["resnet50"];
    assert_eq!(matrices(network)[0].accuracy(), Some(211.0 / 525.0));
    let mut rows = network.matrices[0].clone();
    rows.iter_mut().for_each(|row| row.swap(4, 5));
    assert_eq!(ConfusionMatrix::from_rows(rows).unwrap().accuracy(), Some(249.0 / 525.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scores_do_not_depend_on_the_order_of_images(
        mut pairs in prop::collection::vec((0usize..4, 0usize..4), 0..60),
    ) {
        let matrix = count(4, pairs.clone());
        pairs.reverse();
        prop_assert_eq!(&matrix, &count(4, pairs));
    }

    #[test]
    fn class_weighted_sensitivity_is_the_accuracy(
        pairs in prop::collection::vec((0usize..4, 0usize..4), 1..60),
    ) {
        let matrix = count(4, pairs);
        let weighted = matrix.rows().iter().enumerate().filter_map(|(class_idx, row)| {
            let num_gold: u64 = row.iter().sum();
            Some(matrix.class_scores(class_idx).sensitivity? * num_gold as f64)
        });
        let accuracy = weighted.sum::<f64>() / matrix.num_images() as f64;
        prop_assert!(close(matrix.accuracy(), Some(accuracy)));
    }

    #[test]
    fn exchanging_gold_and_predicted_keeps_f1(
        pairs in prop::collection::vec((0usize..4, 0usize..4), 1..60),
    ) {
        let forth = count(4, pairs.clone());
        let back = count(4, pairs.into_iter().map(|(gold, predicted)| (predicted, gold)));
        for class_idx in 0..4 {
            prop_assert_eq!(forth.class_scores(class_idx).f1, back.class_scores(class_idx).f1);
        }
        prop_assert_eq!(forth.macro_f1(), back.macro_f1());
    }
}
