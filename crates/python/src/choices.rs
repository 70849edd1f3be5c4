//! What is scored, and how, as a caller says it.

use crate::refusal;
use dermx_eval::{Average, Border, HeatmapScoring, Normalize, UnionAverage};
use dermx_score::{MIN_IMAGES, ScoredRows, ScoringChoices, Unmarked, Variable};
use pyo3::prelude::*;
use serde::Deserialize;

/// The options of `dermx evaluate`, with its names and defaults.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Choices {
    /// \[height, width\] that maps and masks are brought to, if it is said.
    pub size: Option<[usize; 2]>,
    normalize: bool,
    quantize: bool,
    border: Border,
    rows: ScoredRows,
    union_rows: Option<ScoredRows>,
    unmarked: Unmarked,
    average: Average,
    union_average: UnionAverage,
    class_exchange: Option<[String; 2]>,
    localization: bool,
    by: Vec<Variable>,
    min_images: usize,
    partial: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            size: None,
            normalize: true,
            quantize: true,
            border: Border::Mirror,
            rows: ScoredRows::default(),
            union_rows: None,
            unmarked: Unmarked::default(),
            average: Average::default(),
            union_average: UnionAverage::default(),
            class_exchange: None,
            localization: false,
            by: Vec::new(),
            min_images: MIN_IMAGES,
            partial: false,
        }
    }
}

impl Choices {
    /// Reads them from JSON.
    ///
    /// # Errors
    /// The choice that is none, with what is expected.
    pub fn read(json: &str) -> PyResult<Self> {
        let mut json = serde_json::Deserializer::from_str(json);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let inner = error.inner().to_string();
            // There is no line that a caller wrote.
            let message = inner.split(" at line ").next().unwrap_or_default().to_owned();
            refusal(format!("{}: {message}", error.path()))
        })
    }

    /// What is scored at \[height, width\] `size`, if no other was asked for.
    ///
    /// # Errors
    /// A size that no mask has.
    pub fn scoring(self, size: [usize; 2]) -> PyResult<ScoringChoices> {
        let size = self.size.unwrap_or(size);
        let [height, width] = size;
        if height == 0
            || width == 0
            || height > 65535
            || width > 65535
            || height * width > 100_000_000
        {
            return Err(refusal(format!(
                "size: found {height}x{width}; expected (height, width) of 1 to 65535 pixels and 100 megapixels at \
                 most"
            )));
        }
        Ok(ScoringChoices {
            classes: Vec::new(),
            maps: HeatmapScoring {
                size,
                normalize: if self.normalize { Normalize::Max } else { Normalize::None },
                quantize: self.quantize,
                border: self.border,
            },
            rows: self.rows,
            union_rows: self.union_rows.unwrap_or(self.rows),
            unmarked: self.unmarked,
            average: self.average,
            union_average: self.union_average,
            class_exchange: self.class_exchange,
            localization: self.localization,
            by: self.by,
            min_images: self.min_images,
            partial: self.partial,
        })
    }
}
