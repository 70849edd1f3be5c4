//! How far probabilities are from what is true.

use crate::EvalError;
use crate::labels::{check_probabilities, num_columns};

/// The Brier score of each image: `sum_k (p_k - y_k)^2`, with y 1 for the labels that it has and 0 for others.
///
/// The score of a network is their mean, [`crate::Score::over_resampled`]. From 0, which is good, to 2 for one class an image
/// ([`crate::one_hot`]; Brier's own form), to the number of labels where an image may have several; of one label
/// alone it is the common two-class form, to 1.
///
/// # Shapes
/// `probabilities[image][label]`, `labels[image][label]`; comes as `[image]`.
///
/// # Errors
/// Rows of other numbers, a probability that is not from 0 to 1.
///
/// # Source
/// Brier, 1950, <https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2>. Parity with scikit-learn's
/// `brier_score_loss(scale_by_half=False)`.
pub fn brier_scores(probabilities: &[&[f64]], labels: &[&[bool]]) -> Result<Vec<f64>, EvalError> {
    num_columns("probabilities", probabilities, labels)?;
    check_probabilities(probabilities)?;
    let square = |(p, has_label): (&f64, &bool)| {
        let gap = p - if *has_label { 1.0 } else { 0.0 };
        gap * gap
    };
    let of_image = |(row, labels): (&&[f64], &&[bool])| row.iter().zip(*labels).map(square).sum();
    Ok(probabilities.iter().zip(labels).map(of_image).collect())
}

#[cfg(test)]
mod tests {
    use super::brier_scores;

    #[test]
    fn squares_by_hand() {
        // (.5 - 1)^2 + .25^2 + .25^2 = .375; sure and wrong: 1 + 1
        let probabilities: [&[f64]; 2] = [&[0.5, 0.25, 0.25], &[1.0, 0.0, 0.0]];
        let labels: [&[bool]; 2] = [&[true, false, false], &[false, true, false]];
        assert_eq!(brier_scores(&probabilities, &labels), Ok(vec![0.375, 2.0]));
        assert_eq!(brier_scores(&[], &[]), Ok(vec![]));
    }

    #[test]
    fn wrong_input_is_named() {
        for value in [-0.1, 1.5, f64::NAN] {
            let error = brier_scores(&[&[value]], &[&[true]]).unwrap_err();
            assert_eq!(error.place, "probabilities of image 0");
        }
        assert!(brier_scores(&[&[0.5, 0.5]], &[&[true]]).is_err());
    }
}
