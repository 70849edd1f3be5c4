//! Class weights, loss, optimizers, schedules, the training loop and its checkpoints.
//!
//! Every random draw is a function of (seed, epoch, image or parameter name), made on the host, so
//! a run does not depend on the number of threads and a resumed run is the undisturbed one. This
//! crate knows nothing of configuration files, test sets or explanations.

mod batch;
mod checkpoint;
mod config;
mod draw;
mod dropout_rng;
mod ema;
mod error;
mod fingerprint;
mod finite;
mod fit;
mod initialize;
mod labelled;
mod last_batch;
mod masks;
mod metrics;
mod mix;
mod monitor;
mod objective;
mod observer;
mod optimizer;
mod parameters;
mod photos;
mod prefetch;
mod run;
mod sampling;
mod schedule;
mod targets;
mod train_step;
mod validation;

pub use checkpoint::{
    Checkpoint, CheckpointStore, EpochMetrics, EpochSums, Latest, TrainState, read_checkpoint,
};
pub use config::FitConfig;
pub use draw::Draw;
pub use error::TrainError;
pub use fingerprint::{Difference, Fingerprint, differences};
pub use finite::NonFinite;
pub use fit::{Outcome, Replayed, fit, replay};
pub use initialize::initial_weights;
pub use labelled::{LabelledPhotos, Sets};
pub use last_batch::LastBatch;
pub use masks::{ConceptMasks, Consensus};
pub use metrics::{ValidationMetrics, argmax};
pub use mix::{Mix, MixConfig};
pub use monitor::{Best, EarlyStopping, Monitor, Select};
pub use objective::{
    AttentionLoss, Characteristics, CharacteristicsConfig, CrossEntropy, Guided, Loss, MapSize,
    MultiLabel, Objective, Pass, PassRandom, balanced_class_weights, balanced_pos_weight,
    class_weights, cross_entropy, label_cross_entropy, linear_parameters, positives, targets,
};
pub use observer::{Observer, StepReport};
pub use optimizer::{
    AdamConfig, NamedGradients, Optimizer, OptimizerConfig, ParameterGroups, SgdConfig,
};
pub use parameters::Parameters;
pub use photos::{Photos, images_to_tensor};
pub use sampling::Sampling;
pub use schedule::{PlateauState, Schedule, Span};
pub use targets::{BatchMasks, BatchTargets, Columns, Targets};
pub use validation::logits_of;
