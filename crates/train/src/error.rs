//! What can go wrong in training.

use crate::fingerprint::Difference;
use crate::finite::NonFinite;
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
    /// A checkpoint cannot be saved; those before it stay as they are.
    #[error(
        "{path}: the checkpoint could not be saved: {source}; what was saved before stays as it is: make \
         room or see who may write there, then go on with --resume"
    )]
    Save {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A checkpoint cannot be read just now; it may be whole.
    #[error(
        "{path}: the checkpoint could not be read: {source}; nothing was changed: see who may read it, or \
         whether the disk answers, and try again"
    )]
    Load {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A checkpoint is not what was written.
    #[error("{path}: {message}")]
    Checkpoint {
        /// The damaged file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// There are checkpoints, and none can be used.
    #[error(
        "{path}: no checkpoint is whole; put one back from a backup, or remove the folder to train \
         from the start\n  {}", damaged.join("\n  ")
    )]
    NoCheckpoint {
        /// The folder of the checkpoints.
        path: PathBuf,
        /// What is wrong with each.
        damaged: Vec<String>,
    },
    /// A checkpoint is whole, and of another version of this program.
    #[error("{path}: written by another version of dermx, finish the run with that one: {message}")]
    Version {
        /// The file.
        path: PathBuf,
        /// What was not understood.
        message: String,
    },
    /// A checkpoint is of another run.
    #[error(
        "{path}: the checkpoint belongs to another run:\n  {}",
        differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
    )]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// The settings that differ: their values then and now.
        differences: Vec<Difference>,
    },
    /// The loss, a gradient or a running statistic of a batch is infinite or not a number.
    #[error(
        "{what} became {value} at epoch {epoch}, step {step} (images {images}); \
         lower train.learning_rate or look at these images"
    )]
    NonFinite {
        /// What is not finite.
        what: String,
        /// Its value.
        value: f64,
        /// The epoch, from 1.
        epoch: u32,
        /// The step in the epoch, from 1.
        step: usize,
        /// Ids of the images of the batch.
        images: String,
    },
    /// The gradients of a step were finite, but afterwards a weight, the optimizer's state or the
    /// moving average is infinite or not a number.
    #[error(
        "{found} after epoch {epoch}, step {step}, whose gradients are finite, with a norm of {norm:e}; \
         its learning rate was {learning_rate:e}: lower train.learning_rate"
    )]
    NonFiniteStep {
        /// What is not finite.
        found: NonFinite,
        /// The epoch, from 1.
        epoch: u32,
        /// The step in the epoch, from 1.
        step: usize,
        /// Norm of the gradients, before they were clipped.
        norm: f64,
        /// Learning rate of the step.
        learning_rate: f64,
    },
    /// Weights that training would start from, or save, are infinite or not a number.
    #[error("{what}: {found}; training needs finite weights")]
    NonFiniteWeights {
        /// Whose weights.
        what: &'static str,
        /// What is not finite.
        found: NonFinite,
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
    /// A setting needs validation scores, and there are no validation photos or no monitored score.
    #[error("{0} goes by scores on validation photos: set train.monitor and set photos aside")]
    NoValidation(&'static str),
    /// In a batch of one image a batch normalization would see one value for each channel. Its
    /// variance is 0, so that the output would not depend on the image. PyTorch refuses this, too.
    #[error(
        "batch normalization would see one value a channel in a batch of one image; {num_images} images \
         with train.batch_size = {batch_size} have such a batch: choose another train.batch_size, \
         train.last_batch = \"merge\" or \"drop\", larger images, or model.batch_norm = \"frozen\""
    )]
    OneValue {
        /// Number of training images.
        num_images: usize,
        /// Images a batch.
        batch_size: usize,
    },
    /// Dropping incomplete batches leaves no batch.
    #[error(
        "train.last_batch = \"drop\" leaves nothing of {num_images} training images with \
         train.batch_size = {batch_size}: lower train.batch_size, or keep the last batch"
    )]
    NoBatch {
        /// Number of training images.
        num_images: usize,
        /// Images a batch.
        batch_size: usize,
    },
    /// What is learned by does not fit the network or the images.
    #[error("train.objective: {0}")]
    Objective(String),
    /// Parameters are told apart by a pattern that matches none.
    #[error("train.{0}")]
    Groups(String),
    /// There is nothing to train or predict on.
    #[error("there are no images to {0}")]
    NoImages(&'static str),
}

impl TrainError {
    /// Whether a training step led to a number that is infinite or not a number.
    pub(crate) const fn is_non_finite_step(&self) -> bool {
        matches!(self, Self::NonFinite { .. } | Self::NonFiniteStep { .. })
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}
