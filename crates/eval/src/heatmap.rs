//! From a raw heat map to one that can be laid over a mask.

use crate::EvalError;
use crate::fuzzy::{FuzzyScores, fuzzy_scores_by_sums, prefix_sums};
use crate::resize::{self, Taps};
use serde::{Deserialize, Serialize};
use std::ops::{Div, Mul, Range};

/// How a raw map becomes one with values in \[0, 1\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// `max(h, 0) / max h`; all zero where the maximum is not positive.
    Max,
    /// Values are cut to \[0, 1\].
    None,
}

/// What lies beyond the border of a map when it is resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Border {
    /// The map mirrored at its outermost pixels: index -1 is index 1.
    Mirror,
    /// The outermost pixels.
    Clamp,
}

/// How heat maps are prepared before they are scored; the default is the paper's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatmapScoring {
    /// \[height, width\] of the masks that the map is compared with.
    pub size: [usize; 2],
    /// How values get into \[0, 1\].
    pub normalize: Normalize,
    /// Whether values are rounded down to 1/255 before resizing.
    pub quantize: bool,
    /// The border that resizing sees.
    pub border: Border,
}

/// A number that heat maps come in: f32 or f64.
pub trait MapValue:
    Copy + PartialOrd + From<u8> + Into<f64> + Div<Output = Self> + Mul<Output = Self>
{
}

impl MapValue for f32 {}
impl MapValue for f64 {}

/// A map with values in \[0, 1\] at the size of the masks, ready to be scored many times.
///
/// Resizing is linear, and first along the width, then along the height. So every row of the map is
/// the same few weights times rows of a map that is as wide as the masks but as high as the raw
/// map, and so are its sums from the left: those are kept, and a mask costs what its runs cost.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedMap {
    size: [usize; 2],
    /// As wide as the masks, as high as the raw map.
    wide: Vec<f64>,
    /// [`prefix_sums`] of each row of `wide`.
    wide_sums: Vec<f64>,
    /// The rows of `wide` that each row of the map is made of.
    rows: Taps,
    /// The sum of all rows above each row, and of all.
    sums_above: Vec<f64>,
}

impl PreparedMap {
    fn new(unit: Vec<f64>, map_size: [usize; 2], scoring: &HeatmapScoring) -> Self {
        let HeatmapScoring { size: [height, width], border, .. } = *scoring;
        let rows = resize::axis_taps(map_size[0], height, border);
        let columns = resize::axis_taps(map_size[1], width, border);
        let wide = resize::along_width(unit, map_size[1], &columns);
        let mut wide_sums = Vec::with_capacity(map_size[0] * (width + 1));
        for row in wide.chunks_exact(width) {
            let mut sum = 0.0;
            wide_sums.push(sum);
            wide_sums.extend(row.iter().map(|value| {
                sum += value;
                sum
            }));
        }
        let mut map = Self { size: scoring.size, wide, wide_sums, rows, sums_above: Vec::new() };
        let row_sums: Vec<f64> = (0..height).map(|row| map.sum_left_of(row, width)).collect();
        map.sums_above = prefix_sums(&row_sums);
        map
    }

    /// \[height, width\].
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The values row by row.
    pub fn values(&self) -> Vec<f64> {
        let mut values = resize::along_height(&self.wide, self.size[1], &self.rows);
        // What rounding adds is taken off.
        values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        values
    }

    /// The sum of all values.
    pub fn sum(&self) -> f64 {
        self.sums_above.last().copied().unwrap_or(0.0)
    }

    /// Whether the map points nowhere.
    pub fn is_all_zero(&self) -> bool {
        self.sum() == 0.0
    }

    /// Scores this map against a mask, given as ascending runs of flat indices.
    ///
    /// # Errors
    /// As [`crate::fuzzy_scores_runs`].
    pub fn scores(
        &self,
        runs: impl IntoIterator<Item = Range<usize>>,
    ) -> Result<FuzzyScores, EvalError> {
        let [height, width] = self.size;
        let sum_before = |pixel: usize| {
            let (row, column) = (pixel / width, pixel % width);
            self.sums_above[row] + if column == 0 { 0.0 } else { self.sum_left_of(row, column) }
        };
        fuzzy_scores_by_sums(height * width, sum_before, runs)
    }

    /// The sum of the first `column` values of a row.
    fn sum_left_of(&self, row: usize, column: usize) -> f64 {
        let stride = self.size[1] + 1;
        let taps = self.rows.of(row).iter();
        taps.map(|&(idx, weight)| weight * self.wide_sums[idx * stride + column]).sum()
    }
}

/// Normalizes, quantizes and resizes a raw map.
///
/// In this order: `h = max(h, 0) / max h` (see [`Normalize`]), `floor(255 h) / 255`, both in the
/// precision that the map comes in, then bilinear resizing in float64 with half-pixel centers to
/// `scoring.size`. A map that is larger than that along a side is first blurred along it
/// (a Gaussian of half the shrinking factor less one), so that nothing between the sampled pixels
/// is lost. A map of the right size is not resized.
///
/// # Shapes
/// `raw` has `map_size` = \[height, width\] values, row by row.
///
/// # Errors
/// When a value is not finite, a size is zero, or the length is not that of `map_size`.
///
/// # Source
/// Jalaboi et al., 2021, and their public notebooks: `uint8(255 * h)`, then scikit-image
/// `resize(h, (300, 400))`.
pub fn prepare<T: MapValue>(
    raw: &[T],
    map_size: [usize; 2],
    scoring: &HeatmapScoring,
) -> Result<PreparedMap, EvalError> {
    check(raw, map_size, scoring.size)?;
    Ok(PreparedMap::new(unit(raw, scoring), map_size, scoring))
}

fn unit<T: MapValue>(raw: &[T], scoring: &HeatmapScoring) -> Vec<f64> {
    let (zero, one) = (T::from(0), T::from(1));
    let scale = match scoring.normalize {
        Normalize::Max => {
            raw.iter().fold(zero, |max, &value| if value > max { value } else { max })
        }
        Normalize::None => one,
    };
    if scale <= zero {
        return vec![0.0; raw.len()];
    }
    let normalized = raw.iter().map(|&value| {
        let value = value / scale;
        if value > one {
            one
        } else if value > zero {
            value
        } else {
            zero
        }
    });
    match scoring.quantize {
        true => normalized.map(|value| (T::from(255) * value).into().floor() / 255.0).collect(),
        false => normalized.map(T::into).collect(),
    }
}

fn check<T: MapValue>(raw: &[T], map_size: [usize; 2], size: [usize; 2]) -> Result<(), EvalError> {
    for (place, [height, width]) in [("heat map", map_size), ("scoring size", size)] {
        if height == 0 || width == 0 {
            let message = format!("found size {height}x{width}, expected at least 1x1");
            return Err(EvalError::new(place, message));
        }
    }
    let [height, width] = map_size;
    if Some(raw.len()) != height.checked_mul(width) {
        let message = format!("found {} values, expected {height}x{width}", raw.len());
        return Err(EvalError::new("heat map", message));
    }
    let mut values = raw.iter().map(|&value| value.into());
    match values.position(|value: f64| !value.is_finite()) {
        None => Ok(()),
        Some(idx) => Err(EvalError::new(
            format!("heat map, row {}, column {}", idx / width, idx % width),
            format!("found {}, expected a finite number", raw[idx].into()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORING: HeatmapScoring = HeatmapScoring {
        size: [300, 400],
        normalize: Normalize::Max,
        quantize: true,
        border: Border::Mirror,
    };

    fn at_size(size: [usize; 2]) -> HeatmapScoring {
        HeatmapScoring { size, ..SCORING }
    }

    #[test]
    fn map_is_divided_by_its_maximum_and_rounded_down() {
        // / 4: 0, .25, .5, 1; * 255: 0, 63.75, 127.5, 255
        let map = prepare(&[-8.0, 1.0, 2.0, 4.0], [2, 2], &at_size([2, 2])).unwrap();
        assert_eq!(map.values(), [0.0, 63.0 / 255.0, 127.0 / 255.0, 1.0]);
        assert_eq!(map.size(), [2, 2]);
        let unquantized = HeatmapScoring { quantize: false, ..at_size([2, 2]) };
        let map = prepare(&[-8.0, 1.0, 2.0, 4.0], [2, 2], &unquantized).unwrap();
        assert_eq!(map.values(), [0.0, 0.25, 0.5, 1.0]);
        assert_eq!(map.sum(), 1.75);
    }

    #[test]
    fn map_without_positive_values_is_all_zero() {
        for raw in [[0.0, -0.0], [-1.0, -2.0], [-1.0, 0.0]] {
            let map = prepare(&raw, [1, 2], &at_size([3, 4])).unwrap();
            assert_eq!(map.values(), [0.0; 12]);
            assert!(map.is_all_zero());
        }
        assert!(!prepare(&[0.0, 1e-30], [1, 2], &at_size([3, 4])).unwrap().is_all_zero());
    }

    #[test]
    fn unnormalized_map_is_cut_to_the_unit_interval() {
        let scoring =
            HeatmapScoring { normalize: Normalize::None, quantize: false, ..at_size([1, 3]) };
        let map = prepare(&[-1.0, 0.5, 7.0], [1, 3], &scoring).unwrap();
        assert_eq!(map.values(), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn map_is_scored_by_its_runs() {
        // A = 0 .25 .5 1, S = the last two: TP 1.5, F1 3 / 3.75
        let scoring = HeatmapScoring { quantize: false, ..at_size([2, 2]) };
        let map = prepare(&[0.0, 1.0, 2.0, 4.0], [2, 2], &scoring).unwrap();
        assert_eq!(map.scores(std::iter::once(2..4)).unwrap().f1, Some(0.8));
    }

    #[test]
    fn wrong_maps_are_named() {
        let message =
            |raw: &[f32], size| prepare(raw, size, &at_size([2, 2])).unwrap_err().to_string();
        assert_eq!(
            message(&[0.0, 1.0, 2.0, f32::NAN], [2, 2]),
            "heat map, row 1, column 1: found NaN, expected a finite number"
        );
        assert!(message(&[f32::INFINITY], [1, 1]).contains("found inf"));
        assert_eq!(message(&[0.0; 3], [2, 2]), "heat map: found 3 values, expected 2x2");
        assert_eq!(message(&[], [0, 2]), "heat map: found size 0x2, expected at least 1x1");
        let error = prepare(&[1.0], [1, 1], &at_size([0, 4])).unwrap_err();
        assert_eq!(error.place, "scoring size");
    }

    #[test]
    fn scoring_is_written_with_plain_words() {
        let json = serde_json::to_value(SCORING).unwrap();
        let expected = serde_json::json!(
            {"size": [300, 400], "normalize": "max", "quantize": true, "border": "mirror"}
        );
        assert_eq!(json, expected);
    }
}
