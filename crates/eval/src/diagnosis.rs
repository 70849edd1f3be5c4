//! Diagnosis scores from counts of gold and predicted classes.

use crate::{EvalError, score};

/// The last count up to which float64 is exact.
const MAX_IMAGES: u64 = 1 << 53;

/// Counts images by gold class (row) and predicted class (column).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    rows: Vec<Vec<u64>>,
}

/// Scores of one class against all others; each is `None` where its denominator is zero.
///
/// All lie in \[0, 1\], higher is better.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OneVsRest {
    /// `2 TP / (2 TP + FP + FN)`.
    pub f1: Option<f64>,
    /// `TP / (TP + FN)`.
    pub sensitivity: Option<f64>,
    /// `TN / (TN + FP)`.
    pub specificity: Option<f64>,
}

impl ConfusionMatrix {
    /// A matrix without images.
    pub fn new(num_classes: usize) -> Self {
        Self { rows: vec![vec![0; num_classes]; num_classes] }
    }

    /// Takes `rows[gold][predicted]`.
    ///
    /// # Errors
    /// When the rows are not a square or count more than 2^53 images.
    pub fn from_rows(rows: Vec<Vec<u64>>) -> Result<Self, EvalError> {
        if let Some(row_idx) = rows.iter().position(|row| row.len() != rows.len()) {
            return Err(EvalError::new(
                format!("confusion matrix, row {row_idx}"),
                format!("found {} columns, expected {}", rows[row_idx].len(), rows.len()),
            ));
        }
        let sum = rows.iter().flatten().try_fold(0u64, |sum, &count| sum.checked_add(count));
        if sum.is_none_or(|sum| sum > MAX_IMAGES) {
            let message = format!(
                "found more images than can be counted exactly, expected up to {MAX_IMAGES}"
            );
            return Err(EvalError::new("confusion matrix", message));
        }
        Ok(Self { rows })
    }

    /// Counts one image.
    ///
    /// # Errors
    /// When an index is not below the number of classes.
    pub fn add(&mut self, gold_idx: usize, predicted_idx: usize) -> Result<(), EvalError> {
        let num_classes = self.num_classes();
        match self.rows.get_mut(gold_idx).and_then(|row| row.get_mut(predicted_idx)) {
            Some(count) => {
                *count += 1;
                Ok(())
            }
            None => Err(EvalError::new(
                "confusion matrix",
                format!(
                    "found gold class {gold_idx} and predicted class {predicted_idx}, \
                     expected indices below {num_classes}"
                ),
            )),
        }
    }

    /// The counts as `rows[gold][predicted]`.
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.rows
    }

    /// Number of classes.
    pub fn num_classes(&self) -> usize {
        self.rows.len()
    }

    /// Number of images counted.
    pub fn num_images(&self) -> u64 {
        self.rows.iter().flatten().sum()
    }

    /// Number of images whose gold class this is; none of a class beyond the matrix.
    pub fn num_gold(&self, class_idx: usize) -> u64 {
        self.rows.get(class_idx).map_or(0, |row| row.iter().sum())
    }

    /// Share of images on the diagonal; `None` without images.
    pub fn accuracy(&self) -> Option<f64> {
        let num_correct = self.rows.iter().enumerate().map(|(idx, row)| row[idx]).sum();
        ratio(num_correct, self.num_images())
    }

    /// One-vs-rest scores of a class; of a class without any image (or beyond the matrix) F1 and
    /// sensitivity are `None`.
    pub fn class_scores(&self, class_idx: usize) -> OneVsRest {
        let num_gold = self.num_gold(class_idx);
        let column = || self.rows.iter().filter_map(|row| row.get(class_idx));
        let num_predicted: u64 = column().sum();
        let true_positive = column().nth(class_idx).copied().unwrap_or(0);
        let num_rest = self.num_images() - num_gold;
        let false_positive = num_predicted - true_positive;
        OneVsRest {
            f1: ratio(2 * true_positive, num_gold + num_predicted),
            sensitivity: ratio(true_positive, num_gold),
            specificity: ratio(num_rest - false_positive, num_rest),
        }
    }

    /// The matrix in which prediction `predicted_of[c]` counts as class `c`.
    ///
    /// # Errors
    /// When `predicted_of` does not name every class once.
    pub fn with_predictions(&self, predicted_of: &[usize]) -> Result<Self, EvalError> {
        let mut sorted = predicted_of.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..self.num_classes()) {
            let message = format!(
                "found {predicted_of:?}, expected each of 0 to {} once",
                self.num_classes().saturating_sub(1)
            );
            return Err(EvalError::new("permutation", message));
        }
        let permute = |row: &Vec<u64>| predicted_of.iter().map(|&idx| row[idx]).collect();
        Ok(Self { rows: self.rows.iter().map(permute).collect() })
    }

    /// Mean of the classes' F1, without the classes that have neither gold nor predicted images.
    pub fn macro_f1(&self) -> Option<f64> {
        let scores: Vec<f64> = (0..self.num_classes())
            .filter_map(|class_idx| self.class_scores(class_idx).f1)
            .collect();
        score::mean(&scores)
    }

    /// Mean sensitivity of the classes that have a gold image; `None` when none has.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let scores: Vec<f64> = (0..self.num_classes())
            .filter_map(|class_idx| self.class_scores(class_idx).sensitivity)
            .collect();
        score::mean(&scores)
    }
}

/// `part / whole`; `None` of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_classes() -> ConfusionMatrix {
        // gold 0: 3 as 0, 1 as 1; gold 1: 2 as 0, 4 as 1; class 2 has no image at all
        ConfusionMatrix::from_rows(vec![vec![3, 1, 0], vec![2, 4, 0], vec![0, 0, 0]]).unwrap()
    }

    #[test]
    fn class_scores_follow_the_counts() {
        // class 0: TP 3, FN 1, FP 2, TN 4: F1 6/9, sensitivity 3/4, specificity 4/6
        let scores = three_classes().class_scores(0);
        assert_eq!(scores.f1, Some(6.0 / 9.0));
        assert_eq!(scores.sensitivity, Some(0.75));
        assert_eq!(scores.specificity, Some(4.0 / 6.0));
    }

    #[test]
    fn macro_f1_leaves_out_a_class_that_never_occurs() {
        // class 0: 6/9; class 1: TP 4, FN 2, FP 1: 8/11; accuracy (3 + 4) / 10
        let matrix = three_classes();
        assert_eq!(matrix.class_scores(2).f1, None);
        assert_eq!(matrix.class_scores(2).sensitivity, None);
        assert_eq!(matrix.class_scores(2).specificity, Some(1.0));
        assert_eq!(matrix.macro_f1(), Some((6.0 / 9.0 + 8.0 / 11.0) / 2.0));
        assert_eq!(matrix.accuracy(), Some(0.7));
    }

    #[test]
    fn a_class_that_is_predicted_but_never_gold_has_f1_zero() {
        let mut matrix = ConfusionMatrix::new(2);
        matrix.add(0, 1).unwrap();
        assert_eq!(matrix.class_scores(1).f1, Some(0.0));
        assert_eq!(matrix.class_scores(1).sensitivity, None);
        assert_eq!(matrix.class_scores(0).specificity, None);
    }

    #[test]
    fn an_empty_matrix_has_no_scores() {
        let matrix = ConfusionMatrix::new(2);
        assert_eq!(matrix.accuracy(), None);
        assert_eq!(matrix.macro_f1(), None);
        assert_eq!(matrix.class_scores(0), OneVsRest::default());
        assert_eq!(matrix.class_scores(9), OneVsRest::default());
    }

    #[test]
    fn wrong_input_is_named() {
        let error = ConfusionMatrix::from_rows(vec![vec![1, 2], vec![3]]).unwrap_err();
        assert_eq!(error.to_string(), "confusion matrix, row 1: found 1 columns, expected 2");
        let error = ConfusionMatrix::from_rows(vec![vec![u64::MAX; 2]; 2]).unwrap_err();
        assert!(error.message.contains("more images"), "{error}");
        let error = ConfusionMatrix::new(2).add(0, 2).unwrap_err();
        assert!(error.message.contains("predicted class 2, expected indices below 2"), "{error}");
    }
}
