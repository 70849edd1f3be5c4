//! Configurations: what a file says, laid over its bases and filled up with defaults, is what runs.
//!
//! Every key is declared once, with its type, default, meaning and range (`sections.rs` and its like);
//! reading, checks, the list of keys and the JSON schema follow from that.

mod augmenting;
mod bench;
mod check;
mod classes;
#[expect(clippy::module_inception, reason = "the configuration of a run is called so")]
mod config;
mod declare;
mod derive;
mod document;
mod explaining;
mod files;
mod flat;
mod json_schema;
mod keys;
mod load;
mod moved;
mod option;
mod read;
mod resolve;
mod schema;
mod search;
mod sections;
mod show;
#[cfg(test)]
mod tests;
mod training;
mod words;
mod write;

pub use augmenting::{AugmentSection, ColorJitterSection, RandAugmentSection};
pub use bench::BenchConfig;
pub(crate) use classes::no_training_images;
pub use config::Config;
pub use explaining::{ExplainMethod, ExplainSection};
pub use files::config_name;
pub use flat::{flat, flat_results, flat_training};
pub use json_schema::json_schema;
pub use keys::{keys_markdown, keys_text};
pub use moved::MOVED;
pub use option::read_option;
pub use search::{SearchConfig, assignment};
pub use sections::{
    DataSection, EvaluateSection, InputSection, ModelSection, NUM_GALLERY_IMAGES, ReportSection,
    RunSection, SlurmSection, Split, StudySection, SyntheticSection,
};
pub use show::show;
pub use training::{
    EarlyStoppingSection, LearningObjective, LearningRateSchedule, Optimizer, TrainSection,
};
pub use words::{
    ClassWeighting, ExplainInput, Leaks, Objective, PosWeight, PosWeighting, SanityCheck, Target,
};
