//! Networks of several seeds against NumPy, SciPy, scikit-learn and statsmodels.

use dermx_eval::{
    ClassScores, Collapse, ConfusionMatrix, DiagnosisScores, EvalRecord, Score, SeedPredictions,
    aggregate, collapse, diagnosis_scores,
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    predictions: Vec<Predictions>,
    published: BTreeMap<String, Vec<Signs>>,
    chance: Vec<Signs>,
}

#[derive(Deserialize)]
struct Predictions {
    num_classes: usize,
    gold: Vec<usize>,
    predicted: Vec<Vec<usize>>,
    resamples: Vec<Vec<u32>>,
    accuracy: Expected,
    macro_f1: Expected,
    f1: Vec<Expected>,
    /// By class: the intervals of sensitivity and specificity.
    shares: Vec<[Option<[f64; 2]>; 2]>,
    unanimous: f64,
    unanimous_interval: [f64; 2],
    fleiss_kappa: f64,
}

#[derive(Deserialize)]
struct Expected {
    mean: f64,
    std: f64,
    population_std: f64,
    interval: [f64; 2],
}

#[derive(Deserialize)]
struct Signs {
    rows: Vec<Vec<u64>>,
    gold: f64,
    predicted: f64,
    by_chance: f64,
    p_value: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-9
}

fn assert_close(score: &Score, expected: &Expected) {
    assert!(close(score.mean.unwrap(), expected.mean), "{score:?}");
    assert!(close(score.std.unwrap(), expected.std), "{score:?}");
    assert!(close(score.population_std.unwrap(), expected.population_std), "{score:?}");
    let [low, high] = score.interval.unwrap();
    let is_same = close(low, expected.interval[0]) && close(high, expected.interval[1]);
    assert!(is_same, "{low} {high}, expected {:?}", expected.interval);
}

/// The record of one network of `case`.
fn record(case: &Predictions, seed: usize) -> EvalRecord {
    let classes: Vec<String> = (0..case.num_classes).map(|class| format!("{class}")).collect();
    let mut matrix = ConfusionMatrix::new(case.num_classes);
    for (&gold, &predicted) in case.gold.iter().zip(&case.predicted[seed]) {
        matrix.add(gold, predicted).unwrap();
    }
    let diagnosis = diagnosis_scores(&matrix, &classes).unwrap();
    EvalRecord {
        classes,
        seeds: vec![seed as u64],
        diagnosis: Some(diagnosis),
        ..EvalRecord::default()
    }
}

#[test]
fn scores_over_seeds_and_images() {
    for case in golden().predictions {
        let seeds = 0..case.predicted.len();
        let records: Vec<EvalRecord> = seeds.map(|seed| record(&case, seed)).collect();
        let mut joined = aggregate(&records).unwrap();
        let predictions = SeedPredictions {
            num_classes: case.num_classes,
            gold: &case.gold,
            predicted: &case.predicted,
        };
        predictions.describe(&mut joined, &case.resamples).unwrap();
        let joined = joined.diagnosis.unwrap();
        assert_close(&joined.accuracy, &case.accuracy);
        assert_close(&joined.macro_f1, &case.macro_f1);
        for (class, expected) in joined.classes.values().zip(&case.f1) {
            let ClassScores { f1, .. } = class;
            assert_close(f1, expected);
        }
        for (class, expected) in joined.classes.values().zip(&case.shares) {
            for (score, expected) in [&class.sensitivity, &class.specificity].iter().zip(expected) {
                assert_eq!(score.interval.is_some(), expected.is_some(), "{score:?}");
                let pair = score.interval.zip(*expected);
                let is_same = pair.is_none_or(|([low, high], [expected_low, expected_high])| {
                    close(low, expected_low) && close(high, expected_high)
                });
                assert!(is_same, "{score:?}, expected {expected:?}");
            }
        }
        let agreement = joined.seed_agreement.unwrap();
        assert_eq!(agreement.num_images, case.gold.len());
        assert!(close(agreement.unanimous.unwrap(), case.unanimous));
        let [low, high] = agreement.unanimous_interval.unwrap();
        let [expected_low, expected_high] = case.unanimous_interval;
        assert!(close(low, expected_low) && close(high, expected_high), "{agreement:?}");
        assert!(close(agreement.fleiss_kappa.unwrap(), case.fleiss_kappa));
    }
}

#[test]
fn of_the_published_runs_the_fifth_efficientnet_collapsed() {
    let mut collapsed = Vec::new();
    for (network, runs) in golden().published {
        for (run_idx, run) in runs.into_iter().enumerate() {
            let signs = collapse(&ConfusionMatrix::from_rows(run.rows).unwrap());
            for sign in signs {
                let Collapse::FewClasses { predicted, gold } = sign else { panic!("{sign:?}") };
                assert!(close(predicted, run.predicted) && close(gold, run.gold), "{sign:?}");
                collapsed.push((network.clone(), run_idx));
            }
        }
    }
    assert_eq!(collapsed, [("efficientnet_b4".to_string(), 4)]);
}

#[test]
fn guesses_are_told_to_be_chance() {
    for case in golden().chance {
        let signs = collapse(&ConfusionMatrix::from_rows(case.rows).unwrap());
        let found = signs.iter().find_map(|sign| match *sign {
            Collapse::Chance { by_chance, p_value, .. } => Some((by_chance, p_value)),
            Collapse::FewClasses { .. } => None,
        });
        let (by_chance, p_value) = found.unwrap();
        assert!(close(by_chance, case.by_chance) && close(p_value, case.p_value), "{p_value}");
    }
}

#[test]
fn agreement_by_hand() {
    // Three networks of two classes: all say 0, all say 1, two of three say 1, all say 0.
    let predicted = [vec![0, 1, 1, 0], vec![0, 1, 1, 0], vec![0, 1, 0, 0]];
    let gold = [0, 0, 1, 1];
    let predictions = SeedPredictions { num_classes: 2, gold: &gold, predicted: &predicted };
    let agreement = predictions.agreement().unwrap().unwrap();
    assert_eq!(agreement.unanimous, Some(0.75));
    // Agreeing pairs 1, 1, 1/3, 1: 5/6. Class 0 has 7 of 12: P_e = (49 + 25) / 144 = 37/72.
    let expected = (5.0 / 6.0 - 37.0 / 72.0) / (1.0 - 37.0 / 72.0);
    assert!(close(agreement.fleiss_kappa.unwrap(), expected));
    let one = SeedPredictions { predicted: &predicted[..1], ..predictions };
    assert_eq!(one.agreement().unwrap(), None);
}

#[test]
fn predictions_that_do_not_fit_are_refused() {
    let gold = [0, 1];
    let error = |predicted: &[Vec<usize>]| {
        SeedPredictions { num_classes: 2, gold: &gold, predicted }
            .agreement()
            .unwrap_err()
            .to_string()
    };
    let message = error(&[vec![0, 1], vec![0]]);
    assert_eq!(message, "network 1: found 1 predictions, expected one for each of 2 images");
    let message = error(&[vec![0, 2]]);
    assert_eq!(message, "predictions: found class 2, expected indices below 2");
    let predictions = SeedPredictions { num_classes: 2, gold: &gold, predicted: &[vec![0, 1]] };
    let diagnosis = Some(DiagnosisScores::default());
    let mut record = EvalRecord { diagnosis, ..EvalRecord::default() };
    let message = predictions.describe(&mut record, &[vec![2]]).unwrap_err();
    assert_eq!(message.to_string(), "resample: found 2, expected indices below 2");
}
