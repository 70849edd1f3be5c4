//! Intervals of the scores of several labels over several seeds.

use crate::label_rankings::Orders;
use crate::labels::times_of;
use crate::multilabel::Rows;
use crate::{EvalError, LabelRecord, RankingScores, Score, mean, percentile_interval};
use rayon::prelude::*;

/// What one network says of images with any number of labels.
#[derive(Debug, Clone, Copy)]
pub struct LabelNetwork<'a> {
    /// `[image][label]`.
    pub probabilities: &'a [&'a [f64]],
    /// `[image][label]`.
    pub predicted: &'a [&'a [bool]],
}

/// Gives each score of `record`, the mean over `networks` that differ in nothing but the seed, the interval of that mean
/// by [`percentile_interval`] over images.
///
/// # Shapes
/// `gold[image][label]`, `labels` are the names of its columns, `resamples[resample][image]` are indices of images.
///
/// # Errors
/// Rows of other numbers, a value that is not finite, an index that is not of an image.
pub fn add_label_intervals(
    record: &mut LabelRecord,
    labels: &[String],
    networks: &[LabelNetwork<'_>],
    gold: &[&[bool]],
    resamples: &[Vec<u32>],
) -> Result<(), EvalError> {
    let networks: Vec<Scored<'_>> =
        networks.iter().map(|network| Scored::new(network, gold)).collect::<Result<_, _>>()?;
    let times = times_of(resamples, gold.len())?;
    let over_networks = |times: &Vec<u32>| -> Vec<Option<f64>> {
        let all: Vec<Vec<Option<f64>>> = networks.iter().map(|one| one.values(times)).collect();
        let of_score =
            |idx: usize| mean(&all.iter().filter_map(|one| one[idx]).collect::<Vec<_>>());
        (0..all.first().map_or(0, Vec::len)).map(of_score).collect()
    };
    let resampled: Vec<Vec<Option<f64>>> = times.par_iter().map(over_networks).collect();
    for (idx, score) in each_mut(record, labels).into_iter().enumerate() {
        let values: Vec<Option<f64>> =
            resampled.iter().map(|one| one.get(idx).copied().flatten()).collect();
        score.interval = percentile_interval(&values);
    }
    Ok(())
}

/// Every score in the order of [`Scored::values`].
fn each_mut<'a>(record: &'a mut LabelRecord, labels: &[String]) -> Vec<&'a mut Score> {
    let mut scores = vec![
        &mut record.micro_f1,
        &mut record.macro_f1,
        &mut record.sample_f1,
        &mut record.hamming_loss,
        &mut record.subset_accuracy,
    ];
    scores.extend(record.macro_ranking.each_mut());
    scores.extend(record.micro_ranking.each_mut());
    let place = |name: &String| labels.iter().position(|label| label == name);
    let mut rows: Vec<_> = record.labels.iter_mut().collect();
    rows.sort_by_key(|(name, _)| place(name));
    for (_, row) in rows {
        let one = &mut row.scores;
        scores.extend([&mut one.f1, &mut one.sensitivity, &mut one.specificity]);
        scores.extend(one.ranking.iter_mut().flat_map(RankingScores::each_mut));
    }
    scores
}

/// A network whose scores can be computed on any resample.
struct Scored<'a> {
    rows: Rows<'a>,
    orders: Orders<'a>,
}

impl<'a> Scored<'a> {
    fn new(network: &LabelNetwork<'a>, gold: &'a [&'a [bool]]) -> Result<Self, EvalError> {
        Ok(Self {
            rows: Rows::new(network.predicted, gold)?,
            orders: Orders::new(network.probabilities, gold)?,
        })
    }

    /// Every score where image `i` is there `times[i]` times.
    fn values(&self, times: &[u32]) -> Vec<Option<f64>> {
        let (mut values, of_labels) = self.rows.values(times);
        let mut rankings = self.orders.scores(times);
        // The labels are followed by their means and by all together.
        let over_all = rankings.split_off(of_labels.len());
        values.extend(over_all.iter().flat_map(|row| row.each().map(|score| *score)));
        for (scores, ranking) in of_labels.into_iter().zip(&rankings) {
            values.extend(scores);
            values.extend(ranking.each().map(|score| *score));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLD: [[bool; 2]; 4] = [[true, false], [false, true], [true, true], [false, false]];

    /// A network's probabilities, and the labels from 0.5 on.
    struct Network {
        probabilities: Vec<[f64; 2]>,
        predicted: Vec<[bool; 2]>,
    }

    fn network(shift: f64) -> Network {
        let p = |idx: usize| 0.2 + 0.07 * idx as f64 + if idx % 3 == 1 { shift } else { 0.0 };
        let probabilities: Vec<[f64; 2]> =
            (0..4).map(|image| [p(2 * image), p(7 - 2 * image)]).collect();
        let predicted = probabilities.iter().map(|row| row.map(|p| p >= 0.5)).collect();
        Network { probabilities, predicted }
    }

    /// The rows of the images `draws`.
    fn drawn<'a, T>(rows: &'a [[T; 2]], draws: &[u32]) -> Vec<&'a [T]> {
        draws.iter().map(|&image| &rows[image as usize][..]).collect()
    }

    /// The record over the seeds on the images `draws`, without intervals.
    fn record(networks: &[Network], labels: &[String], draws: &[u32]) -> LabelRecord {
        let of_network = |one: &Network| {
            let [predicted, gold] = [&one.predicted, &GOLD[..]].map(|rows| drawn(rows, draws));
            let probabilities = drawn(&one.probabilities, draws);
            LabelRecord::new(labels, &probabilities, &predicted, &gold, &[]).unwrap()
        };
        let records: Vec<LabelRecord> = networks.iter().map(of_network).collect();
        let records: Vec<Option<&LabelRecord>> = records.iter().map(Some).collect();
        LabelRecord::over_seeds(&records).unwrap().unwrap()
    }

    #[test]
    fn an_interval_is_of_the_mean_over_the_seeds_on_resampled_images() {
        let labels = ["scale", "crust"].map(str::to_string);
        let networks = [network(0.0), network(0.4)];
        let resample = |seed: u32| (0..4).map(|idx| (seed * 7 + idx * (seed + 3)) % 4).collect();
        let resamples: Vec<Vec<u32>> = (0..20).map(resample).collect();
        let all = [0, 1, 2, 3];
        let mut found = record(&networks, &labels, &all);
        let rows = networks
            .each_ref()
            .map(|one| (drawn(&one.probabilities, &all), drawn(&one.predicted, &all)));
        let seeds = rows
            .each_ref()
            .map(|(probabilities, predicted)| LabelNetwork { probabilities, predicted });
        let gold = drawn(&GOLD, &all);
        add_label_intervals(&mut found, &labels, &seeds, &gold, &resamples).unwrap();

        // Each resample scored by itself, its images written out.
        let mean_of = |draws: &Vec<u32>| -> Vec<Option<f64>> {
            let mut record = record(&networks, &labels, draws);
            each_mut(&mut record, &labels).iter().map(|score| score.mean).collect()
        };
        let means: Vec<Vec<Option<f64>>> = resamples.iter().map(mean_of).collect();
        let scores = each_mut(&mut found, &labels);
        assert_eq!(scores.len(), 5 + 4 + 4 + 2 * 7);
        for (idx, score) in scores.iter().enumerate() {
            let expected =
                percentile_interval(&means.iter().map(|one| one[idx]).collect::<Vec<_>>());
            let ends = score.interval.into_iter().flatten().zip(expected.into_iter().flatten());
            assert_eq!(score.interval.is_some(), expected.is_some(), "score {idx}");
            assert!(
                ends.into_iter().all(|(one, other)| (one - other).abs() < 1e-12),
                "score {idx}"
            );
        }
        assert!(scores.iter().filter(|score| score.interval.is_some()).count() > 20);
    }
}
