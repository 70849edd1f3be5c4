//! Coefficients of least squares, from columns that are centered first.

/// A column counts as a combination of those before it where it keeps less than this of its length: R's `lm` has
/// the same limit.
const MIN_LENGTH: f64 = 1e-7;

/// A column that varies less than this around its mean, in units of its largest value, is constant but for rounding.
const MIN_VARIATION: f64 = 1e-12;

/// Of larger values, and of columns that vary less than its inverse, squares leave the floats.
pub(crate) const MAX_VALUE: f64 = 1e100;

/// Numbers less their mean, divided by their length.
pub(crate) struct Centered {
    pub mean: f64,
    /// The root of the sum of the squares around the mean.
    pub length: f64,
    /// The largest value less the smallest.
    pub range: f64,
    /// Sums up to 0, with length 1.
    pub unit: Vec<f64>,
}

impl Centered {
    /// `None` where the values, of at most [`MAX_VALUE`] to either side, do not vary.
    pub fn new(values: &[f64]) -> Option<Self> {
        let mean = crate::mean(values)?;
        let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let mut unit: Vec<f64> = values.iter().map(|value| value - mean).collect();
        let length = length(&unit);
        let by_rounding = MIN_VARIATION * largest * (values.len() as f64).sqrt();
        if length <= by_rounding.max(1.0 / MAX_VALUE) {
            return None;
        }
        unit.iter_mut().for_each(|value| *value /= length);
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { mean, length, range: highest - smallest, unit })
    }
}

/// Orthogonal columns `Q` of the same span as others, with what these are made of: `X = Q R`.
pub(crate) struct Orthogonal {
    columns: Vec<Vec<f64>>,
    /// `upper[column]` holds the column of R up to its diagonal.
    upper: Vec<Vec<f64>>,
}

impl Orthogonal {
    /// By Gram and Schmidt, twice, so that rounding leaves the columns orthogonal.
    ///
    /// # Errors
    /// The index of a column that is a combination of those before it.
    pub fn new(units: &[Centered]) -> Result<Self, usize> {
        let mut found = Self { columns: Vec::new(), upper: Vec::new() };
        for (idx, centered) in units.iter().enumerate() {
            let (mut coefficients, mut rest) = found.split(&centered.unit);
            let length = length(&rest);
            if length < MIN_LENGTH {
                return Err(idx);
            }
            rest.iter_mut().for_each(|value| *value /= length);
            coefficients.push(length);
            found.columns.push(rest);
            found.upper.push(coefficients);
        }
        Ok(found)
    }

    /// The coefficients of these columns in `values`, and what is left of it.
    pub fn split(&self, values: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut coefficients = vec![0.0; self.columns.len()];
        let mut rest = values.to_vec();
        for _ in 0..2 {
            for (coefficient, column) in coefficients.iter_mut().zip(&self.columns) {
                let part: f64 = column.iter().zip(&rest).map(|(one, other)| one * other).sum();
                *coefficient += part;
                rest.iter_mut().zip(column).for_each(|(rest, value)| *rest -= part * value);
            }
        }
        (coefficients, rest)
    }

    /// The rows of the inverse of R.
    pub fn inverse(&self) -> Vec<Vec<f64>> {
        let num = self.columns.len();
        let of_column = |column: usize| {
            let mut values = vec![0.0; num];
            values[column] = 1.0 / self.upper[column][column];
            for row in (0..column).rev() {
                let terms = (row + 1..=column).map(|inner| self.upper[inner][row] * values[inner]);
                values[row] = -terms.sum::<f64>() / self.upper[row][row];
            }
            values
        };
        let columns: Vec<Vec<f64>> = (0..num).map(of_column).collect();
        (0..num).map(|row| columns.iter().map(|column| column[row]).collect()).collect()
    }
}

/// The root of the sum of squares.
pub(crate) fn length(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_orthogonal_and_make_up_the_given_ones() {
        let values: [&[f64]; 2] = [&[1.0, 2.0, 3.0, 4.0], &[1.0, 4.0, 9.0, 16.0]];
        let units = values.map(|column| Centered::new(column).unwrap());
        let found = Orthogonal::new(&units).unwrap();
        let dot: f64 = found.columns[0].iter().zip(&found.columns[1]).map(|(a, b)| a * b).sum();
        assert!(dot.abs() < 1e-15, "{dot}");
        let inverse = found.inverse();
        // R R^-1 at row 0, column 1.
        let upper = &found.upper;
        let product = upper[0][0] * inverse[0][1] + upper[1][0] * inverse[1][1];
        assert!(product.abs() < 1e-13 && (upper[1][1] * inverse[1][1] - 1.0).abs() < 1e-15);
    }

    #[test]
    fn what_does_not_vary_and_what_is_a_combination_is_found() {
        assert!(Centered::new(&[0.1; 7]).is_none());
        assert!(Centered::new(&[0.0; 3]).is_none());
        assert!(Centered::new(&[0.0, 1e-200]).is_none());
        assert!(Centered::new(&[1e9, 1e9 + 1.0]).is_some());
        let values: [&[f64]; 3] =
            [&[1.0, 2.0, 4.0, 3.0], &[0.0, 1.0, 0.0, 5.0], &[2.5, 4.0, 6.5, 0.0]];
        // 2 a - b + 0.5
        let units = values.map(|column| Centered::new(column).unwrap());
        assert!(Orthogonal::new(&units).is_ok());
        let sum: Vec<f64> =
            values[0].iter().zip(values[1]).map(|(a, b)| 2.0 * a - b + 0.5).collect();
        let units = [values[0], values[1], &sum].map(|column| Centered::new(column).unwrap());
        assert_eq!(Orthogonal::new(&units).err(), Some(2));
    }
}
