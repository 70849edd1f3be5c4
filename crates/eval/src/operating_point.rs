//! The threshold of one class's probability at which a network is used.

use crate::EvalError;
use crate::ranking::{RankedImages, check_lengths};
use serde::{Deserialize, Serialize};

/// A threshold, and what it reaches on the images that it was chosen with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// An image counts as of the class from this value on; `None` for a threshold above all values, where no
    /// image does.
    pub threshold: Option<f64>,
    /// `TP / (TP + FN)`, from 0 to 1, higher is better.
    pub sensitivity: f64,
    /// `TN / (TN + FP)`, from 0 to 1, higher is better.
    pub specificity: f64,
}

/// The threshold with the largest sensitivity among those whose specificity is at least `specificity`.
///
/// Thresholds are the values that occur, and one above all of them; of several with that sensitivity it is the
/// one with the largest specificity. `None` without an image of the class, and without another one.
///
/// # Shapes
/// `values[image]`, `is_of_class[image]`.
///
/// # Errors
/// Other numbers of images, a value that is not finite, a specificity that is not from 0 to 1.
///
/// # Source
/// A point of the ROC curve, Fawcett, 2006, <https://doi.org/10.1016/j.patrec.2005.10.010>. Parity with
/// scikit-learn's `roc_curve(drop_intermediate=False)`.
pub fn sensitivity_at_specificity(
    values: &[f64],
    is_of_class: &[bool],
    specificity: f64,
) -> Result<Option<OperatingPoint>, EvalError> {
    check_lengths(values, is_of_class)?;
    if !(0.0..=1.0).contains(&specificity) {
        let message = format!("found {specificity}, expected a number from 0 to 1");
        return Err(EvalError::new("specificity", message));
    }
    let ranked = RankedImages::new(values)?;
    let num_inside = is_of_class.iter().filter(|inside| **inside).count();
    let num_outside = values.len() - num_inside;
    if num_inside == 0 || num_outside == 0 {
        return Ok(None);
    }
    let point = |threshold, inside: usize, outside: usize| OperatingPoint {
        threshold,
        sensitivity: inside as f64 / num_inside as f64,
        specificity: (num_outside - outside) as f64 / num_outside as f64,
    };
    let mut best = point(None, 0, 0);
    let (mut inside, mut outside) = (0, 0);
    for tied in ranked.tied() {
        let num_found = tied.iter().filter(|image| is_of_class[**image as usize]).count();
        inside += num_found;
        outside += tied.len() - num_found;
        let found = point(Some(values[tied[0] as usize]), inside, outside);
        if found.specificity >= specificity && found.sensitivity > best.sensitivity {
            best = found;
        }
    }
    Ok(Some(best))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 6] = [0.9, 0.8, 0.5, 0.5, 0.3, 0.1];
    const OF_CLASS: [bool; 6] = [true, false, true, false, false, true];

    fn at(specificity: f64) -> (Option<f64>, f64, f64) {
        let found = sensitivity_at_specificity(&VALUES, &OF_CLASS, specificity).unwrap().unwrap();
        (found.threshold, found.sensitivity, found.specificity)
    }

    #[test]
    fn thresholds_by_hand() {
        // From the top: class; other; class and other tied; other; class.
        assert_eq!(at(1.0), (Some(0.9), 1.0 / 3.0, 1.0));
        // At 0.8 the specificity is 2/3 and nothing more is found: the one above it is better.
        assert_eq!(at(2.0 / 3.0), (Some(0.9), 1.0 / 3.0, 1.0));
        assert_eq!(at(0.3), (Some(0.5), 2.0 / 3.0, 1.0 / 3.0));
        assert_eq!(at(0.0), (Some(0.1), 1.0, 0.0));
    }

    #[test]
    fn equal_values_have_but_the_threshold_above_them() {
        let found = sensitivity_at_specificity(&[0.4; 3], &[true, false, true], 0.5).unwrap();
        let none = OperatingPoint { threshold: None, sensitivity: 0.0, specificity: 1.0 };
        assert_eq!(found, Some(none));
        assert_eq!(sensitivity_at_specificity(&[0.4], &[true], 0.5), Ok(None));
        assert_eq!(sensitivity_at_specificity(&[], &[], 0.5), Ok(None));
    }

    #[test]
    fn wrong_input_is_named() {
        for specificity in [-0.1, 1.1, f64::NAN] {
            let error = sensitivity_at_specificity(&VALUES, &OF_CLASS, specificity).unwrap_err();
            assert_eq!(error.place, "specificity");
        }
        assert!(sensitivity_at_specificity(&[f64::NAN], &[true], 0.5).is_err());
        assert!(sensitivity_at_specificity(&[], &[true], 0.5).is_err());
    }
}
