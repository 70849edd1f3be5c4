//! Parts of a data set by what its images show.

use dermx_data::{Dataset, Image};
use std::collections::BTreeSet;

/// The images that have one value of one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stratum {
    /// The attribute.
    pub attribute: String,
    /// The value.
    pub value: String,
}

/// The strata of `dataset` by an attribute of its images, sorted by value.
pub fn strata(dataset: &Dataset, attribute: &str) -> Vec<Stratum> {
    let values = dataset.images().iter().map(|image| image.attribute(attribute));
    // Of images without a value nothing is known.
    let values: BTreeSet<&str> = values.filter(|value| !value.is_empty()).collect();
    let stratum =
        |value: &str| Stratum { attribute: attribute.to_string(), value: value.to_string() };
    values.into_iter().map(stratum).collect()
}

impl Stratum {
    /// Whether an image belongs to it; one of which nothing is known does not.
    pub fn contains(&self, image: Option<&Image>) -> bool {
        image.is_some_and(|image| image.attribute(&self.attribute) == self.value)
    }
}
