//! What can go wrong in training.

use dermx_data::DataError;
use dermx_model::WeightsError;
use std::path::{Path, PathBuf};

/// Why a run cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A photo cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Weights cannot be read, written or put into the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No checkpoint of the run can be used.
    #[error("{path}: {message}")]
    Checkpoint {
        /// The checkpoint or its folder.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The loss is infinite or not a number.
    #[error(
        "the loss became {loss} at epoch {epoch}, step {step} (images {images}); \
         lower train.learning_rate or look at these images"
    )]
    NonFinite {
        /// The loss.
        loss: f64,
        /// The epoch, from 1.
        epoch: u32,
        /// The step in the epoch, from 1.
        step: usize,
        /// Ids of the images of the batch.
        images: String,
    },
    /// The loss on the validation photos is infinite or not a number.
    #[error(
        "the loss on the validation photos became {loss} after epoch {epoch}; \
         lower train.learning_rate"
    )]
    NonFiniteValidation {
        /// The loss.
        loss: f64,
        /// The epoch, from 1.
        epoch: u32,
    },
    /// Something goes by scores that there are none of.
    #[error("{0} goes by scores on validation photos: set train.monitor and set photos aside")]
    NoValidation(&'static str),
    /// There is nothing to train or predict on.
    #[error("there are no images to {0}")]
    NoImages(&'static str),
}

impl TrainError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}
