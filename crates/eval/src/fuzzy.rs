//! Agreement of a soft map with a binary mask.

use crate::EvalError;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How far a heat map points where an expert does.
///
/// With the map A in \[0, 1\] and the mask S in {0, 1}, summed over pixels,
/// `TP = sum min(A, S)` and `TN = sum min(1 - A, 1 - S)`. All scores lie in \[0, 1\], higher is
/// better, and 0/0 is `None`: an empty mask has no sensitivity, a full mask no specificity,
/// an all-zero map no mass, and nothing beside nothing no F1. (So an all-zero map has F1 0,
/// sensitivity 0 and specificity 1.)
///
/// # Source
/// Jalaboi et al., 2021, appendix Table 3, and their public code. `mass` is what it calls precision,
/// for a binary mask the same as the energy-based pointing game of Wang et al., 2020 (Score-CAM)
/// and the relevance mass accuracy of Arras et al., 2022.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FuzzyScores {
    /// `2 TP / (sum A + sum S)`, the soft Dice coefficient.
    pub f1: Option<f64>,
    /// `TP / sum S`.
    pub sensitivity: Option<f64>,
    /// `TN / sum (1 - S)`.
    pub specificity: Option<f64>,
    /// `sum (A S) / sum A`, the share of the map's mass inside the mask.
    pub mass: Option<f64>,
    /// `TP / sum max(A, S)`, the soft Jaccard index: `f1 / (2 - f1)`.
    pub iou: Option<f64>,
    /// `TN / sum (1 - A)`, the share outside the mask of what the map leaves dark; `None` for a map
    /// of ones.
    pub negative_predictive_value: Option<f64>,
}

/// Scores a map against a mask of the same shape; any value but 0 is inside.
///
/// # Errors
/// When the lengths differ or a value of the map is not in \[0, 1\].
pub fn fuzzy_scores(map: &[f64], mask: &[u8]) -> Result<FuzzyScores, EvalError> {
    if map.len() != mask.len() {
        return Err(EvalError::new(
            "mask",
            format!("found {} pixels, expected {} as in the map", mask.len(), map.len()),
        ));
    }
    match map.iter().position(|value| !(0.0..=1.0).contains(value)) {
        None => fuzzy_scores_runs(&prefix_sums(map), mask_runs(mask)),
        Some(idx) => Err(EvalError::new(
            format!("map, pixel {idx}"),
            format!("found {}, expected a value from 0 to 1", map[idx]),
        )),
    }
}

/// Scores a map, given as [`prefix_sums`], against a mask, given as runs of flat indices.
///
/// As S is binary, `TP = sum over the runs of A` (which is also `sum (A S)`) and
/// `TN = sum (1 - S) - (sum A - TP)`, so that a mask costs as much as it has runs.
///
/// # Errors
/// When the runs are not ascending and apart, or leave the map.
pub fn fuzzy_scores_runs(
    prefix: &[f64],
    runs: impl IntoIterator<Item = Range<usize>>,
) -> Result<FuzzyScores, EvalError> {
    let Some(num_pixels) = prefix.len().checked_sub(1) else {
        return Err(EvalError::new("map", "found no prefix sums, expected one more than pixels"));
    };
    scores_of_runs(num_pixels, |pixel| prefix[pixel], runs)
}

/// As [`fuzzy_scores_runs`], for a map of `num_pixels` pixels of which `sum_before` tells the sum of
/// the first ones, from none to all.
pub(crate) fn scores_of_runs(
    num_pixels: usize,
    sum_before: impl Fn(usize) -> f64,
    runs: impl IntoIterator<Item = Range<usize>>,
) -> Result<FuzzyScores, EvalError> {
    let (mut true_positive, mut num_inside, mut last_end) = (0.0, 0, 0);
    for run in runs {
        if run.start < last_end || run.end < run.start || run.end > num_pixels {
            return Err(wrong_run(&run, last_end, num_pixels));
        }
        true_positive += sum_before(run.end) - sum_before(run.start);
        num_inside += run.end - run.start;
        last_end = run.end;
    }
    Ok(from_sums(true_positive, sum_before(num_pixels), num_inside as f64, num_pixels as f64))
}

/// Scores one mask, taken as the map, against another, from pixel counts: those in both, in the
/// map, in the mask, and all.
pub fn binary_scores(both: usize, map: usize, mask: usize, num_pixels: usize) -> FuzzyScores {
    from_sums(both as f64, map as f64, mask as f64, num_pixels as f64)
}

/// The sum of the first i values, for i from 0 to all of them.
pub fn prefix_sums(values: &[f64]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for value in values {
        sum += value;
        sums.push(sum);
    }
    sums
}

/// The runs of flat indices where a mask is not 0, in ascending order.
pub fn mask_runs(mask: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    mask.chunk_by(|a, b| (*a != 0) == (*b != 0)).filter_map(move |run| {
        let start = end;
        end += run.len();
        (run[0] != 0).then_some(start..end)
    })
}

fn from_sums(true_positive: f64, map_sum: f64, mask_sum: f64, num_pixels: f64) -> FuzzyScores {
    let num_outside = num_pixels - mask_sum;
    let true_negative = num_outside - (map_sum - true_positive);
    FuzzyScores {
        f1: ratio(2.0 * true_positive, map_sum + mask_sum),
        sensitivity: ratio(true_positive, mask_sum),
        specificity: ratio(true_negative, num_outside),
        mass: ratio(true_positive, map_sum),
        iou: ratio(true_positive, map_sum + mask_sum - true_positive),
        negative_predictive_value: ratio(true_negative, num_pixels - map_sum),
    }
}

/// The clamp takes off what rounding adds.
fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (part / whole).clamp(0.0, 1.0))
}

pub(crate) fn wrong_run(run: &Range<usize>, last_end: usize, num_pixels: usize) -> EvalError {
    EvalError::new(
        format!("mask run {}..{}", run.start, run.end),
        format!("expected ascending runs inside {last_end}..{num_pixels}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_the_sums() {
        // A = 1 .5 .25 0, S = 1 1 0 0: TP 1.5, sum A 1.75, sum S 2, TN .75 + 1 = 1.75
        // F1 3 / 3.75 = .8, sensitivity 1.5 / 2, specificity 1.75 / 2, mass 1.5 / 1.75
        let scores = fuzzy_scores(&[1.0, 0.5, 0.25, 0.0], &[1, 1, 0, 0]).unwrap();
        assert_eq!(scores.f1, Some(0.8));
        assert_eq!(scores.sensitivity, Some(0.75));
        assert_eq!(scores.specificity, Some(0.875));
        assert_eq!(scores.mass, Some(1.5 / 1.75));
        // sum max(A, S) = 2.25, sum (1 - A) = 2.25
        assert_eq!(scores.iou, Some(1.5 / 2.25));
        assert_eq!(scores.negative_predictive_value, Some(1.75 / 2.25));
    }

    #[test]
    fn a_binary_map_scores_as_its_pixels() {
        // Map 1 1 0 0, mask 0 1 1 1: F1 2/5, sensitivity 1/3, specificity 0/1, mass 1/2.
        let scores = binary_scores(1, 2, 3, 4);
        assert_eq!(scores, fuzzy_scores(&[1.0, 1.0, 0.0, 0.0], &[0, 1, 1, 1]).unwrap());
        assert_eq!((scores.f1, scores.mass), (Some(0.4), Some(0.5)));
    }

    #[test]
    fn zero_map_misses_everything_but_the_background() {
        let scores = fuzzy_scores(&[0.0; 3], &[1, 0, 0]).unwrap();
        assert_eq!((scores.f1, scores.sensitivity), (Some(0.0), Some(0.0)));
        assert_eq!((scores.specificity, scores.mass), (Some(1.0), None));
    }

    #[test]
    fn empty_mask_has_no_sensitivity() {
        // sum A .5, TN 1.5 of 2
        let scores = fuzzy_scores(&[0.5, 0.0], &[0, 0]).unwrap();
        assert_eq!((scores.f1, scores.sensitivity), (Some(0.0), None));
        assert_eq!((scores.specificity, scores.mass), (Some(0.75), Some(0.0)));
    }

    #[test]
    fn full_mask_has_no_specificity() {
        // TP .5, F1 1 / 2.5
        let scores = fuzzy_scores(&[0.5, 0.0], &[1, 1]).unwrap();
        assert_eq!((scores.f1, scores.sensitivity), (Some(0.4), Some(0.25)));
        assert_eq!((scores.specificity, scores.mass), (None, Some(1.0)));
    }

    #[test]
    fn nothing_beside_nothing_has_no_f1() {
        let scores = fuzzy_scores(&[0.0, 0.0], &[0, 0]).unwrap();
        assert_eq!((scores.f1, scores.sensitivity), (None, None));
        assert_eq!((scores.specificity, scores.mass), (Some(1.0), None));
        assert_eq!(fuzzy_scores(&[], &[]).unwrap(), FuzzyScores::default());
    }

    #[test]
    fn runs_are_where_the_mask_is_set() {
        let runs: Vec<_> = mask_runs(&[1, 1, 0, 255, 0, 0, 1]).collect();
        assert_eq!(runs, [0..2, 3..4, 6..7]);
        assert_eq!(mask_runs(&[]).count() + mask_runs(&[0]).count(), 0);
    }

    #[test]
    fn wrong_masks_are_named() {
        let prefix = prefix_sums(&[0.5; 4]);
        for runs in [
            vec![0..2, 1..3],
            vec![2..3, 0..1],
            vec![0..1, 3..5],
            vec![0..1, Range { start: 2, end: 1 }],
        ] {
            assert!(fuzzy_scores_runs(&prefix, runs.clone()).is_err(), "{runs:?}");
        }
        let error = fuzzy_scores_runs(&prefix, [0..2, 3..9]).unwrap_err();
        assert_eq!(error.to_string(), "mask run 3..9: expected ascending runs inside 2..4");
        assert!(fuzzy_scores(&[0.0; 4], &[0; 3]).unwrap_err().message.contains("expected 4"));
        let error = fuzzy_scores(&[0.0, f64::NAN], &[0; 2]).unwrap_err();
        assert_eq!(error.to_string(), "map, pixel 1: found NaN, expected a value from 0 to 1");
        assert!(fuzzy_scores(&[1.5], &[1]).is_err());
    }
}
