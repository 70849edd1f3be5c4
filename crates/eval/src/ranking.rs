//! How well the probability of a class puts its images before all others.

use crate::{EvalError, mean};
use serde::{Deserialize, Serialize};

/// The specificities, in percent, at which sensitivities are taken.
const SPECIFICITY_PERCENT: [u64; 2] = [95, 80];

/// Scores of an order of images by the probability of one class, one against the rest; as `T` a value that
/// may be undefined, or a [`crate::Score`].
///
/// All lie in \[0, 1\], higher is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankingScores<T> {
    /// Area under the ROC curve: the probability that an image of the class has a higher value than one of
    /// another class, ties half. Chance is 0.5.
    pub auroc: T,
    /// Average precision, the area under the steps of the precision-recall curve. Chance is the share of the
    /// class's images.
    pub auprc: T,
    /// The largest sensitivity of a threshold with a specificity of 0.95 or more.
    pub sensitivity_at_specificity_95: T,
    /// The largest sensitivity of a threshold with a specificity of 0.80 or more.
    pub sensitivity_at_specificity_80: T,
}

impl<T> RankingScores<T> {
    /// What records call the scores, in their order.
    pub const NAMES: [&str; 4] =
        ["auroc", "auprc", "sensitivity_at_specificity_95", "sensitivity_at_specificity_80"];

    /// The scores in the order of [`Self::NAMES`].
    pub fn each(&self) -> [&T; 4] {
        [
            &self.auroc,
            &self.auprc,
            &self.sensitivity_at_specificity_95,
            &self.sensitivity_at_specificity_80,
        ]
    }

    /// The same, to be changed.
    pub(crate) fn each_mut(&mut self) -> [&mut T; 4] {
        [
            &mut self.auroc,
            &mut self.auprc,
            &mut self.sensitivity_at_specificity_95,
            &mut self.sensitivity_at_specificity_80,
        ]
    }
}

impl<T> RankingScores<Option<T>> {
    /// The scores, if all are there.
    pub(crate) fn all(self) -> Option<RankingScores<T>> {
        let Self { auroc, auprc, sensitivity_at_specificity_95, sensitivity_at_specificity_80 } =
            self;
        Some(RankingScores {
            auroc: auroc?,
            auprc: auprc?,
            sensitivity_at_specificity_95: sensitivity_at_specificity_95?,
            sensitivity_at_specificity_80: sensitivity_at_specificity_80?,
        })
    }
}

impl RankingScores<Option<f64>> {
    /// The means over the classes where the score is defined.
    pub(crate) fn macro_means(classes: &[Self]) -> Self {
        let mut means = Self::default();
        for (idx, macro_mean) in means.each_mut().into_iter().enumerate() {
            let of_classes = classes.iter().filter_map(|class| *class.each()[idx]);
            *macro_mean = mean(&of_classes.collect::<Vec<f64>>());
        }
        means
    }
}

impl<T> From<[T; 4]> for RankingScores<T> {
    fn from([auroc, auprc, at_95, at_80]: [T; 4]) -> Self {
        Self {
            auroc,
            auprc,
            sensitivity_at_specificity_95: at_95,
            sensitivity_at_specificity_80: at_80,
        }
    }
}

/// Scores how well `values` put the images that are of the class before the others.
///
/// Undefined without an image of the class, and without one of another. Only the order of the values counts;
/// images of equal values are behind one threshold together.
///
/// # Shapes
/// `values[image]`, `is_of_class[image]`.
///
/// # Errors
/// Other numbers of images, a value that is not finite.
///
/// # Source
/// Fawcett, 2006, <https://doi.org/10.1016/j.patrec.2005.10.010> (ROC curve); Davis and Goadrich, 2006,
/// <https://doi.org/10.1145/1143844.1143874> (precision and recall; points are not connected linearly). Parity
/// with scikit-learn's `roc_auc_score`, `average_precision_score` and `roc_curve`.
pub fn ranking_scores(
    values: &[f64],
    is_of_class: &[bool],
) -> Result<RankingScores<Option<f64>>, EvalError> {
    check_lengths(values, is_of_class)?;
    let ranked = RankedImages::new(values)?;
    Ok(ranked.scores(|image| is_of_class[image], &vec![1; values.len()]))
}

/// One value for each image.
pub(crate) fn check_lengths(values: &[f64], is_of_class: &[bool]) -> Result<(), EvalError> {
    if values.len() == is_of_class.len() {
        return Ok(());
    }
    let message = format!("found {} values for {} images", values.len(), is_of_class.len());
    Err(EvalError::new("ranking", message))
}

/// No value that has no place in an order.
pub(crate) fn check_finite(values: &[f64]) -> Result<(), EvalError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(image) => {
            let message = format!("found {}, expected a finite number", values[image]);
            Err(EvalError::new(format!("value of image {image}"), message))
        }
    }
}

/// Images from the highest value to the lowest.
#[derive(Debug, Clone)]
pub(crate) struct RankedImages {
    /// Images of equal values stand together.
    order: Vec<u32>,
    /// Where in `order` those of one value end.
    ends: Vec<usize>,
}

impl RankedImages {
    /// Sorts the images by `values[image]`.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn new(values: &[f64]) -> Result<Self, EvalError> {
        check_finite(values)?;
        let value = |image: u32| values[image as usize];
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        order.sort_by(|&one, &other| value(other).total_cmp(&value(one)));
        let mut ends = Vec::new();
        for (place, &image) in order.iter().enumerate() {
            // -0 and 0 are one value.
            if order.get(place + 1).is_none_or(|&next| value(next) != value(image)) {
                ends.push(place + 1);
            }
        }
        Ok(Self { order, ends })
    }

    /// The images of one value after the other, from the highest value to the lowest.
    pub fn tied(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.order[start..end])
    }

    /// The scores where image `i` is there `times[i]` times.
    ///
    /// Counts are whole numbers up to the one division, so no rounding adds up.
    pub fn scores(
        &self,
        is_of_class: impl Fn(usize) -> bool,
        times: &[u32],
    ) -> RankingScores<Option<f64>> {
        let (mut num_inside, mut num_outside) = (0, 0);
        let count = |image: u32, inside: &mut u64, outside: &mut u64| {
            let image = image as usize;
            let counted = if is_of_class(image) { inside } else { outside };
            *counted += u64::from(times[image]);
        };
        self.order.iter().for_each(|&image| count(image, &mut num_inside, &mut num_outside));
        if num_inside == 0 || num_outside == 0 {
            return RankingScores::default();
        }
        let (mut inside, mut outside) = (0, 0);
        // In pairs of an image of the class and another one, a tie as one, else as two.
        let mut num_half_pairs = 0;
        let mut precision = 0.0;
        let mut found_at = [0; 2];
        for tied in self.tied() {
            let (inside_before, outside_before) = (inside, outside);
            for &image in tied {
                count(image, &mut inside, &mut outside);
            }
            let (tied_inside, tied_outside) = (inside - inside_before, outside - outside_before);
            num_half_pairs += tied_outside * (2 * inside_before + tied_inside);
            if tied_inside > 0 {
                precision += tied_inside as f64 * inside as f64 / (inside + outside) as f64;
            }
            for (found, percent) in found_at.iter_mut().zip(SPECIFICITY_PERCENT) {
                if 100 * (num_outside - outside) >= percent * num_outside {
                    *found = inside;
                }
            }
        }
        let [at_95, at_80] = found_at.map(|found: u64| found as f64 / num_inside as f64);
        let num_pairs = num_inside as f64 * num_outside as f64;
        let auroc = num_half_pairs as f64 / (2.0 * num_pairs);
        [auroc, precision / num_inside as f64, at_95, at_80].map(Some).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[f64], is_of_class: &[bool]) -> [Option<f64>; 4] {
        ranking_scores(values, is_of_class).unwrap().each().map(|score| *score)
    }

    #[test]
    fn a_small_order_by_hand() {
        // From the top: class, other, class and other tied, other, class.
        let values = [0.9, 0.8, 0.5, 0.5, 0.3, 0.1];
        let is_of_class = [true, false, true, false, false, true];
        let [auroc, auprc, at_95, at_80] = scores(&values, &is_of_class);
        // Pairs won: the first beats 3 others, the tied one 1 and half of 1, the last none: 4.5 of 9.
        assert_eq!(auroc, Some(4.5 / 9.0));
        // Precision where images of the class are found: 1/1, at the tie 2/4, at the end 3/6.
        assert_eq!(auprc, Some((1.0 + 0.5 + 0.5) / 3.0));
        // Of 3 others none may be found at 0.95 and 0.80: only the first threshold.
        assert_eq!((at_95, at_80), (Some(1.0 / 3.0), Some(1.0 / 3.0)));
    }

    #[test]
    fn sensitivity_is_of_the_last_threshold_that_is_specific_enough() {
        // One of the class behind each of 4 of 20 others, then the rest: 1 of 20 found is 0.95, 4 are 0.80.
        let is_of_class: Vec<bool> = (0..25).map(|place| place < 10 && place % 2 == 1).collect();
        let values: Vec<f64> = (0..25).map(|place| f64::from(-place)).collect();
        let [_, _, at_95, at_80] = scores(&values, &is_of_class);
        assert_eq!(is_of_class.iter().filter(|one| **one).count(), 5);
        // Other, class (specificity 19/20), other, class, other, class, other, class (16/20), ...
        assert_eq!((at_95, at_80), (Some(1.0 / 5.0), Some(4.0 / 5.0)));
    }

    #[test]
    fn a_class_without_images_or_with_all_of_them_is_undefined() {
        assert_eq!(scores(&[0.1, 0.2], &[false, false]), [None; 4]);
        assert_eq!(scores(&[0.1, 0.2], &[true, true]), [None; 4]);
        assert_eq!(scores(&[], &[]), [None; 4]);
    }

    #[test]
    fn equal_values_have_no_order() {
        // One threshold finds all: precision is the share of the class, and no threshold is specific.
        let [auroc, auprc, at_95, at_80] =
            scores(&[0.0, -0.0, 0.0, 0.0], &[true, false, false, false]);
        assert_eq!((auroc, auprc, at_95, at_80), (Some(0.5), Some(0.25), Some(0.0), Some(0.0)));
    }

    #[test]
    fn images_count_as_often_as_they_are_there() {
        let (values, is_of_class) = ([0.9, 0.7, 0.4], [true, false, true]);
        let ranked = RankedImages::new(&values).unwrap();
        let found = ranked.scores(|image| is_of_class[image], &[2, 1, 0]);
        let again = ranking_scores(&[0.9, 0.9, 0.7], &[true, true, false]).unwrap();
        assert_eq!(found, again);
    }

    #[test]
    fn wrong_input_is_named() {
        let error = ranking_scores(&[0.5], &[]).unwrap_err().to_string();
        assert_eq!(error, "ranking: found 1 values for 0 images");
        let error = ranking_scores(&[0.5, f64::NAN], &[true, false]).unwrap_err().to_string();
        assert_eq!(error, "value of image 1: found NaN, expected a finite number");
    }
}
