//! Parts of a data set by what its images show.

use dermx_data::{DermxDataset, ImageRecord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A column of the metadata by which tables can be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// `skin_tone`.
    SkinTone,
    /// `age`.
    Age,
}

/// The images that have one value in one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stratum {
    /// The column.
    pub attribute: Attribute,
    /// The value.
    pub value: String,
}

impl Attribute {
    /// The strata of `dataset` by this column, sorted by value.
    pub fn strata(self, dataset: &DermxDataset) -> Vec<Stratum> {
        let values: BTreeSet<&str> = dataset.images().iter().map(|image| self.of(image)).collect();
        let stratum = |value: &str| Stratum { attribute: self, value: value.to_string() };
        values.into_iter().map(stratum).collect()
    }

    fn of(self, image: &ImageRecord) -> &str {
        match self {
            Self::SkinTone => &image.skin_tone,
            Self::Age => &image.age,
        }
    }
}

impl Stratum {
    /// Whether the image with this row of the metadata belongs to it; one without a row does not.
    pub fn contains(&self, record: Option<&ImageRecord>) -> bool {
        record.is_some_and(|record| self.attribute.of(record) == self.value)
    }
}
