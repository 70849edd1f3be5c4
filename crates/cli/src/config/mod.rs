//! Configuration files: one complete file is one run.

mod check;
mod document;
mod flat;
mod load;
mod sections;
mod training;

pub use flat::{flat, flat_results, flat_training};
pub use load::{config_name, load, load_run};
pub use sections::{
    Config, DataSection, ExplainInput, Leaks, SanityCheck, SplitMethod, SplitSection,
    SyntheticSection, Target,
};
pub use training::EarlyStoppingSection;
