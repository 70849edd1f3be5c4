//! How well probabilities put the images of each label before the others, over all labels.

use crate::labels::{num_columns, times_of};
use crate::ranking::{RankedImages, check_finite};
use crate::{EvalError, RankingScores, Score, percentile_interval};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Scores of an order of images by the probability of each label, one label against its absence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelRankings {
    /// In the order of the labels; `n` counts images, and `undefined` those of a label that no image has, or
    /// every one.
    pub labels: Vec<RankingScores<Score>>,
    /// Means over the labels where the score is defined. Their rows are labels: `undefined` counts the others.
    pub macro_mean: RankingScores<Score>,
    /// Scores of one order of all pairs of an image and a label; `n` counts images.
    pub micro: RankingScores<Score>,
}

/// Scores of `values` as an order of the images of each label.
///
/// Of images with one class each, `labels` are those of [`crate::one_hot`], and a label is a class against the
/// rest. Intervals are those of [`percentile_interval`] over images; without `resamples` there are none.
///
/// # Shapes
/// `values[image][label]`, `labels[image][label]`, `resamples[resample][image]` are indices of images.
///
/// # Errors
/// Rows of other numbers, a value that is not finite, an index that is not of an image.
///
/// # Source
/// See [`RankingScores`]; parity with scikit-learn's `roc_auc_score` and `average_precision_score` with `average`
/// `None`, `"macro"` and `"micro"`, which do not leave undefined labels out.
pub fn label_rankings(
    values: &[&[f64]],
    labels: &[&[bool]],
    resamples: &[Vec<u32>],
) -> Result<LabelRankings, EvalError> {
    let orders = Orders::new(values, labels)?;
    let num_images = values.len();
    let found = orders.scores(&vec![1; num_images]);
    let times = times_of(resamples, num_images)?;
    let resampled: Vec<Vec<RankingScores<Option<f64>>>> =
        times.par_iter().map(|times| orders.scores(times)).collect();
    let rows = found.iter().enumerate().map(|(row, scores)| {
        let mut with_intervals = RankingScores::<Score>::default();
        for (idx, score) in with_intervals.each_mut().into_iter().enumerate() {
            let values: Vec<_> = resampled.iter().map(|rows| *rows[row].each()[idx]).collect();
            *score = Score::over_images(*scores.each()[idx], num_images);
            score.interval = percentile_interval(&values);
        }
        with_intervals
    });
    let mut rows: Vec<RankingScores<Score>> = rows.collect();
    let micro = rows.pop().unwrap_or_default();
    let mut macro_mean = rows.pop().unwrap_or_default();
    for (idx, score) in macro_mean.each_mut().into_iter().enumerate() {
        score.n = rows.iter().filter(|label| label.each()[idx].mean.is_some()).count();
        score.undefined = rows.len() - score.n;
    }
    Ok(LabelRankings { labels: rows, macro_mean, micro })
}

/// The images in the order of each label's values, and all pairs of image and label in one order.
pub(crate) struct Orders<'a> {
    labels: &'a [&'a [bool]],
    num_labels: usize,
    by_label: Vec<RankedImages>,
    /// Of the pairs, those of an image one after the other.
    of_pairs: RankedImages,
}

impl<'a> Orders<'a> {
    pub(crate) fn new(values: &[&[f64]], labels: &'a [&'a [bool]]) -> Result<Self, EvalError> {
        let num_labels = num_columns("values", values, labels)?;
        let column = |label: usize| values.iter().map(|row| row[label]).collect::<Vec<f64>>();
        for label in 0..num_labels {
            check_finite(&column(label))?;
        }
        let by_label = (0..num_labels).map(|label| RankedImages::new(&column(label)));
        Ok(Self {
            labels,
            num_labels,
            by_label: by_label.collect::<Result<_, _>>()?,
            of_pairs: RankedImages::new(&values.concat())?,
        })
    }

    /// The scores of each label, their means, and those of all pairs, where image `i` is there `times[i]` times.
    pub(crate) fn scores(&self, times: &[u32]) -> Vec<RankingScores<Option<f64>>> {
        let of_label = |(label, order): (usize, &RankedImages)| {
            order.scores(|image| self.labels[image][label], times)
        };
        let mut rows: Vec<_> = self.by_label.iter().enumerate().map(of_label).collect();
        let num_labels = self.num_labels;
        let of_pairs: Vec<u32> =
            times.iter().flat_map(|&times| std::iter::repeat_n(times, num_labels)).collect();
        let has_label = |pair: usize| self.labels[pair / num_labels][pair % num_labels];
        rows.push(RankingScores::macro_means(&rows));
        rows.push(self.of_pairs.scores(has_label, &of_pairs));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macro_and_micro_by_hand() {
        // Label 0: images 0 and 2 have it, .9 and .3 against .5: 1 of 2 pairs. Label 1: image 1, .2 against .1
        // and .4: 1 of 2. Label 2: none.
        let values: [&[f64]; 3] = [&[0.9, 0.1, 0.6], &[0.5, 0.2, 0.7], &[0.3, 0.4, 0.8]];
        let labels: [&[bool]; 3] =
            [&[true, false, false], &[false, true, false], &[true, false, false]];
        let found = label_rankings(&values, &labels, &[]).unwrap();
        let area = |scores: &RankingScores<Score>| (scores.auroc.mean, scores.auroc.n);
        assert_eq!(
            found.labels.iter().map(area).collect::<Vec<_>>(),
            [(Some(0.5), 3), (Some(0.5), 3), (None, 0)]
        );
        assert_eq!(area(&found.macro_mean), (Some(0.5), 2));
        assert_eq!(found.macro_mean.auroc.undefined, 1);
        // .9 above all 6 others, .3 above .1, .2 above .1: 8 of 18.
        assert_eq!(area(&found.micro), (Some(8.0 / 18.0), 3));
        assert_eq!(found.micro.auroc.interval, None);
    }

    #[test]
    fn nothing_has_no_score() {
        let found = label_rankings(&[], &[], &[]).unwrap();
        assert!(found.labels.is_empty());
        assert_eq!((found.micro.auprc.mean, found.macro_mean.auprc.mean), (None, None));
    }

    #[test]
    fn wrong_input_is_named() {
        let error = label_rankings(&[&[f64::NAN]], &[&[true]], &[]).unwrap_err();
        assert_eq!(error.to_string(), "value of image 0: found NaN, expected a finite number");
        let error = label_rankings(&[&[0.5]], &[&[true]], &[vec![1]]).unwrap_err();
        assert_eq!(error.to_string(), "resample: found 1, expected indices below 1");
    }
}
