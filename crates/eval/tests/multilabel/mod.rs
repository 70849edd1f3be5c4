//! Scores of several labels an image against scikit-learn, and what they have to keep to.

use crate::close::assert_close;
use dermx_eval::{
    F1Threshold, RankingScores, Score, f1_thresholds, label_rankings, labels_at, multilabel_scores,
    one_hot,
};
use proptest::prelude::*;
use serde::Deserialize;

const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Case {
    gold: Vec<Vec<bool>>,
    probabilities: Vec<Vec<f64>>,
    resamples: Vec<Vec<u32>>,
    /// Micro, macro and sample F1, Hamming loss, subset accuracy, F1 and sensitivity of each label.
    scores: Vec<Option<f64>>,
    /// Without those of subset accuracy and sensitivities.
    intervals: Vec<Option<[f64; 2]>>,
    /// AUROC and AUPRC of each label, of their mean, of all pairs.
    rankings: [Vec<Option<f64>>; 2],
    ranking_intervals: [Vec<Option<[f64; 2]>>; 2],
    /// Threshold and F1.
    thresholds: Vec<Option<(f64, f64)>>,
}

fn golden() -> Vec<Case> {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn rows<T>(rows: &[Vec<T>]) -> Vec<&[T]> {
    rows.iter().map(Vec::as_slice).collect()
}

fn bounds(intervals: &[Option<[f64; 2]>]) -> Vec<Option<f64>> {
    intervals.iter().flat_map(|one| one.map_or([None; 2], |bounds| bounds.map(Some))).collect()
}

#[test]
fn scores_are_those_of_scikit_learn() {
    let cases = golden();
    assert_eq!(cases.len(), 6);
    for (idx, case) in cases.iter().enumerate() {
        let num_labels = case.thresholds.len();
        let predicted =
            labels_at(&rows(&case.probabilities), &vec![Some(0.5); num_labels]).unwrap();
        let found =
            multilabel_scores(&rows(&predicted), &rows(&case.gold), &case.resamples).unwrap();
        let overall = [&found.micro_f1, &found.macro_f1, &found.sample_f1, &found.hamming_loss];
        let f1 = found.labels.iter().map(|label| &label.f1);
        let resampled: Vec<&Score> = overall.into_iter().chain(f1.clone()).collect();
        let means: Vec<Option<f64>> = overall
            .into_iter()
            .chain([&found.subset_accuracy])
            .chain(f1)
            .chain(found.labels.iter().map(|label| &label.sensitivity))
            .map(|score| score.mean)
            .collect();
        assert_close(&means, &case.scores, TOLERANCE, idx);
        let intervals: Vec<_> = resampled.iter().map(|score| score.interval).collect();
        assert_close(&bounds(&intervals), &bounds(&case.intervals), TOLERANCE, idx);
        // Rows are images, of the macro F1 labels.
        for score in &resampled {
            let is_macro = std::ptr::eq(*score, &raw const found.macro_f1);
            let num_rows = if is_macro { num_labels } else { case.gold.len() };
            assert_eq!(score.n + score.undefined, num_rows);
        }
    }
}

#[test]
fn rankings_are_those_of_scikit_learn() {
    for (idx, case) in golden().iter().enumerate() {
        let found =
            label_rankings(&rows(&case.probabilities), &rows(&case.gold), &case.resamples).unwrap();
        let all: Vec<&RankingScores<Score>> =
            found.labels.iter().chain([&found.macro_mean, &found.micro]).collect();
        for kind in 0..2 {
            let scores: Vec<&Score> = all.iter().map(|scores| scores.each()[kind]).collect();
            let means: Vec<_> = scores.iter().map(|score| score.mean).collect();
            assert_close(&means, &case.rankings[kind], TOLERANCE, (idx, kind));
            let intervals: Vec<_> = scores.iter().map(|score| score.interval).collect();
            let expected = bounds(&case.ranking_intervals[kind]);
            assert_close(&bounds(&intervals), &expected, TOLERANCE, (idx, kind));
        }
        let num_defined = found.labels.iter().filter(|label| label.auroc.mean.is_some()).count();
        assert_eq!(found.macro_mean.auroc.n, num_defined);
        assert_eq!(found.macro_mean.auroc.undefined, found.labels.len() - num_defined);
    }
}

#[test]
fn thresholds_are_those_of_scikit_learn() {
    for (idx, case) in golden().iter().enumerate() {
        let found = f1_thresholds(&rows(&case.probabilities), &rows(&case.gold)).unwrap();
        let numbers = |one: &Option<F1Threshold>| {
            one.map_or([None; 2], |one| [one.threshold, one.f1].map(Some))
        };
        let found: Vec<_> = found.iter().flat_map(numbers).collect();
        let expected: Vec<_> = case
            .thresholds
            .iter()
            .flat_map(|one| one.map_or([None; 2], |(threshold, f1)| [threshold, f1].map(Some)))
            .collect();
        assert_close(&found, &expected, TOLERANCE, idx);
    }
}

fn images() -> impl Strategy<Value = Vec<(usize, [u8; 3])>> {
    prop::collection::vec((0usize..3, [0u8..5, 0u8..5, 0u8..5]), 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_one_label_an_image_micro_f1_and_subset_accuracy_are_the_accuracy(images in images()) {
        let gold: Vec<usize> = images.iter().map(|(class, _)| *class).collect();
        let predicted: Vec<usize> = images.iter().map(|(_, row)| usize::from(row[0]) % 3).collect();
        let num_right = gold.iter().zip(&predicted).filter(|(one, other)| one == other).count();
        let accuracy = num_right as f64 / gold.len() as f64;
        let [gold, predicted] = [&gold, &predicted].map(|classes| one_hot(3, classes).unwrap());
        let found = multilabel_scores(&rows(&predicted), &rows(&gold), &[]).unwrap();
        prop_assert_eq!(found.subset_accuracy.mean, Some(accuracy));
        prop_assert!((found.micro_f1.mean.unwrap() - accuracy).abs() < 1e-15);
        prop_assert!((found.hamming_loss.mean.unwrap() - 2.0 / 3.0 * (1.0 - accuracy)).abs() < 1e-15);
    }

    #[test]
    fn no_threshold_has_a_larger_f1(images in images()) {
        let gold: Vec<Vec<bool>> = images.iter().map(|(class, _)| vec![*class == 0]).collect();
        let values: Vec<Vec<f64>> =
            images.iter().map(|(_, row)| vec![f64::from(row[0]) / 4.0]).collect();
        let f1_at = |threshold: f64| {
            let given = labels_at(&rows(&values), &[Some(threshold)]).unwrap();
            multilabel_scores(&rows(&given), &rows(&gold), &[]).unwrap().micro_f1.mean
        };
        let found = f1_thresholds(&rows(&values), &rows(&gold)).unwrap()[0];
        prop_assert_eq!(found.is_some(), gold.iter().any(|row| row[0]));
        if let Some(found) = found {
            prop_assert_eq!(f1_at(found.threshold), Some(found.f1));
            for step in 0..=9 {
                let threshold = f64::from(step) / 8.0;
                let f1 = f1_at(threshold).unwrap();
                prop_assert!(f1 < found.f1 || (f1 == found.f1 && threshold <= found.threshold));
            }
        }
    }
}
