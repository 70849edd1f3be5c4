//! Counts that the paper of DermX prints of its images.

use super::{AGE, SKIN_TONE, SOURCE};
use crate::describe::{Tally, tally_attribute, tally_classes};
use crate::{Dataset, Image};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Images by source, skin tone and age.
///
/// # Source
/// Table 1, the DermX row of Table 4 and the text of the DermX paper (2021).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyCounts {
    /// Table 1: images by source data set and gold-standard diagnosis, zeros included.
    pub table_1: BTreeMap<String, Tally>,
    /// The DermX row of Table 4: the column sums of Table 1.
    pub table_4_dermx: Tally,
    /// Images by skin tone, over all rows of the metadata.
    pub skin_tone: Tally,
    /// Images by age, over all rows of the metadata.
    pub age: Tally,
}

impl StudyCounts {
    /// Tables 1 and 4 of the images `counted`, the others of all.
    pub fn of(dataset: &Dataset, counted: &[&Image]) -> Self {
        let images = dataset.images();
        let sources: BTreeSet<&str> = images.iter().map(|image| image.attribute(SOURCE)).collect();
        let row = |source: &str| {
            let of_source = counted.iter().filter(|one| one.attribute(SOURCE) == source).copied();
            tally_classes(dataset.schema(), of_source)
        };
        Self {
            table_1: sources.into_iter().map(|source| (source.to_owned(), row(source))).collect(),
            table_4_dermx: tally_classes(dataset.schema(), counted.iter().copied()),
            skin_tone: tally_attribute(images, SKIN_TONE),
            age: tally_attribute(images, AGE),
        }
    }
}
