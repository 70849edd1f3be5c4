//! How a caller follows a run, and stops it.

use crate::checkpoint::{EpochMetrics, TrainState};
use crate::error::TrainError;

/// The results of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// The epoch, from 1.
    pub epoch: u32,
    /// The step in the epoch, from 1.
    pub step: usize,
    /// Number of steps in an epoch.
    pub num_steps: usize,
    /// Weighted loss of the step.
    pub loss: f64,
    /// Number of images in the step.
    pub num_images: usize,
}

/// Follows a run, and may stop it.
pub trait Observer {
    /// Called after every step.
    fn on_step(&mut self, report: &StepReport);
    /// Called after a step that was skipped because of `error`, the `num_skipped`-th of the run.
    fn on_skip(&mut self, error: &TrainError, num_skipped: usize) {
        let _ = (error, num_skipped);
    }
    /// Called once at the start of a resumed run. `damaged` says what is wrong with each newer
    /// checkpoint that could not be used.
    fn on_resume(&mut self, state: &TrainState, damaged: &[String]) {
        let _ = (state, damaged);
    }
    /// Called after every epoch with all finished epochs, and once at the start of a resumed run.
    ///
    /// # Errors
    /// The observer cannot record the epochs; the run ends with this error.
    fn on_epoch(&mut self, history: &[EpochMetrics]) -> Result<(), TrainError>;
    /// Asked after every step: `true` makes the run save and stop.
    fn should_stop(&self) -> bool;
}
