//! Scores of probabilities against scikit-learn and NumPy, and what they have to keep to.

use dermx_eval::{
    ClassProbabilities, ConfusionMatrix, EvalRecord, RankingScores, ReliabilityBin, Score,
    TopProbability, add_probability_intervals, aggregate, calibration_error, diagnosis_scores,
    ranking_scores, reliability_bins,
};
use proptest::prelude::*;
use serde::Deserialize;

/// A score is one of NumPy's or scikit-learn's up to rounding.
const TOLERANCE: f64 = 1e-12;

/// Number of images, mean probability, share of right ones.
type Bin = (usize, Option<f64>, Option<f64>);

#[derive(Deserialize)]
struct Case {
    names: Vec<String>,
    num_classes: usize,
    gold: Vec<usize>,
    /// `[seed][image][class]`.
    probabilities: Vec<Vec<Vec<f64>>>,
    resamples: Vec<Vec<u32>>,
    /// `[seed]`: four scores of each class, their four means, the calibration error.
    scores: Vec<Vec<Option<f64>>>,
    /// `[seed][bin]`.
    bins: Vec<Vec<Bin>>,
    /// Over the seeds, as `scores`.
    mean: Vec<Option<f64>>,
    intervals: Vec<Option<[f64; 2]>>,
}

fn golden() -> Vec<Case> {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn is_close(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < TOLERANCE,
        (found, expected) => found == expected,
    }
}

fn largest(row: &[f64]) -> usize {
    (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

impl Case {
    fn network(&self, seed: usize) -> ClassProbabilities {
        let rows: Vec<&[f64]> = self.probabilities[seed].iter().map(Vec::as_slice).collect();
        let predicted: Vec<usize> = rows.iter().map(|row| largest(row)).collect();
        ClassProbabilities::new(self.num_classes, &self.gold, &predicted, &rows).unwrap()
    }

    /// The record of one network.
    fn record(&self, seed: usize) -> EvalRecord {
        let classes: Vec<String> = (0..self.num_classes).map(|class| format!("{class}")).collect();
        let mut matrix = ConfusionMatrix::new(self.num_classes);
        for (&gold, row) in self.gold.iter().zip(&self.probabilities[seed]) {
            matrix.add(gold, largest(row)).unwrap();
        }
        let mut diagnosis = diagnosis_scores(&matrix, &classes).unwrap();
        self.network(seed).add_scores(&mut diagnosis, &classes);
        let seeds = vec![seed as u64];
        EvalRecord { classes, seeds, diagnosis: Some(diagnosis), ..EvalRecord::default() }
    }
}

/// Every score of a record in the order of [`Case::scores`].
fn all(record: &EvalRecord) -> Vec<Score> {
    let diagnosis = record.diagnosis.as_ref().unwrap();
    let classes = record.classes.iter().map(|class| &diagnosis.classes[class].ranking);
    let rankings = classes.chain([&diagnosis.ranking]);
    let scores = rankings.flat_map(|ranking| ranking.as_ref().unwrap().each().map(Score::clone));
    scores.chain(diagnosis.ece.clone()).collect()
}

#[test]
fn scores_are_those_of_scikit_learn() {
    let cases = golden();
    assert_eq!(cases.len(), 4);
    for case in &cases {
        assert_eq!(case.names, RankingScores::<Score>::NAMES);
        let num_images = case.gold.len();
        for (seed, expected) in case.scores.iter().enumerate() {
            let record = case.record(seed);
            let found = all(&record);
            assert_eq!(found.len(), expected.len());
            for (idx, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert!(is_close(found.mean, *expected), "{idx}: {found:?}, expected {expected:?}");
            }
            // Rows are images, and of the means of the classes the classes.
            for (idx, score) in found.iter().enumerate() {
                let is_macro = idx / 4 == case.num_classes && idx + 1 < found.len();
                let rows = if is_macro { case.num_classes } else { num_images };
                assert_eq!(score.n + score.undefined, rows, "{idx}");
                assert_eq!(score.mean.is_some(), score.n > 0, "{idx}");
            }
            let reliability = record.diagnosis.unwrap().reliability;
            for (found, &(n, probability, accuracy)) in reliability.iter().zip(&case.bins[seed]) {
                assert_eq!(found.n, n);
                assert!(is_close(found.probability, probability), "{found:?}");
                assert!(is_close(found.accuracy, accuracy), "{found:?}");
            }
        }
    }
    // One class of three has all images: nothing but the calibration error is defined.
    let alone = all(&cases[3].record(0));
    assert_eq!(alone.iter().filter(|score| score.mean.is_some()).count(), 1);
}

#[test]
fn intervals_over_seeds_are_those_of_numpy() {
    for case in golden() {
        let seeds = 0..case.probabilities.len();
        let records: Vec<EvalRecord> = seeds.clone().map(|seed| case.record(seed)).collect();
        let networks: Vec<ClassProbabilities> = seeds.map(|seed| case.network(seed)).collect();
        let mut joined = aggregate(&records).unwrap();
        add_probability_intervals(&mut joined, &networks, &case.resamples).unwrap();
        for (idx, score) in all(&joined).iter().enumerate() {
            assert!(is_close(score.mean, case.mean[idx]), "{idx}: {score:?}");
            let [found, expected] = [score.interval, case.intervals[idx]];
            assert_eq!(found.is_some(), expected.is_some(), "{idx}: {score:?}, {expected:?}");
            for bound in 0..2 {
                let of = |interval: Option<[f64; 2]>| interval.map(|bounds| bounds[bound]);
                assert!(is_close(of(found), of(expected)), "{idx}: {score:?}, {expected:?}");
            }
        }
        let diagnosis = joined.diagnosis.unwrap();
        let num = case.gold.len() * networks.len();
        assert_eq!(diagnosis.reliability.iter().map(|bin| bin.n).sum::<usize>(), num);
        // Each as often as it was without the seeds.
        for (bin_idx, bin) in diagnosis.reliability.iter().enumerate() {
            assert_eq!(bin.n, case.bins.iter().map(|bins| bins[bin_idx].0).sum::<usize>());
        }
    }
}

fn images() -> impl Strategy<Value = Vec<(f64, bool)>> {
    // Few values, so that many are equal.
    prop::collection::vec(((0u8..8).prop_map(|step| f64::from(step) / 8.0), any::<bool>()), 0..40)
}

fn scores(images: &[(f64, bool)]) -> [Option<f64>; 4] {
    let (values, is_of_class): (Vec<f64>, Vec<bool>) = images.iter().copied().unzip();
    ranking_scores(&values, &is_of_class).unwrap().each().map(|score| *score)
}

fn bins(images: &[(f64, bool)]) -> Vec<ReliabilityBin> {
    reliability_bins(&[&top(images)])
}

fn top(images: &[(f64, bool)]) -> Vec<TopProbability> {
    let top = |&(probability, is_right): &(f64, bool)| TopProbability { probability, is_right };
    images.iter().map(top).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn only_the_order_of_values_counts(images in images()) {
        let changed: Vec<_> = images.iter().map(|&(p, inside)| (p.powi(3) - 5.0, inside)).collect();
        prop_assert_eq!(scores(&images), scores(&changed));
        let mut turned = images.clone();
        turned.reverse();
        prop_assert_eq!(scores(&images), scores(&turned));
    }

    #[test]
    fn auroc_is_the_share_of_pairs_in_order(images in images()) {
        let (mut half_pairs, mut num) = (0u32, 0u32);
        for (inside, _) in images.iter().filter(|(_, is_of_class)| *is_of_class) {
            for (outside, _) in images.iter().filter(|(_, is_of_class)| !is_of_class) {
                half_pairs += u32::from(inside > outside) + u32::from(inside >= outside);
                num += 2;
            }
        }
        let expected = (num > 0).then(|| f64::from(half_pairs) / f64::from(num));
        prop_assert!(is_close(scores(&images)[0], expected));
        // The other class in the other order has the same.
        let others: Vec<_> = images.iter().map(|&(p, inside)| (-p, !inside)).collect();
        prop_assert!(is_close(scores(&others)[0], expected));
    }

    #[test]
    fn scores_lie_between_nothing_and_all(images in images()) {
        let [auroc, auprc, at_95, at_80] = scores(&images);
        for score in [auroc, auprc, at_95, at_80].into_iter().flatten() {
            prop_assert!((0.0..=1.0 + TOLERANCE).contains(&score), "{}", score);
        }
        prop_assert!(at_95 <= at_80);
        // Values that are the label itself are a perfect order.
        let perfect: Vec<_> =
            images.iter().map(|&(_, inside)| (if inside { 1.0 } else { 0.0 }, inside)).collect();
        if auroc.is_some() {
            prop_assert_eq!(scores(&perfect), [Some(1.0); 4]);
        }
    }

    #[test]
    fn the_calibration_error_is_that_of_its_bins(images in images()) {
        let expected: f64 = bins(&images)
            .iter()
            .filter_map(|bin| Some(bin.n as f64 * (bin.accuracy? - bin.probability?).abs()))
            .sum();
        let expected = (!images.is_empty()).then(|| expected / images.len() as f64);
        prop_assert!(is_close(calibration_error(&top(&images)), expected));
        prop_assert_eq!(bins(&images).iter().map(|bin| bin.n).sum::<usize>(), images.len());
    }
}
