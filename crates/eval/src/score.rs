//! Means and spreads over values some of which may be undefined.

use crate::Score;

impl Score {
    /// Summarizes one network's rows.
    ///
    /// `mean` and `std` ([`sample_std`]) are over the defined values, in the order given; values
    /// that are `None` or not finite are counted in `undefined`.
    pub fn over(values: &[Option<f64>]) -> Self {
        let defined: Vec<f64> =
            values.iter().copied().flatten().filter(|value| value.is_finite()).collect();
        Self {
            mean: mean(&defined),
            std: sample_std(&defined),
            n: defined.len(),
            undefined: values.len() - defined.len(),
            ..Self::default()
        }
    }

    /// One value that all images together have, or have not.
    pub(crate) fn over_images(value: Option<f64>, num_images: usize) -> Self {
        let (n, undefined) = if value.is_some() { (num_images, 0) } else { (0, num_images) };
        Self { mean: value, n, undefined, ..Self::default() }
    }

    /// As [`Score::over`], with [`population_std`].
    pub fn over_population(values: &[Option<f64>]) -> Self {
        let defined: Vec<f64> =
            values.iter().copied().flatten().filter(|value| value.is_finite()).collect();
        Self { std: population_std(&defined), ..Self::over(values) }
    }

    /// Summarizes one score over the seeds of a study.
    ///
    /// As [`Score::over`] with the seeds' means as values, which are kept in `seeds`, and with
    /// [`population_std`] beside the sample's. What is left out of the seeds' own means stays counted.
    pub fn over_seeds(scores: &[Self]) -> Self {
        let seeds: Vec<Option<f64>> = scores.iter().map(|score| score.mean).collect();
        let population_std = Self::over_population(&seeds).std;
        let undefined_rows = scores.iter().map(|score| score.undefined).max().unwrap_or(0);
        Self { population_std, seeds: seeds.clone(), undefined_rows, ..Self::over(&seeds) }
    }
}

/// Arithmetic mean, summed from first to last; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation `sqrt(sum (x - mean)^2 / (n - 1))`; `None` below two values.
pub fn sample_std(values: &[f64]) -> Option<f64> {
    std_with(values, 1)
}

/// Population standard deviation `sqrt(sum (x - mean)^2 / n)`; `None` of nothing.
pub fn population_std(values: &[f64]) -> Option<f64> {
    std_with(values, 0)
}

fn std_with(values: &[f64], num_lost: usize) -> Option<f64> {
    if values.len() <= num_lost {
        return None;
    }
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some((squares / (values.len() - num_lost) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_values_are_counted_and_left_out() {
        // mean (1 + 2 + 6) / 3 = 3; squares 4 + 1 + 9 = 14; 14 / 2 = 7
        let score = Score::over(&[Some(1.0), None, Some(2.0), Some(6.0), Some(f64::NAN)]);
        assert_eq!(score.mean, Some(3.0));
        assert_eq!(score.std, Some(7f64.sqrt()));
        assert_eq!((score.n, score.undefined), (3, 2));
        assert!(score.seeds.is_empty());
    }

    #[test]
    fn population_std_divides_by_n() {
        // mean 5; squares 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32; 32 / 8 = 4
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(population_std(&values), Some(2.0));
        assert_eq!(sample_std(&values), Some((32f64 / 7.0).sqrt()));
    }

    #[test]
    fn few_values_have_no_spread() {
        assert_eq!(Score::over(&[]), Score::default());
        assert_eq!(sample_std(&[3.0]), None);
        assert_eq!(population_std(&[3.0]), Some(0.0));
        assert_eq!(population_std(&[]), None);
    }

    #[test]
    fn a_score_over_seeds_forgets_the_rows() {
        // means 0.25 and 0.75: mean 0.5, squares 2 * 0.0625 = 0.125; the third seed is undefined
        let first = Score::over(&[Some(0.0), Some(0.5)]);
        let second = Score::over(&[Some(0.75), None]);
        let score = Score::over_seeds(&[first, second, Score::over(&[None])]);
        assert_eq!(score.mean, Some(0.5));
        assert_eq!(score.std, Some(0.125f64.sqrt()));
        assert_eq!(score.population_std, Some(0.25));
        assert_eq!((score.n, score.undefined), (2, 1));
        // Of the second seed one row of two.
        assert_eq!(score.undefined_rows, 1);
        assert_eq!(score.seeds, vec![Some(0.25), Some(0.75), None]);
    }
}
