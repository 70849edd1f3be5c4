//! Predictions from files and from memory.

use dermx_score::{Prediction, Predictions, ScoreResult};
use pyo3::prelude::*;
use std::path::PathBuf;

/// What was predicted, as a caller hands it over.
#[derive(FromPyObject)]
pub enum Predicted {
    /// A table, as `dermx evaluate --predictions` reads it.
    File(String),
    /// The class of each image.
    Classes(Vec<(String, String)>),
}

impl Predicted {
    /// The predictions.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn read(self) -> ScoreResult<Predictions> {
        let classes = match self {
            Self::File(path) => return Predictions::read(&PathBuf::from(path)),
            Self::Classes(classes) => classes,
        };
        let row = |(idx, (image_id, predicted)): (usize, (String, String))| Prediction {
            line: idx + 1,
            image_id,
            gold: None,
            predicted,
            probability: None,
            probabilities: Vec::new(),
            logits: Vec::new(),
        };
        let rows = classes.into_iter().enumerate().map(row).collect();
        let path = "predictions".into();
        Ok(Predictions { path, rows, classes: Vec::new(), calibration: None })
    }
}
