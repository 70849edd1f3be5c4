//! Class weights, loss, optimizer, the training loop and its checkpoints.
//!
//! Every random draw is a function of (seed, epoch, image or parameter name), made on the host, so
//! a run does not depend on the number of threads and a resumed run is the undisturbed one. This
//! crate knows nothing of configuration files, scores or explanations.

mod adam;
mod chance;
mod checkpoint;
mod error;
mod file;
mod fingerprint;
mod fit;
mod initialize;
mod loss;
mod photos;
mod prefetch;

pub use adam::{Adam, AdamConfig};
pub use checkpoint::{
    Checkpoint, CheckpointStore, EpochMetrics, EpochSums, Latest, TrainState, read_checkpoint,
};
pub use error::TrainError;
pub use file::{Disk, FileCall, FileSystem, write_atomic};
pub use fingerprint::{Difference, Fingerprint, differences};
pub use fit::{
    FitConfig, Observer, Outcome, Schedule, StepReport, TrainingSet, argmax, fit, replay,
};
pub use initialize::initial_weights;
pub use loss::{class_weights, weighted_cross_entropy};
pub use photos::{Photos, images_to_tensor};
