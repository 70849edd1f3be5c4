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

    const LABELS: [&str; 2] = ["scale", "crust"];
    const GOLD: [[bool; 2]; 4] = [[true, false], [false, true], [true, true], [false, false]];

    /// Two networks with probabilities that differ, and 20 resamples.
    fn networks() -> (Vec<Vec<[f64; 2]>>, Vec<Vec<u32>>) {
        let of = |shift: f64| {
            let value = |idx: usize| 0.2 + 0.07 * (idx as f64) + shift * f64::from(idx % 3 == 0);
            (0..4).map(|image| [value(2 * image), value(7 - 2 * image)]).collect::<Vec<_>>()
        };
        let resample = |seed: u32| (0..4).map(|idx| (seed * 7 + idx * (seed + 3)) % 4).collect();
        (vec![of(0.0), of(0.4)], (0..20).map(resample).collect())
    }

    fn record(networks: &[Vec<[f64; 2]>], resamples: &[Vec<u32>], draws: &[u32]) -> LabelRecord {
        let labels = LABELS.map(str::to_string);
        let gold: Vec<&[bool]> = draws.iter().map(|&image| &GOLD[image as usize][..]).collect();
        let records: Vec<LabelRecord> = networks
            .iter()
            .map(|network| {
                let probabilities: Vec<&[f64]> =
                    draws.iter().map(|&image| &network[image as usize][..]).collect();
                let predicted: Vec<Vec<bool>> = probabilities
                    .iter()
                    .map(|row| row.iter().map(|p| *p >= 0.5).collect())
                    .collect();
                let predicted: Vec<&[bool]> = predicted.iter().map(Vec::as_slice).collect();
                LabelRecord::new(&labels, &probabilities, &predicted, &gold, &[]).unwrap()
            })
            .collect();
        let each: Vec<Option<&LabelRecord>> = records.iter().map(Some).collect();
        let mut over = LabelRecord::over_seeds(&each).unwrap().unwrap();
        let all: Vec<(Vec<&[f64]>, Vec<Vec<bool>>)> = networks
            .iter()
            .map(|network| {
                let rows: Vec<&[f64]> = network.iter().map(|row| &row[..]).collect();
                let given = network.iter().map(|row| row.iter().map(|p| *p >= 0.5).collect());
                (rows, given.collect())
            })
            .collect();
        let predicted: Vec<Vec<&[bool]>> =
            all.iter().map(|(_, rows)| rows.iter().map(Vec::as_slice).collect()).collect();
        let networks: Vec<LabelNetwork<'_>> = all
            .iter()
            .zip(&predicted)
            .map(|((probabilities, _), predicted)| LabelNetwork { probabilities, predicted })
            .collect();
        let gold: Vec<&[bool]> = GOLD.iter().map(|row| &row[..]).collect();
        add_label_intervals(&mut over, &labels, &networks, &gold, resamples).unwrap();
        over
    }

    #[test]
    fn an_interval_is_of_the_mean_over_the_seeds_on_resampled_images() {
        let (networks, resamples) = networks();
        let mut found = record(&networks, &resamples, &[0, 1, 2, 3]);
        // Each resample scored by itself: its images written out.
        let mut by_hand: Vec<LabelRecord> =
            resamples.iter().map(|draws| record(&networks, &[], draws)).collect();
        let labels = LABELS.map(str::to_string);
        let means: Vec<Vec<Option<f64>>> = by_hand
            .iter_mut()
            .map(|one| each_mut(one, &labels).iter().map(|score| score.mean).collect())
            .collect();
        let scores = each_mut(&mut found, &labels);
        assert_eq!(scores.len(), 5 + 4 + 4 + 2 * 7);
        for (idx, score) in scores.iter().enumerate() {
            let values: Vec<Option<f64>> = means.iter().map(|one| one[idx]).collect();
            let expected = percentile_interval(&values);
            let gap = score
                .interval
                .zip(expected)
                .map(|(a, b)| (a[0] - b[0]).abs() + (a[1] - b[1]).abs());
            assert!(score.interval.is_some() == expected.is_some(), "{idx}");
            assert!(gap.is_none_or(|gap| gap < 1e-12), "{idx}: {gap:?}");
        }
        assert!(scores.iter().filter(|score| score.interval.is_some()).count() > 20);
    }
}
