//! Running a search: its folder, its trials, its table.

mod folder;
mod launched;
mod results;
mod trial;
mod workers;

pub use folder::SearchFolder;
pub use launched::{EndedTrial, Launched, run_unit};
pub use results::{Results, results};
pub use trial::forget_checkpoints;
pub use workers::run_trials;
