//! From which probability on an image is given a label.

use crate::EvalError;
use crate::labels::num_columns;
use crate::ranking::RankedImages;
use serde::{Deserialize, Serialize};

/// The threshold of one label, and the F1 on the images that it was chosen with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct F1Threshold {
    /// An image is given the label from this probability on.
    pub threshold: f64,
    /// `2 TP / (2 TP + FP + FN)`, above 0 and up to 1.
    pub f1: f64,
}

/// For each label the threshold with the largest F1, to be chosen on validation images.
///
/// Thresholds are the probabilities that occur; of several with the largest F1 it is the highest. `None` for a
/// label that no image has.
///
/// # Shapes
/// `probabilities[image][label]`, `gold[image][label]`.
///
/// # Errors
/// Rows of other numbers, a probability that is not finite.
///
/// # Source
/// Lipton et al., 2014, <https://doi.org/10.1007/978-3-662-44851-9_15>. Parity with scikit-learn's
/// `precision_recall_curve`.
pub fn f1_thresholds(
    probabilities: &[&[f64]],
    gold: &[&[bool]],
) -> Result<Vec<Option<F1Threshold>>, EvalError> {
    let num_labels = num_columns("probabilities", probabilities, gold)?;
    let of_label = |label: usize| {
        let values: Vec<f64> = probabilities.iter().map(|row| row[label]).collect();
        let has_label: Vec<bool> = gold.iter().map(|row| row[label]).collect();
        f1_threshold(&values, &has_label)
    };
    (0..num_labels).map(of_label).collect()
}

fn f1_threshold(values: &[f64], has_label: &[bool]) -> Result<Option<F1Threshold>, EvalError> {
    let ranked = RankedImages::new(values)?;
    let num_gold = has_label.iter().filter(|has_label| **has_label).count();
    let mut best: Option<F1Threshold> = None;
    let (mut num_right, mut num_given) = (0, 0);
    for tied in ranked.tied() {
        num_right += tied.iter().filter(|image| has_label[**image as usize]).count();
        num_given += tied.len();
        // Rounding keeps the order of quotients, and equal ones equal.
        let f1 = 2.0 * num_right as f64 / (num_gold + num_given) as f64;
        if f1 > best.map_or(0.0, |best| best.f1) {
            best = Some(F1Threshold { threshold: values[tied[0] as usize], f1 });
        }
    }
    Ok(best)
}

/// The labels whose probability reaches their threshold; a label without a threshold is never given.
///
/// # Shapes
/// `probabilities[image][label]`, `thresholds[label]`; comes as `[image][label]`.
///
/// # Errors
/// A row of another number of labels.
pub fn labels_at(
    probabilities: &[&[f64]],
    thresholds: &[Option<f64>],
) -> Result<Vec<Vec<bool>>, EvalError> {
    let num_labels = thresholds.len();
    if let Some(image) = probabilities.iter().position(|row| row.len() != num_labels) {
        let found = probabilities[image].len();
        let message = format!("found {found} columns, expected {num_labels}");
        return Err(EvalError::new(format!("probabilities of image {image}"), message));
    }
    let reaches = |(p, threshold): (&f64, &Option<f64>)| threshold.is_some_and(|one| *p >= one);
    Ok(probabilities.iter().map(|row| row.iter().zip(thresholds).map(reaches).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_f1_by_hand() {
        // Label 0 from the top: has it, has it not, has it: F1 2/3, 2/4, 4/5. Label 1: has it; not; not: 1, ...
        // Label 2: all at once, 2 of 3: 4/5. Label 3: none has it.
        let probabilities: [&[f64]; 3] =
            [&[0.9, 0.2, 0.5, 0.1], &[0.6, 0.7, 0.5, 0.2], &[0.4, 0.1, 0.5, 0.3]];
        let gold: [&[bool]; 3] = [
            &[true, false, true, false],
            &[false, true, true, false],
            &[true, false, false, false],
        ];
        let found = f1_thresholds(&probabilities, &gold).unwrap();
        let expected = [Some((0.4, 0.8)), Some((0.7, 1.0)), Some((0.5, 0.8)), None];
        let expected = expected.map(|one| one.map(|(threshold, f1)| F1Threshold { threshold, f1 }));
        assert_eq!(found, expected);
        let thresholds: Vec<Option<f64>> =
            found.iter().map(|one| one.map(|one| one.threshold)).collect();
        let given = labels_at(&probabilities, &thresholds).unwrap();
        assert_eq!(given[0], [true, false, true, false]);
        assert_eq!(given[1], [true, true, true, false]);
    }

    #[test]
    fn of_equal_f1_the_highest_threshold_counts() {
        // Has it, not, not, has it: 2/3 at .9 and 4/6 at .1.
        let probabilities: [&[f64]; 4] = [&[0.9], &[0.5], &[0.4], &[0.1]];
        let gold: [&[bool]; 4] = [&[true], &[false], &[false], &[true]];
        let found = f1_thresholds(&probabilities, &gold).unwrap();
        assert_eq!(found, [Some(F1Threshold { threshold: 0.9, f1: 2.0 / 3.0 })]);
    }

    #[test]
    fn wrong_input_is_named() {
        assert_eq!(f1_thresholds(&[], &[]), Ok(vec![]));
        assert!(f1_thresholds(&[&[f64::NAN]], &[&[true]]).is_err());
        let error = labels_at(&[&[0.5]], &[]).unwrap_err().to_string();
        assert_eq!(error, "probabilities of image 0: found 1 columns, expected 0");
    }
}
