//! Whether the classes of a confusion matrix are what they are called.

use crate::error::{StudyError, StudyResult};
use dermx_eval::ConfusionMatrix;
use serde::Serialize;

/// The most classes whose permutations are all tried (8! = 40320).
pub const MAX_AUDITED_CLASSES: usize = 8;

/// The assignment of predicted to true classes that explains confusion matrices best.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assignment {
    /// The prediction that counts as class 0, as class 1, ...
    pub permutation: Vec<usize>,
    /// Images on the diagonal as the matrices are.
    pub right_as_given: u64,
    /// Images on the diagonal under the permutation.
    pub right: u64,
    /// Images on the diagonal under the best of all other permutations.
    pub right_second: u64,
    /// Number of matrices for which, taken alone, no permutation has more on the diagonal.
    pub matrices_agreeing: usize,
    /// Number of matrices.
    pub matrices: usize,
    /// Number of images in all matrices.
    pub images: u64,
}

/// Tries every permutation of the predicted classes; the best has the most images of all matrices
/// together on the diagonal. Of equals the alphabetically first wins, so the given order wins a tie.
///
/// # Errors
/// No matrix, matrices of different sizes, or more than [`MAX_AUDITED_CLASSES`] classes.
pub fn best_assignment(matrices: &[ConfusionMatrix]) -> StudyResult<Assignment> {
    let num_classes = matrices.first().map_or(0, ConfusionMatrix::num_classes);
    if num_classes == 0 || num_classes > MAX_AUDITED_CLASSES {
        let message = format!("found {num_classes} classes, expected 1 to {MAX_AUDITED_CLASSES}");
        return Err(StudyError::Matrices(message));
    }
    if let Some(other) = matrices.iter().find(|matrix| matrix.num_classes() != num_classes) {
        let message = format!("found {} classes, expected {num_classes}", other.num_classes());
        return Err(StudyError::Matrices(message));
    }
    let permutations = permutations(num_classes);
    let diagonals: Vec<Vec<u64>> =
        permutations.iter().map(|order| diagonals(matrices, order)).collect();
    let total = |idx: usize| diagonals[idx].iter().sum::<u64>();
    let best = (0..permutations.len()).fold(0, |best, idx| match total(idx) > total(best) {
        true => idx,
        false => best,
    });
    let others = (0..permutations.len()).filter(|&idx| idx != best);
    let is_best_alone = |run: &usize| {
        diagonals.iter().all(|of_permutation| of_permutation[*run] <= diagonals[best][*run])
    };
    Ok(Assignment {
        right_as_given: total(0),
        right: total(best),
        right_second: others.map(total).max().unwrap_or(0),
        matrices_agreeing: (0..matrices.len()).filter(is_best_alone).count(),
        matrices: matrices.len(),
        images: matrices.iter().map(ConfusionMatrix::num_images).sum(),
        permutation: permutations[best].clone(),
    })
}

/// Images on the diagonal of each matrix.
fn diagonals(matrices: &[ConfusionMatrix], permutation: &[usize]) -> Vec<u64> {
    let diagonal = |matrix: &ConfusionMatrix| {
        permutation.iter().enumerate().map(|(class, &idx)| matrix.rows()[class][idx]).sum()
    };
    matrices.iter().map(diagonal).collect()
}

/// All orders of `0..count`, alphabetically: the first is `0, 1, 2, ...`.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut found = vec![Vec::new()];
    for _ in 0..count {
        found = found
            .into_iter()
            .flat_map(|start: Vec<usize>| {
                let rest: Vec<usize> = (0..count).filter(|idx| !start.contains(idx)).collect();
                rest.into_iter().map(move |next| [start.as_slice(), &[next]].concat())
            })
            .collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{best_assignment, permutations};
    use dermx_eval::ConfusionMatrix;

    fn matrix(rows: [[u64; 3]; 3]) -> ConfusionMatrix {
        ConfusionMatrix::from_rows(rows.map(|row| row.to_vec()).to_vec()).unwrap()
    }

    #[test]
    fn permutations_come_in_order() {
        let expected = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        assert_eq!(permutations(3), expected);
    }

    #[test]
    fn exchanged_classes_are_found() {
        // As given 5 + 1 + 1 = 7 and 4 + 0 + 2 = 6; with 1 and 2 exchanged 5 + 7 + 6 = 18 and
        // 4 + 8 + 1 = 13. Next best of both is 1, 2, 0: 1 + 7 + 2 + 1 + 8 + 0 = 19.
        let first = matrix([[5, 1, 0], [0, 1, 7], [2, 6, 1]]);
        let second = matrix([[4, 1, 1], [1, 0, 8], [0, 1, 2]]);
        let found = best_assignment(&[first, second]).unwrap();
        assert_eq!(found.permutation, [0, 2, 1]);
        assert_eq!((found.right_as_given, found.right, found.right_second), (13, 31, 19));
        // Of the second alone, no order has more than 13: 1, 2, 0 has 9, 0, 1, 2 has 6.
        assert_eq!((found.matrices_agreeing, found.matrices, found.images), (2, 2, 41));
    }

    #[test]
    fn a_right_matrix_is_left_alone() {
        let found = best_assignment(&[matrix([[3, 1, 0], [1, 3, 0], [0, 0, 0]])]).unwrap();
        assert_eq!(found.permutation, [0, 1, 2]);
        assert_eq!(found.right, found.right_as_given);
        let tie = best_assignment(&[matrix([[1, 1, 0], [1, 1, 0], [0, 0, 1]])]).unwrap();
        assert_eq!(tie.permutation, [0, 1, 2]);
        assert_eq!(tie.right_second, tie.right);
    }

    #[test]
    fn matrices_that_do_not_go_together_are_refused() {
        let small = ConfusionMatrix::new(2);
        assert!(best_assignment(&[matrix([[1; 3]; 3]), small]).is_err());
        assert!(best_assignment(&[]).is_err());
        assert!(best_assignment(&[ConfusionMatrix::new(9)]).is_err());
    }
}
