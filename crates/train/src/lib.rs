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
mod fit;
mod initialize;
mod loss;
mod monitor;
mod photos;
mod prefetch;
mod run;
mod validation;

pub use adam::{Adam, AdamConfig};
pub use checkpoint::{Checkpoint, CheckpointStore, EpochMetrics, EpochSums, TrainState};
pub use error::TrainError;
pub use file::write_atomic;
pub use fit::{FitConfig, LabelledPhotos, Observer, Outcome, Schedule, Sets, StepReport, fit};
pub use initialize::initial_weights;
pub use loss::{class_weights, weighted_cross_entropy};
pub use monitor::{Best, EarlyStopping, Monitor, Select};
pub use photos::{Photos, images_to_tensor};
pub use validation::{ValidationMetrics, argmax};
