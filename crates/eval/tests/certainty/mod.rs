//! Scores of all probabilities against scikit-learn, SciPy and torchmetrics.

use crate::close::assert_close;
use dermx_eval::{
    Certainty, ClassScores, DiagnosisScores, EvalRecord, NetworkOutput, Score,
    add_certainty_intervals, aggregate,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    gold: Vec<usize>,
    /// `[network][image][class]`.
    logits: Vec<Vec<Vec<f64>>>,
    /// Their softmax.
    probabilities: Vec<Vec<Vec<f64>>>,
    temperatures: Vec<f64>,
    resamples: Vec<Vec<u32>>,
    /// Over the networks, in the order of [`all`].
    scores: Vec<f64>,
    intervals: Vec<[f64; 2]>,
    /// By class.
    delong: Vec<[f64; 2]>,
}

fn golden() -> Vec<Case> {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn largest(row: &[f64]) -> usize {
    (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

fn rows(values: &[Vec<f64>]) -> Vec<&[f64]> {
    values.iter().map(Vec::as_slice).collect()
}

fn all(certainty: &Certainty) -> [&Score; 7] {
    let Certainty { micro, brier, nll, calibrated } = certainty;
    let calibrated = calibrated.as_ref().unwrap();
    let plain = [&micro.auroc, &micro.auprc, brier, nll];
    let [auroc, auprc, brier, nll] = plain;
    [auroc, auprc, brier, nll, &calibrated.brier, &calibrated.nll, &calibrated.ece]
}

/// The record of one network, without intervals.
fn record(seed: usize, output: &NetworkOutput<'_>) -> EvalRecord {
    let classes: Vec<String> =
        (0..output.probabilities[0].len()).map(|idx| idx.to_string()).collect();
    let mut diagnosis = DiagnosisScores {
        classes: classes.iter().map(|class| (class.clone(), ClassScores::default())).collect(),
        ..DiagnosisScores::default()
    };
    output.add_certainty(&mut diagnosis).unwrap();
    let seeds = vec![seed as u64];
    EvalRecord { classes, seeds, diagnosis: Some(diagnosis), ..EvalRecord::default() }
}

#[test]
fn scores_and_intervals_are_the_references() {
    for (idx, case) in golden().iter().enumerate() {
        let predicted: Vec<Vec<usize>> =
            case.logits.iter().map(|of| of.iter().map(|row| largest(row)).collect()).collect();
        let networks: Vec<NetworkOutput<'_>> = (0..case.logits.len())
            .map(|network| NetworkOutput {
                gold: &case.gold,
                predicted: &predicted[network],
                probabilities: rows(&case.probabilities[network]),
                logits: rows(&case.logits[network]),
                temperature: Some(Some(case.temperatures[network])),
            })
            .collect();
        let records: Vec<EvalRecord> =
            networks.iter().enumerate().map(|(seed, one)| record(seed, one)).collect();
        let mut joined = match &records[..] {
            [one] => one.clone(),
            several => aggregate(several).unwrap(),
        };
        add_certainty_intervals(&mut joined, &networks, &case.resamples).unwrap();
        let diagnosis = joined.diagnosis.unwrap();
        let scores = all(diagnosis.certainty.as_ref().unwrap());
        // torchmetrics adds in float32.
        let means: Vec<_> = scores.iter().map(|score| score.mean).collect();
        let expected: Vec<_> = case.scores.iter().copied().map(Some).collect();
        assert_close(&means[..6], &expected[..6], 1e-12, idx);
        assert_close(&means[6..], &expected[6..], 1e-6, idx);
        for (number, (score, bounds)) in scores.iter().zip(&case.intervals).enumerate() {
            let tolerance = if number == 6 { 1e-6 } else { 1e-12 };
            let found = score.interval.unwrap();
            assert_close(&found.map(Some), &bounds.map(Some), tolerance, (idx, number));
        }
        for (class, bounds) in joined.classes.iter().zip(&case.delong) {
            let found = diagnosis.classes[class].auroc_delong.unwrap();
            assert_close(&found.map(Some), &bounds.map(Some), 1e-12, (idx, class));
        }
    }
}

#[test]
fn a_seed_without_a_temperature_leaves_all_without() {
    let case = &golden()[1];
    let predicted = vec![0; case.gold.len()];
    let output = |temperature| NetworkOutput {
        gold: &case.gold,
        predicted: &predicted,
        probabilities: rows(&case.probabilities[0]),
        logits: rows(&case.logits[0]),
        temperature,
    };
    let joined = [record(0, &output(Some(Some(2.0)))), record(1, &output(None))];
    let joined = aggregate(&joined).unwrap().diagnosis.unwrap().certainty.unwrap();
    assert_eq!((joined.calibrated, joined.brier.n), (None, 2));
    // One whose every temperature fits counts as undefined.
    let joined = [record(0, &output(Some(Some(2.0)))), record(1, &output(Some(None)))];
    let joined = aggregate(&joined).unwrap().diagnosis.unwrap().certainty.unwrap();
    let calibrated = joined.calibrated.unwrap();
    assert_eq!((calibrated.nll.n, calibrated.nll.undefined), (1, 1));
    assert_eq!((calibrated.temperature.mean, calibrated.temperature.undefined), (Some(2.0), 1));
}
