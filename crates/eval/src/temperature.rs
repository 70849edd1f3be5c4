//! One number that makes probabilities as sure as they are right.

use crate::{EvalError, mean};
use serde::{Deserialize, Serialize};

/// The lowest and the highest temperature that is looked for.
pub const TEMPERATURE_RANGE: [f64; 2] = [0.01, 100.0];

/// The largest logit, to either side, whose sums stay finite.
const MAX_LOGIT: f64 = 1e100;

/// A temperature, and what it does to the images that it was fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    /// Logits are divided by this: above 1 a network was too sure, below 1 not sure enough.
    pub temperature: f64,
    /// Mean negative log-likelihood of the gold classes in nats, before; from 0, lower is better.
    pub nll_before: f64,
    /// The same with this temperature.
    pub nll_after: f64,
    /// Whether the best temperature lies beyond [`TEMPERATURE_RANGE`], and this is its end: where all images are
    /// right no temperature is low enough, and where logits tell nothing none is high enough.
    pub at_bound: bool,
}

/// The temperature T with the smallest mean of `-log softmax(z / T)[gold]` over validation images.
///
/// That mean is convex in `1 / T`, so there is one smallest; it is where the slope changes its sign, found by
/// halving. `None` without images, and where all logits of each image are equal, so that no temperature matters.
///
/// Logarithms of probabilities do as well as logits. For a label of its own with a sigmoid take the rows `[0, z]`.
///
/// # Shapes
/// `logits[image][class]`, `gold[image]` are indices of classes.
///
/// # Errors
/// Rows of other numbers, a gold class without a logit, a logit that is not finite or beyond 1e100 to either side.
///
/// # Source
/// Guo et al., 2017, <https://proceedings.mlr.press/v70/guo17a.html>, section 4.2.
pub fn fit_temperature(
    logits: &[&[f64]],
    gold: &[usize],
) -> Result<Option<Temperature>, EvalError> {
    check(logits, gold)?;
    let varies = |row: &&[f64]| row.iter().any(|logit| *logit != row[0]);
    if !logits.iter().any(varies) {
        return Ok(None);
    }
    let nll = |inverse: f64| mean_of(logits, gold, |row, gold| row_nll(row, gold, inverse));
    let slope = |inverse: f64| mean_of(logits, gold, |row, gold| row_slope(row, gold, inverse));
    let (inverse, at_bound) = falling_to_rising(slope, TEMPERATURE_RANGE.map(|one| 1.0 / one));
    let found = nll(1.0).zip(nll(inverse));
    Ok(found.map(|(nll_before, nll_after)| Temperature {
        temperature: 1.0 / inverse,
        nll_before,
        nll_after,
        at_bound,
    }))
}

/// `-log softmax(z / T)[gold]` of each image, at a temperature T above 0.
pub(crate) fn log_likelihood_loss(
    logits: &[&[f64]],
    gold: &[usize],
    temperature: f64,
) -> Result<Vec<f64>, EvalError> {
    check(logits, gold)?;
    let of_image = |(row, &gold): (&&[f64], &usize)| row_nll(row, gold, 1.0 / temperature);
    Ok(logits.iter().zip(gold).map(of_image).collect())
}

/// The probabilities of an image's logits at a temperature T above 0: `softmax(z / T)`.
///
/// # Errors
/// A temperature that is no number above 0, a logit that is not finite or beyond 1e100 to either side.
pub fn softmax_at(logits: &[f64], temperature: f64) -> Result<Vec<f64>, EvalError> {
    if !temperature.is_normal() || temperature < 0.0 {
        let message = format!("found {temperature}, expected a number above 0");
        return Err(EvalError::new("temperature", message));
    }
    check_logits(logits).map_err(|message| EvalError::new("logits", message))?;
    let weights = weights(logits, 1.0 / temperature);
    let sum: f64 = weights.iter().sum();
    Ok(weights.iter().map(|weight| weight / sum).collect())
}

/// Where a slope that does not fall becomes positive, and whether that is an end of the range.
fn falling_to_rising(
    slope: impl Fn(f64) -> Option<f64>,
    [highest, lowest]: [f64; 2],
) -> (f64, bool) {
    let is_rising = |inverse: f64| slope(inverse).is_some_and(|slope| slope > 0.0);
    if is_rising(lowest) {
        return (lowest, true);
    }
    if !is_rising(highest) {
        return (highest, true);
    }
    let (mut low, mut high) = (lowest, highest);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return (middle, false);
        }
        if is_rising(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

fn check(logits: &[&[f64]], gold: &[usize]) -> Result<(), EvalError> {
    if logits.len() != gold.len() {
        let message = format!("found {} rows for {} images", logits.len(), gold.len());
        return Err(EvalError::new("logits", message));
    }
    let num_classes = logits.first().map_or(0, |row| row.len());
    for (image, (row, &class)) in logits.iter().zip(gold).enumerate() {
        let place = || format!("logits of image {image}");
        if row.len() != num_classes || class >= num_classes {
            let num = row.len();
            let message = format!("found {num} for gold class {class}, expected {num_classes}");
            return Err(EvalError::new(place(), message));
        }
        check_logits(row).map_err(|message| EvalError::new(place(), message))?;
    }
    Ok(())
}

fn check_logits(row: &[f64]) -> Result<(), String> {
    match row.iter().find(|logit| !(-MAX_LOGIT..=MAX_LOGIT).contains(*logit)) {
        Some(logit) => Err(format!("found {logit}, expected a number from -1e100 to 1e100")),
        None => Ok(()),
    }
}

fn mean_of(
    logits: &[&[f64]],
    gold: &[usize],
    of_image: impl Fn(&[f64], usize) -> f64,
) -> Option<f64> {
    let values = logits.iter().zip(gold).map(|(row, &gold)| of_image(row, gold));
    mean(&values.collect::<Vec<f64>>())
}

fn largest(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// `exp((z - max z) / T)`: the largest is 1.
fn weights(row: &[f64], inverse: f64) -> Vec<f64> {
    let largest = largest(row);
    row.iter().map(|logit| libm::exp((logit - largest) * inverse)).collect()
}

fn row_nll(row: &[f64], gold: usize, inverse: f64) -> f64 {
    let sum: f64 = weights(row, inverse).iter().sum();
    libm::log(sum) - (row[gold] - largest(row)) * inverse
}

/// How the negative log-likelihood changes with `1 / T`: the mean logit by probability less the gold one.
fn row_slope(row: &[f64], gold: usize, inverse: f64) -> f64 {
    let weights = weights(row, inverse);
    let weighted: f64 =
        weights.iter().zip(row).map(|(weight, logit)| weight * (logit - row[gold])).sum();
    weighted / weights.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(logits: &[&[f64]], gold: &[usize]) -> Temperature {
        fit_temperature(logits, gold).unwrap().unwrap()
    }

    #[test]
    fn two_classes_by_hand() {
        // Logits 2 and 0, right 3 times of 4: sigmoid(2 / T) has to be 3/4, so 2 / T = ln 3.
        let row: &[f64] = &[2.0, 0.0];
        let found = fitted(&[row; 4], &[0, 1, 0, 0]);
        assert!((found.temperature - 2.0 / 3f64.ln()).abs() < 1e-12, "{found:?}");
        let entropy = -(0.75 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((found.nll_after - entropy).abs() < 1e-12 && !found.at_bound, "{found:?}");
        assert!(found.nll_before > found.nll_after);
        let [right, wrong] = softmax_at(row, found.temperature).unwrap()[..] else {
            panic!("two classes")
        };
        assert!((right - 0.75).abs() < 1e-12 && (wrong - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_search_has_ends() {
        // Right of all: the surer the better. Wrong of all: the less sure.
        let row: &[f64] = &[1.0, 0.0];
        let found = fitted(&[row; 2], &[0, 0]);
        assert!(found.at_bound && (found.temperature - TEMPERATURE_RANGE[0]).abs() < 1e-15);
        let found = fitted(&[row; 2], &[1, 1]);
        assert!(found.at_bound && (found.temperature - TEMPERATURE_RANGE[1]).abs() < 1e-10);
        assert!(found.nll_after.is_finite() && found.nll_after < found.nll_before);
        // Large logits leave no float.
        let found = fitted(&[&[1e100, -1e100][..]; 2], &[0, 1]);
        assert!(found.at_bound && found.nll_before.is_finite() && found.nll_after.is_finite());
    }

    #[test]
    fn where_no_temperature_matters_there_is_none() {
        assert_eq!(fit_temperature(&[], &[]), Ok(None));
        assert_eq!(fit_temperature(&[&[0.3, 0.3], &[-1.0, -1.0]], &[0, 1]), Ok(None));
        assert_eq!(fit_temperature(&[&[0.3]], &[0]), Ok(None));
    }

    #[test]
    fn wrong_input_is_named() {
        let error =
            |rows: &[&[f64]], gold: &[usize]| fit_temperature(rows, gold).unwrap_err().to_string();
        assert_eq!(error(&[], &[0]), "logits: found 0 rows for 1 images");
        let class = error(&[&[0.1, 0.2]], &[2]);
        assert_eq!(class, "logits of image 0: found 2 for gold class 2, expected 2");
        assert!(error(&[&[0.1, 0.2], &[0.1]], &[0, 0]).starts_with("logits of image 1"));
        for logit in [f64::NAN, f64::INFINITY, -1e101] {
            assert!(error(&[&[logit, 0.0]], &[0]).contains("expected a number from -1e100"));
            assert!(softmax_at(&[0.0, logit], 1.0).is_err());
        }
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(softmax_at(&[0.5], temperature).unwrap_err().place, "temperature");
        }
    }
}
