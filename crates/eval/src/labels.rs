//! Images with several labels: a row for each image, a column for each label.

use crate::EvalError;
use crate::probabilities::multiplicities;

/// The rows of labels where every image has one class: true at the class alone.
///
/// # Shapes
/// `classes[image]` are indices of classes; comes as `[image][class]`.
///
/// # Errors
/// A class that is not below `num_classes`.
pub fn one_hot(num_classes: usize, classes: &[usize]) -> Result<Vec<Vec<bool>>, EvalError> {
    if let Some(image) = classes.iter().position(|&class| class >= num_classes) {
        let found = classes[image];
        let message = format!("found class {found}, expected indices below {num_classes}");
        return Err(EvalError::new(format!("class of image {image}"), message));
    }
    let row = |&class: &usize| (0..num_classes).map(|one| one == class).collect();
    Ok(classes.iter().map(row).collect())
}

/// The number of columns that all rows of `one` and `other` have; 0 without images.
pub(crate) fn num_columns<A, B>(
    name: &str,
    one: &[&[A]],
    other: &[&[B]],
) -> Result<usize, EvalError> {
    if one.len() != other.len() {
        let message =
            format!("found {} rows, expected {} as of the labels", one.len(), other.len());
        return Err(EvalError::new(name, message));
    }
    let num = other.first().map_or(0, |row| row.len());
    for (image, (row, labels)) in one.iter().zip(other).enumerate() {
        for (name, len) in [(name, row.len()), ("labels", labels.len())] {
            if len != num {
                let message = format!("found {len} columns, expected {num}");
                return Err(EvalError::new(format!("{name} of image {image}"), message));
            }
        }
    }
    Ok(num)
}

/// No number that is not from 0 to 1.
pub(crate) fn check_probabilities(rows: &[&[f64]]) -> Result<(), EvalError> {
    for (image, row) in rows.iter().enumerate() {
        if let Some(value) = row.iter().find(|value| !(0.0..=1.0).contains(*value)) {
            let message = format!("found {value}, expected a number from 0 to 1");
            return Err(EvalError::new(format!("probabilities of image {image}"), message));
        }
    }
    Ok(())
}

/// How often each image is in each resample.
pub(crate) fn times_of(
    resamples: &[Vec<u32>],
    num_images: usize,
) -> Result<Vec<Vec<u32>>, EvalError> {
    resamples.iter().map(|images| multiplicities(images, num_images)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_class_is_one_label() {
        let rows = one_hot(3, &[2, 0]).unwrap();
        assert_eq!(rows, [[false, false, true], [true, false, false]]);
        let error = one_hot(3, &[0, 3]).unwrap_err().to_string();
        assert_eq!(error, "class of image 1: found class 3, expected indices below 3");
    }

    #[test]
    fn rows_have_one_width() {
        let labels: [&[bool]; 2] = [&[true, false], &[false, false]];
        assert_eq!(num_columns("values", &[&[0.1, 0.2][..], &[0.3, 0.4]], &labels), Ok(2));
        assert_eq!(num_columns::<f64, bool>("values", &[], &[]), Ok(0));
        let error = |rows: &[&[f64]]| num_columns("values", rows, &labels).unwrap_err().to_string();
        assert_eq!(error(&[&[0.1, 0.2]]), "values: found 1 rows, expected 2 as of the labels");
        let narrow = error(&[&[0.1, 0.2], &[0.3]]);
        assert_eq!(narrow, "values of image 1: found 1 columns, expected 2");
        let uneven: [&[bool]; 2] = [&[true, false], &[false]];
        let error = num_columns("values", &[&[0.1, 0.2][..], &[0.3, 0.4]], &uneven).unwrap_err();
        assert_eq!(error.place, "labels of image 1");
    }
}
