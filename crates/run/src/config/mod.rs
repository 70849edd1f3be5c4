//! Configuration files: one complete file is one run.

mod bench;
mod check;
mod document;
mod flat;
mod load;
mod search;
mod sections;
mod training;

pub use bench::{BenchConfig, load_bench};
pub use flat::{flat, flat_results, flat_training};
pub use load::{config_name, load, load_run, parse};
pub use search::{Objective, SearchConfig, assignments, load_search};
pub use sections::{
    Config, DataSection, ExplainInput, Leaks, SanityCheck, SplitMethod, SplitSection, Target,
};
pub use training::EarlyStoppingSection;
