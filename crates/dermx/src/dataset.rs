//! An annotated data set.

use dermx_score::{ScoreError, read_annotations};
use std::ops::Deref;
use std::path::Path;

/// An annotated data set as it is scored: images with a gold class, and of each rater the first round.
#[derive(Debug)]
pub struct Dataset(dermx_data::Dataset);

impl Dataset {
    /// Reads the data set in the folder `path`. Warns of what takes no part in scores.
    ///
    /// # Errors
    /// No such folder, or annotations that cannot be read, with file and place.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ScoreError> {
        Ok(Self(read_annotations(path.as_ref())?))
    }
}

impl Deref for Dataset {
    type Target = dermx_data::Dataset;

    fn deref(&self) -> &dermx_data::Dataset {
        &self.0
    }
}
