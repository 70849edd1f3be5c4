//! A raw map where it lies: in a file that was read, or in memory that somebody else has.

use crate::error::{ScoreError, ScoreResult};
use crate::heatmaps::{RawMap, check_size};
use dermx_eval::{EvalError, HeatmapScoring, PreparedMap, prepare};
use std::borrow::Cow;
use std::path::Path;

/// A map of \[height, width\] `size` with `values` in row-major order, in the precision it came in, which are
/// borrowed where they lie like that.
#[derive(Debug, Clone, PartialEq)]
pub enum MapView<'a> {
    /// 32-bit floats.
    Single {
        /// \[height, width\].
        size: [usize; 2],
        /// The values.
        values: Cow<'a, [f32]>,
    },
    /// 64-bit floats, or whole numbers as shares of the largest that their type has.
    Double {
        /// \[height, width\].
        size: [usize; 2],
        /// The values.
        values: Cow<'a, [f64]>,
    },
}

impl From<RawMap> for MapView<'_> {
    fn from(map: RawMap) -> Self {
        match map {
            RawMap::Single { size, values } => Self::Single { size, values: values.into() },
            RawMap::Double { size, values } => Self::Double { size, values: values.into() },
        }
    }
}

impl<'a> From<&'a RawMap> for MapView<'a> {
    fn from(map: &'a RawMap) -> Self {
        match map {
            RawMap::Single { size, values } => Self::Single { size: *size, values: values.into() },
            RawMap::Double { size, values } => Self::Double { size: *size, values: values.into() },
        }
    }
}

impl From<MapView<'_>> for RawMap {
    fn from(map: MapView<'_>) -> Self {
        match map {
            MapView::Single { size, values } => Self::Single { size, values: values.into_owned() },
            MapView::Double { size, values } => Self::Double { size, values: values.into_owned() },
        }
    }
}

impl MapView<'_> {
    /// Checks what a file is checked for; `place` is where messages say that the map is.
    ///
    /// # Errors
    /// Another number of values than the size says, more than 100 million, or one that is not finite.
    pub fn check(&self, place: &Path) -> ScoreResult<()> {
        let (&[height, width], num_values) = match self {
            Self::Single { size, values } => (size, values.len()),
            Self::Double { size, values } => (size, values.len()),
        };
        let bad = |message: String| ScoreError::in_file(place, message);
        check_size(height as u64, width as u64).map_err(bad)?;
        if num_values != height * width {
            return Err(bad(format!("found {num_values} values, expected {height}x{width}")));
        }
        self.check_finite(place)
    }

    /// Checks that every value is a finite number.
    pub(crate) fn check_finite(&self, place: &Path) -> ScoreResult<()> {
        let odd = match self {
            Self::Single { size, values } => {
                first(values, size[1], |value| !value.is_finite()).map(|(at, one)| (at, one.into()))
            }
            Self::Double { size, values } => first(values, size[1], |value| !value.is_finite()),
        };
        let Some(([row, column], value)) = odd else { return Ok(()) };
        let message = format!(
            "row {row}, column {column}: found {value}; expected a finite number: a map with such a value \
             cannot be scored, make it again"
        );
        Err(ScoreError::in_file(place, message))
    }

    /// How many values are above 1: those that count as 1 in a map that is not divided by its maximum.
    pub fn num_above_one(&self) -> usize {
        match self {
            Self::Single { values, .. } => values.iter().filter(|&&value| value > 1.0).count(),
            Self::Double { values, .. } => values.iter().filter(|&&value| value > 1.0).count(),
        }
    }

    /// Whether no value is above 0, so that the map points nowhere.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Single { values, .. } => values.iter().all(|&value| value <= 0.0),
            Self::Double { values, .. } => values.iter().all(|&value| value <= 0.0),
        }
    }

    /// Brings the map to the size of the masks; see [`dermx_eval::prepare`].
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn prepare(&self, scoring: &HeatmapScoring) -> Result<PreparedMap, EvalError> {
        match self {
            Self::Single { size, values } => prepare(values, *size, scoring),
            Self::Double { size, values } => prepare(values, *size, scoring),
        }
    }
}

/// Row and column of the first value that is odd, and the value.
fn first<T: Copy>(
    values: &[T],
    width: usize,
    is_odd: impl Fn(T) -> bool,
) -> Option<([usize; 2], T)> {
    let idx = values.iter().position(|&value| is_odd(value))?;
    Some(([idx / width, idx % width], values[idx]))
}
