//! What a score goes along with: linear regression of one number an image on others.

use crate::EvalError;
use crate::least_squares::{Centered, MAX_VALUE, Orthogonal, length};
use crate::student::{two_sided_p, two_sided_quantile};
use serde::{Deserialize, Serialize};

/// The units of coefficients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CoefficientUnits {
    /// The outcome's change when a predictor changes by 1.
    #[default]
    Raw,
    /// The outcome's change, in its standard deviations, when a predictor changes by one of its own.
    Standardized,
    /// The outcome's change from the smallest value of a predictor to its largest.
    Range,
}

/// Numbers of the images that may explain the outcome, such as the number of outlines.
#[derive(Debug, Clone, Copy)]
pub struct Predictor<'a> {
    /// What errors and results call it.
    pub name: &'a str,
    /// One for each image; `None` where it is undefined.
    pub values: &'a [Option<f64>],
}

/// How the outcome changes with one predictor when the others stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The predictor's name; `intercept` for the outcome where all predictors are 0.
    pub name: String,
    /// The change, in [`CoefficientUnits`].
    pub estimate: f64,
    /// Its standard error.
    pub std_error: f64,
    /// `estimate / std_error`; `None` where that is 0, as the outcome then follows exactly.
    pub t: Option<f64>,
    /// Two-sided p of t by Student's distribution, if the change were 0.
    pub p: Option<f64>,
    /// The 95 % interval: `estimate -+ t_0.975 std_error` with Student's quantile.
    pub interval: [f64; 2],
}

/// A linear regression by ordinary least squares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// The units of the coefficients.
    pub units: CoefficientUnits,
    /// Number of images that it is over.
    pub n: usize,
    /// Number of images that are left out, since the outcome or a predictor is undefined.
    pub undefined: usize,
    /// `n` less the number of predictors less 1.
    pub degrees_of_freedom: usize,
    /// Share of the outcome's variance that the predictors explain, from 0 to 1.
    pub r_squared: f64,
    /// `sqrt(sum residual^2 / degrees_of_freedom)`, in units of the outcome.
    pub residual_std: f64,
    /// The outcome where all predictors are 0; `None` but with raw coefficients.
    pub intercept: Option<Coefficient>,
    /// In the order of the predictors.
    pub coefficients: Vec<Coefficient>,
}

/// Fits `outcome = b_0 + sum_k b_k x_k` by least squares over the images where all of it is defined.
///
/// Standard errors take the residuals to be independent, normal and of one variance. Standardized coefficients are
/// those of numbers less their mean, divided by their sample standard deviation. Units change neither t nor p.
///
/// # Shapes
/// `outcome[image]`, and so the values of each predictor.
///
/// # Errors
/// Other numbers of images, a value that is not finite or beyond 1e100 to either side, no predictor, fewer images than predictors and 2, a predictor
/// that does not vary or is a combination of those before it, an outcome that does not vary. The error's place names
/// the column.
///
/// # Source
/// Saporta et al., 2022, <https://doi.org/10.1038/s42256-022-00536-x> (CheXlocalize), regress a localization score on
/// number, size, elongation and irrectangularity of outlines, each alone and in units of its range, and on the
/// probability. Parity with statsmodels' `OLS`.
pub fn regression(
    outcome: &[Option<f64>],
    predictors: &[Predictor<'_>],
    units: CoefficientUnits,
) -> Result<Regression, EvalError> {
    check(outcome, predictors)?;
    let rows = complete_rows(outcome, predictors);
    let num_needed = predictors.len() + 2;
    if rows.len() < num_needed {
        let found = rows.len();
        let message = format!("found {found} complete images, expected at least {num_needed}");
        return Err(EvalError::new("regression", message));
    }
    let fit = Fit::new(outcome, predictors, &rows)?;
    let num_left_out = outcome.len() - rows.len();
    Ok(fit.regression(predictors, units, num_left_out))
}

fn check(outcome: &[Option<f64>], predictors: &[Predictor<'_>]) -> Result<(), EvalError> {
    if predictors.is_empty() {
        return Err(EvalError::new("regression", "found no predictor, expected at least one"));
    }
    let columns = predictors.iter().map(|one| (one.name, one.values));
    for (name, values) in std::iter::once(("outcome", outcome)).chain(columns) {
        if values.len() != outcome.len() {
            let message = format!("found {} values for {} images", values.len(), outcome.len());
            return Err(EvalError::new(name, message));
        }
        let is_number = |value: f64| (-MAX_VALUE..=MAX_VALUE).contains(&value);
        for (image, value) in values.iter().enumerate() {
            if let Some(value) = value.filter(|value| !is_number(*value)) {
                let message = format!(
                    "found {value} for image {image}, expected a number up to {MAX_VALUE:e}"
                );
                return Err(EvalError::new(name, message));
            }
        }
    }
    Ok(())
}

/// The images of which the outcome and every predictor is defined.
fn complete_rows(outcome: &[Option<f64>], predictors: &[Predictor<'_>]) -> Vec<usize> {
    let is_complete = |image: &usize| {
        outcome[*image].is_some() && predictors.iter().all(|one| one.values[*image].is_some())
    };
    (0..outcome.len()).filter(is_complete).collect()
}

/// The regression of the centered outcome on centered columns, both of length 1.
struct Fit {
    outcome: Centered,
    columns: Vec<Centered>,
    slopes: Vec<f64>,
    /// The inverse of R, by rows: the slopes vary as it times its own transpose.
    inverse: Vec<Vec<f64>>,
    /// The length of the residuals, of the outcome's.
    residual: f64,
    num_images: usize,
}

impl Fit {
    fn new(
        outcome: &[Option<f64>],
        predictors: &[Predictor<'_>],
        rows: &[usize],
    ) -> Result<Self, EvalError> {
        let centered = |name: &str, values: &[Option<f64>]| {
            let values: Vec<f64> = rows.iter().filter_map(|&image| values[image]).collect();
            let constant = || EvalError::new(name, "does not vary over the images");
            Centered::new(&values).ok_or_else(constant)
        };
        let outcome = centered("outcome", outcome)?;
        let columns: Vec<Centered> = predictors
            .iter()
            .map(|one| centered(one.name, one.values))
            .collect::<Result<_, _>>()?;
        let orthogonal = Orthogonal::new(&columns).map_err(|idx| {
            let message = "is a linear combination of the predictors before it";
            EvalError::new(predictors[idx].name, message)
        })?;
        let (coefficients, residuals) = orthogonal.split(&outcome.unit);
        let inverse = orthogonal.inverse();
        let slope = |row: &Vec<f64>| row.iter().zip(&coefficients).map(|(a, b)| a * b).sum();
        Ok(Self {
            outcome,
            columns,
            slopes: inverse.iter().map(slope).collect(),
            inverse,
            residual: length(&residuals),
            num_images: rows.len(),
        })
    }

    fn degrees_of_freedom(&self) -> usize {
        self.num_images - self.columns.len() - 1
    }

    fn regression(
        &self,
        predictors: &[Predictor<'_>],
        units: CoefficientUnits,
        num_left_out: usize,
    ) -> Regression {
        let degrees_of_freedom = self.degrees_of_freedom();
        let degrees = degrees_of_freedom as f64;
        let quantile = two_sided_quantile(0.05, degrees);
        let coefficient = |name: &str, estimate: f64, std_error: f64| {
            let t = Some(estimate / std_error).filter(|t| t.is_finite());
            let half = quantile * std_error;
            Coefficient {
                name: name.to_string(),
                estimate,
                std_error,
                t,
                p: t.map(|t| two_sided_p(t, degrees)),
                interval: [estimate - half, estimate + half],
            }
        };
        let residual_std = self.residual / degrees.sqrt();
        let of_predictor = |(idx, predictor): (usize, &Predictor<'_>)| {
            let column = &self.columns[idx];
            let scale = match units {
                CoefficientUnits::Raw => self.outcome.length / column.length,
                CoefficientUnits::Standardized => 1.0,
                CoefficientUnits::Range => column.range * self.outcome.length / column.length,
            };
            let std_error = residual_std * length(&self.inverse[idx]);
            coefficient(predictor.name, self.slopes[idx] * scale, std_error * scale)
        };
        let residual_std = residual_std * self.outcome.length;
        let intercept = match units {
            CoefficientUnits::Raw => {
                let (estimate, spread) = self.intercept();
                Some(coefficient("intercept", estimate, spread * residual_std))
            }
            CoefficientUnits::Standardized | CoefficientUnits::Range => None,
        };
        Regression {
            units,
            n: self.num_images,
            undefined: num_left_out,
            degrees_of_freedom,
            r_squared: (1.0 - self.residual * self.residual).max(0.0),
            residual_std,
            intercept,
            coefficients: predictors.iter().enumerate().map(of_predictor).collect(),
        }
    }

    /// The outcome where all predictors are 0, and its standard error in units of the residuals'.
    fn intercept(&self) -> (f64, f64) {
        let means: Vec<f64> = self.columns.iter().map(|one| one.mean / one.length).collect();
        let explained: f64 = means.iter().zip(&self.slopes).map(|(mean, slope)| mean * slope).sum();
        let through_columns = |column: usize| -> f64 {
            means.iter().zip(&self.inverse).map(|(mean, row)| mean * row[column]).sum()
        };
        let spread: Vec<f64> = (0..means.len()).map(through_columns).collect();
        let squares: f64 = spread.iter().map(|value| value * value).sum();
        let estimate = self.outcome.mean - explained * self.outcome.length;
        (estimate, (1.0 / self.num_images as f64 + squares).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn one_predictor_by_hand() {
        // x 1 2 3 4 (and one image without), y 2 1 4 5: slope Sxy / Sxx = 6 / 5, intercept 3 - 1.2 * 2.5 = 0.
        // Residuals .8 -1.4 .4 .2: squares 2.8, two degrees of freedom, s^2 1.4. Syy 10.
        let x = [Some(1.0), Some(2.0), None, Some(3.0), Some(4.0)];
        let y = some(&[2.0, 1.0, 9.0, 4.0, 5.0]);
        let size = Predictor { name: "size", values: &x };
        let found = regression(&y, &[size], CoefficientUnits::Raw).unwrap();
        assert_eq!((found.n, found.undefined, found.degrees_of_freedom), (4, 1, 2));
        let close = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-14, "{found}, expected {expected}");
        };
        close(found.r_squared, 0.72);
        close(found.residual_std, 1.4f64.sqrt());
        let slope = &found.coefficients[0];
        assert_eq!(slope.name, "size");
        close(slope.estimate, 1.2);
        close(slope.std_error, (1.4f64 / 5.0).sqrt());
        // Two degrees: p = 1 - t / sqrt(2 + t^2) with t^2 = 1.44 / .28 = 36 / 7; the quantile of .05 is
        // sqrt(2 * .95^2 / (1 - .95^2)).
        close(slope.p.unwrap(), 1.0 - (36.0f64 / 50.0).sqrt());
        let quantile = (2.0 * 0.9025 / 0.0975f64).sqrt();
        close(slope.interval[0], 1.2 - quantile * 0.28f64.sqrt());
        let intercept = found.intercept.unwrap();
        close(intercept.estimate, 0.0);
        // s^2 (1/4 + 2.5^2 / 5) = 1.4 * 1.5
        close(intercept.std_error, 2.1f64.sqrt());
        // In standard deviations: sqrt(.72), with the same t.
        let found = regression(&y, &[size], CoefficientUnits::Standardized).unwrap();
        close(found.coefficients[0].estimate, 0.72f64.sqrt());
        close(found.coefficients[0].t.unwrap(), (36.0f64 / 7.0).sqrt());
        assert_eq!(found.intercept, None);
        // From 1 to 4: three times the slope.
        let found = regression(&y, &[size], CoefficientUnits::Range).unwrap();
        close(found.coefficients[0].estimate, 3.6);
        close(found.coefficients[0].t.unwrap(), (36.0f64 / 7.0).sqrt());
    }

    #[test]
    fn columns_that_cannot_be_told_apart_are_named() {
        let y = some(&[1.0, 3.0, 2.0, 5.0, 4.0]);
        let (one, other) = (some(&[1.0, 2.0, 3.0, 4.0, 6.0]), some(&[0.3, 0.1, 0.7, 0.2, 0.5]));
        let sum: Vec<Option<f64>> =
            one.iter().zip(&other).map(|(one, other)| Some((*one)? - 3.0 * (*other)?)).collect();
        let constant = some(&[0.1; 5]);
        let [number, size] =
            [("number", &one), ("size", &other)].map(|(name, values)| Predictor { name, values });
        let error = |predictors: &[Predictor<'_>]| {
            regression(&y, predictors, CoefficientUnits::Raw).unwrap_err().to_string()
        };
        let elongation = Predictor { name: "elongation", values: &sum };
        assert_eq!(
            error(&[number, size, elongation]),
            "elongation: is a linear combination of the predictors before it"
        );
        let flat = Predictor { name: "confidence", values: &constant };
        assert_eq!(error(&[flat]), "confidence: does not vary over the images");
        // One that varies over all images, but not over the complete ones.
        let gaps = [Some(1.0), Some(1.0), Some(1.0), Some(1.0), Some(2.0)];
        let partly = Predictor { name: "gaps", values: &gaps };
        let y = [Some(1.0), Some(3.0), Some(2.0), Some(5.0), None];
        let found = regression(&y, &[partly], CoefficientUnits::Raw).unwrap_err();
        assert_eq!(found.place, "gaps");
        let found = regression(&constant, &[number], CoefficientUnits::Raw).unwrap_err();
        assert_eq!(found.to_string(), "outcome: does not vary over the images");
    }

    #[test]
    fn wrong_input_is_named() {
        let x = some(&[1.0, 2.0]);
        let size = Predictor { name: "size", values: &x };
        let error = |outcome: &[Option<f64>], predictors: &[Predictor<'_>]| {
            regression(outcome, predictors, CoefficientUnits::Raw).unwrap_err().to_string()
        };
        let few = error(&some(&[1.0, 3.0]), &[size]);
        assert_eq!(few, "regression: found 2 complete images, expected at least 3");
        assert_eq!(error(&some(&[1.0]), &[size]), "size: found 2 values for 1 images");
        let nan = error(&[Some(f64::NAN), Some(1.0)], &[size]);
        assert_eq!(nan, "outcome: found NaN for image 0, expected a number up to 1e100");
        assert!(error(&x, &[]).contains("found no predictor"));
    }

    #[test]
    fn an_outcome_that_follows_exactly_has_no_spread() {
        let x = some(&[0.0, 1.0, 2.0, 5.0]);
        let size = Predictor { name: "size", values: &x };
        let found = regression(&some(&[1.0, 3.0, 5.0, 11.0]), &[size], CoefficientUnits::Raw);
        let found = found.unwrap();
        assert!((found.coefficients[0].estimate - 2.0).abs() < 1e-14 && found.r_squared == 1.0);
        // Nothing but rounding is left, if that.
        assert!(found.residual_std < 1e-14);
        assert!(found.coefficients[0].p.is_none_or(|p| p < 1e-20), "{found:?}");
    }
}
