//! Scores of predictions where an image may have several labels, or none.

use crate::diagnosis::ratio;
use crate::labels::{num_columns, times_of};
use crate::{ClassScores, EvalError, Score, mean, percentile_interval};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How well several labels an image were predicted.
///
/// TP, FP, FN and TN count images of one label. All scores lie in \[0, 1\], and 0/0 is undefined.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MultilabelScores {
    /// `2 TP / (2 TP + FP + FN)` with counts over all labels together; higher is better. `n` counts images.
    pub micro_f1: Score,
    /// Mean of the labels' F1, higher is better. Its rows are labels: `undefined` counts those that no image has
    /// and none was given, which are left out.
    pub macro_f1: Score,
    /// Mean over images of the F1 of an image's labels, higher is better. Its rows are images: `undefined` counts
    /// those that have no label and were given none, which are left out.
    pub sample_f1: Score,
    /// Share of the pairs of image and label that are wrong, lower is better. `n` counts images.
    pub hamming_loss: Score,
    /// Share of the images whose labels are all right, higher is better.
    pub subset_accuracy: Score,
    /// F1, sensitivity and specificity in the order of the labels; `n` counts images. Rankings are in
    /// [`crate::label_rankings`].
    pub labels: Vec<ClassScores>,
}

/// Scores predicted labels against the gold ones.
///
/// Intervals of shares of images (subset accuracy, sensitivity, specificity) are Wilson's, the others those of
/// [`percentile_interval`] over images, without `resamples` none.
///
/// # Shapes
/// `predicted[image][label]`, `gold[image][label]`, `resamples[resample][image]` are indices of images.
///
/// # Errors
/// Rows of other numbers, an index that is not of an image.
///
/// # Source
/// Tsoumakas and Katakis, 2007, <https://doi.org/10.4018/jdwm.2007070101>. Parity with scikit-learn's `f1_score`
/// (`average` `"micro"`, `"macro"` and `"samples"`, `zero_division=nan`), `hamming_loss` and `accuracy_score`.
pub fn multilabel_scores(
    predicted: &[&[bool]],
    gold: &[&[bool]],
    resamples: &[Vec<u32>],
) -> Result<MultilabelScores, EvalError> {
    let num_images = gold.len();
    let rows = Rows::new(predicted, gold)?;
    let once = vec![1; num_images];
    let times = times_of(resamples, num_images)?;
    let resampled: Vec<Vec<Option<f64>>> =
        times.par_iter().map(|times| rows.resampled_scores(times)).collect();
    let interval = |idx: usize| {
        percentile_interval(&resampled.iter().map(|values| values[idx]).collect::<Vec<_>>())
    };
    let counts = rows.counts(&once);
    let all = Counts::sum(&counts);
    let label_f1: Vec<Option<f64>> = counts.iter().map(Counts::f1).collect();
    let num_exact = rows.num_exact(&once);
    let of_label = |(label, counts): (usize, &Counts)| ClassScores {
        f1: Score {
            interval: interval(FIRST_LABEL + label),
            ..Score::over_images(counts.f1(), num_images)
        },
        sensitivity: share(counts.both, counts.both + counts.missed, num_images),
        specificity: share(counts.neither, counts.neither + counts.wrong, num_images),
        ..ClassScores::default()
    };
    Ok(MultilabelScores {
        micro_f1: Score { interval: interval(0), ..Score::over_images(all.f1(), num_images) },
        macro_f1: Score { interval: interval(1), std: None, ..Score::over(&label_f1) },
        sample_f1: Score::over_resampled(&rows.image_f1(), resamples)?,
        hamming_loss: Score {
            interval: interval(2),
            ..Score::over_images(all.hamming_loss(), num_images)
        },
        subset_accuracy: share(num_exact, num_images as u64, num_images),
        labels: counts.iter().enumerate().map(of_label).collect(),
    })
}

/// Where the labels begin in [`Rows::resampled_scores`].
const FIRST_LABEL: usize = 3;

/// A share of some of the images, with its interval.
fn share(part: u64, whole: u64, num_images: usize) -> Score {
    Score::over_images(ratio(part, whole), num_images).with_share_interval(whole as usize)
}

/// Images, or pairs of image and label, by what they have and what they were given.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// TP.
    both: u64,
    /// FP.
    wrong: u64,
    /// FN.
    missed: u64,
    /// TN.
    neither: u64,
}

impl Counts {
    fn add(&mut self, predicted: bool, gold: bool, times: u64) {
        let counted = match (predicted, gold) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.wrong,
            (false, true) => &mut self.missed,
            (false, false) => &mut self.neither,
        };
        *counted += times;
    }

    fn sum(counts: &[Self]) -> Self {
        let of = |count: fn(&Self) -> u64| counts.iter().map(count).sum();
        Self {
            both: of(|one| one.both),
            wrong: of(|one| one.wrong),
            missed: of(|one| one.missed),
            neither: of(|one| one.neither),
        }
    }

    fn f1(&self) -> Option<f64> {
        ratio(2 * self.both, 2 * self.both + self.wrong + self.missed)
    }

    fn hamming_loss(&self) -> Option<f64> {
        let num_wrong = self.wrong + self.missed;
        ratio(num_wrong, num_wrong + self.both + self.neither)
    }
}

/// Predicted and gold labels of images.
pub(crate) struct Rows<'a> {
    predicted: &'a [&'a [bool]],
    gold: &'a [&'a [bool]],
    num_labels: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        predicted: &'a [&'a [bool]],
        gold: &'a [&'a [bool]],
    ) -> Result<Self, EvalError> {
        let num_labels = num_columns("predictions", predicted, gold)?;
        Ok(Self { predicted, gold, num_labels })
    }
}

impl Rows<'_> {
    /// The scores over all labels in the order of [`MultilabelScores`], and F1, sensitivity and specificity of each
    /// label, where image `i` is there `times[i]` times.
    pub(crate) fn values(&self, times: &[u32]) -> (Vec<Option<f64>>, Vec<[Option<f64>; 3]>) {
        let counts = self.counts(times);
        let all = Counts::sum(&counts);
        let num_images = times.iter().map(|&times| u64::from(times)).sum();
        let of_label = |one: &Counts| {
            let sensitivity = ratio(one.both, one.both + one.missed);
            [one.f1(), sensitivity, ratio(one.neither, one.neither + one.wrong)]
        };
        let labels: Vec<[Option<f64>; 3]> = counts.iter().map(of_label).collect();
        let macro_f1 = mean(&labels.iter().filter_map(|one| one[0]).collect::<Vec<_>>());
        let subset_accuracy = ratio(self.num_exact(times), num_images);
        let of_images = self.image_f1();
        let of_images =
            of_images.iter().zip(times).filter_map(|(f1, times)| Some(((*f1)?, *times)));
        let (sum, num) = of_images
            .fold((0.0, 0), |(sum, num), (f1, times)| (sum + f1 * f64::from(times), num + times));
        let sample_f1 = (num > 0).then(|| sum / f64::from(num));
        (vec![all.f1(), macro_f1, sample_f1, all.hamming_loss(), subset_accuracy], labels)
    }

    fn pairs(&self) -> impl Iterator<Item = (&[bool], &[bool])> {
        self.predicted.iter().zip(self.gold).map(|(predicted, gold)| (*predicted, *gold))
    }

    /// By label, where image `i` is there `times[i]` times.
    fn counts(&self, times: &[u32]) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); self.num_labels];
        for ((predicted, gold), &times) in self.pairs().zip(times) {
            for ((count, &predicted), &gold) in counts.iter_mut().zip(predicted).zip(gold) {
                count.add(predicted, gold, u64::from(times));
            }
        }
        counts
    }

    fn num_exact(&self, times: &[u32]) -> u64 {
        let exact = self.pairs().zip(times).filter(|((predicted, gold), _)| predicted == gold);
        exact.map(|(_, &times)| u64::from(times)).sum()
    }

    /// The F1 of each image's labels.
    fn image_f1(&self) -> Vec<Option<f64>> {
        let of_image = |(predicted, gold): (&[bool], &[bool])| {
            let mut counts = Counts::default();
            predicted.iter().zip(gold).for_each(|(&one, &other)| counts.add(one, other, 1));
            counts.f1()
        };
        self.pairs().map(of_image).collect()
    }

    /// Micro and macro F1, the Hamming loss, and the F1 of each label.
    fn resampled_scores(&self, times: &[u32]) -> Vec<Option<f64>> {
        let counts = self.counts(times);
        let all = Counts::sum(&counts);
        let labels: Vec<Option<f64>> = counts.iter().map(Counts::f1).collect();
        let macro_f1 = mean(&labels.iter().copied().flatten().collect::<Vec<_>>());
        let mut scores = vec![all.f1(), macro_f1, all.hamming_loss()];
        scores.extend(labels);
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        // Label 0: TP 1, FP 1, FN 0, TN 2; label 1: TP 1, FN 1, TN 2; label 2: TN 4.
        let gold: [&[bool]; 4] = [
            &[true, true, false],
            &[false, false, false],
            &[false, true, false],
            &[false, false, false],
        ];
        let predicted: [&[bool]; 4] = [
            &[true, true, false],
            &[true, false, false],
            &[false, false, false],
            &[false, false, false],
        ];
        let found = multilabel_scores(&predicted, &gold, &[]).unwrap();
        // Micro 2 * 2 / (4 + 1 + 1); labels 2/3, 2/3, none.
        assert_eq!(found.micro_f1.mean, Some(4.0 / 6.0));
        assert_eq!((found.macro_f1.n, found.macro_f1.undefined), (2, 1));
        assert_eq!(found.macro_f1.mean, Some(2.0 / 3.0));
        // Images 1, 0, 0, none.
        assert_eq!((found.sample_f1.n, found.sample_f1.undefined), (3, 1));
        assert_eq!(found.sample_f1.mean, Some(1.0 / 3.0));
        assert_eq!(found.hamming_loss.mean, Some(2.0 / 12.0));
        assert_eq!(found.subset_accuracy.mean, Some(0.5));
        assert_eq!(found.subset_accuracy.interval, crate::wilson_interval(0.5, 4.0));
        let labels: Vec<_> = found
            .labels
            .iter()
            .map(|label| [label.f1.mean, label.sensitivity.mean, label.specificity.mean])
            .collect();
        assert_eq!(labels[0], [Some(2.0 / 3.0), Some(1.0), Some(2.0 / 3.0)]);
        assert_eq!(labels[1], [Some(2.0 / 3.0), Some(0.5), Some(1.0)]);
        assert_eq!(labels[2], [None, None, Some(1.0)]);
    }

    #[test]
    fn resamples_count_images_as_often_as_they_are_there() {
        let gold: [&[bool]; 2] = [&[true, false], &[false, true]];
        let predicted: [&[bool]; 2] = [&[true, true], &[false, true]];
        let found = multilabel_scores(&predicted, &gold, &[vec![0, 0]]).unwrap();
        // Twice image 0: TP 2, FP 2; labels 1 and 0; image 2/3; wrong 2 of 4.
        let micro = 4.0 / 6.0;
        assert_eq!(found.micro_f1.interval, Some([micro; 2]));
        assert_eq!(found.macro_f1.interval, Some([0.5; 2]));
        assert_eq!(found.sample_f1.interval, Some([micro; 2]));
        assert_eq!(found.hamming_loss.interval, Some([0.5; 2]));
        assert_eq!(found.labels[1].f1.interval, Some([0.0; 2]));
    }

    #[test]
    fn nothing_has_no_score_and_wrong_input_is_named() {
        let found = multilabel_scores(&[], &[], &[]).unwrap();
        assert_eq!(found.micro_f1.mean, None);
        assert_eq!((found.subset_accuracy.mean, found.hamming_loss.mean), (None, None));
        let error = multilabel_scores(&[], &[&[true]], &[]).unwrap_err().to_string();
        assert_eq!(error, "predictions: found 0 rows, expected 1 as of the labels");
        assert!(multilabel_scores(&[&[true]], &[&[true]], &[vec![3]]).is_err());
    }
}
