//! How few pixels a map points at, whatever they show.

use crate::EvalError;
use serde::{Deserialize, Serialize};

/// Of its largest value a pixel has to have more than this to count.
const MIN_SHARE: f64 = 1e-5;

/// How concentrated a map is; it says nothing of whether it is right.
///
/// With the absolute values a of n pixels. None changes when the map is rescaled. An all-zero map, which points
/// nowhere, has neither sparseness nor complexity (`None`), and a map without pixels has none of the three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ComplexityScores {
    /// Gini index of the pixels: `sum_i (2 i - n - 1) a_i / (n sum a)` with the pixels sorted upwards. From 0, all
    /// are equal, to `1 - 1 / n`, there is one; higher is sparser.
    ///
    /// # Source
    /// Chalasani et al., 2020, <https://proceedings.mlr.press/v119/chalasani20a.html>; Hurley and Rickard, 2009,
    /// <https://doi.org/10.1109/TIT.2009.2027527>. Quantus' `Sparseness`, which adds 1e-7 to each pixel.
    pub sparseness: Option<f64>,
    /// Entropy of the pixels' shares of the mass in nats: `-sum p log p` with `p = a / sum a`. From 0, there is one
    /// pixel, to `log n`, all are equal; lower is simpler. It depends on the number of pixels.
    ///
    /// # Source
    /// Bhatt et al., 2020, <https://doi.org/10.24963/ijcai.2020/417>. Quantus' `Complexity`, which adds 1e-12 in
    /// the logarithm.
    pub complexity: Option<f64>,
    /// Number of pixels with more than 1e-5 of the largest value; from 0 to n, lower is simpler. It depends on the
    /// number of pixels, and on what a blur or a resize leaves.
    ///
    /// # Source
    /// Nguyen and Martinez, 2020, <https://arxiv.org/abs/2007.07584>, as Quantus' `EffectiveComplexity` of a map
    /// divided by its maximum: pixels are counted by their value, not by what a network does without them.
    pub effective_complexity: Option<f64>,
}

/// Scores how concentrated the values of a map are.
///
/// # Errors
/// A value that is not finite.
pub fn complexity_scores(values: &[f64]) -> Result<ComplexityScores, EvalError> {
    if let Some(pixel) = values.iter().position(|value| !value.is_finite()) {
        let message = format!("found {}, expected a finite number", values[pixel]);
        return Err(EvalError::new(format!("map, pixel {pixel}"), message));
    }
    if values.is_empty() {
        return Ok(ComplexityScores::default());
    }
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest == 0.0 {
        return Ok(ComplexityScores {
            effective_complexity: Some(0.0),
            ..ComplexityScores::default()
        });
    }
    // Divided by the largest, so that no sum leaves the floats.
    let mut sorted: Vec<f64> = values.iter().map(|value| value.abs() / largest).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let sum: f64 = sorted.iter().sum();
    let num_counted = sorted.len() - sorted.partition_point(|value| *value <= MIN_SHARE);
    Ok(ComplexityScores {
        sparseness: Some(gini(&sorted, sum)),
        complexity: Some(entropy(&sorted, sum)),
        effective_complexity: Some(num_counted as f64),
    })
}

fn gini(sorted: &[f64], sum: f64) -> f64 {
    let num = sorted.len() as f64;
    let weight = |place: usize| 2.0 * (place as f64 + 1.0) - num - 1.0;
    let weighted: f64 = sorted.iter().enumerate().map(|(place, value)| weight(place) * value).sum();
    // Rounding may leave a little below 0 of a constant map.
    (weighted / (num * sum)).max(0.0)
}

fn entropy(values: &[f64], sum: f64) -> f64 {
    let shares = values.iter().map(|value| value / sum).filter(|share| *share > 0.0);
    // The 0 takes the sign off the entropy of one pixel.
    0.0 - shares.map(|share| share * libm::log(share)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(values: &[f64]) -> [Option<f64>; 3] {
        let found = complexity_scores(values).unwrap();
        [found.sparseness, found.complexity, found.effective_complexity]
    }

    #[test]
    fn concentration_by_hand() {
        // Sorted 0 1 1 2, weights -3 -1 1 3: 6 / (4 * 4). Shares 1/4, 1/4, 1/2: 1/2 ln 4 + 1/2 ln 2.
        let [sparseness, complexity, effective] = scores(&[1.0, -2.0, 0.0, 1.0]);
        assert_eq!((sparseness, effective), (Some(0.375), Some(3.0)));
        assert!((complexity.unwrap() - 1.5 * 2f64.ln()).abs() < 1e-15);
        // The same, at the ends of the floats.
        assert_eq!(scores(&[0.5e308, -1e308, 0.0, 0.5e308])[0], Some(0.375));
    }

    #[test]
    fn one_pixel_and_equal_pixels_are_the_ends() {
        assert_eq!(scores(&[0.0, 0.0, 0.3, 0.0]), [Some(0.75), Some(0.0), Some(1.0)]);
        let [sparseness, complexity, effective] = scores(&[0.7; 4]);
        assert_eq!((sparseness, effective), (Some(0.0), Some(4.0)));
        assert!((complexity.unwrap() - 4f64.ln()).abs() < 1e-15);
        assert_eq!(scores(&[3.0]), [Some(0.0), Some(0.0), Some(1.0)]);
        // Just at the limit, and just above.
        assert_eq!(scores(&[1.0, 1e-5, 1.1e-5])[2], Some(2.0));
    }

    #[test]
    fn nothing_is_not_concentrated_and_wrong_maps_are_named() {
        assert_eq!(scores(&[]), [None; 3]);
        assert_eq!(scores(&[0.0, -0.0]), [None, None, Some(0.0)]);
        let error = complexity_scores(&[0.0, f64::NAN]).unwrap_err().to_string();
        assert_eq!(error, "map, pixel 1: found NaN, expected a finite number");
    }
}
