//! Arguments of `dermx search`.

use super::{Backend, choice};
use clap::Args;
use dermx_search::SamplerName;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Arguments of `dermx search`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx search --config search-resnet50.toml --sampler random --max-trials 20"
)]
pub struct SearchArgs {
    /// A search: a path, a file in configs/, or a built-in one.
    #[arg(long, value_name = "FILE")]
    pub config: String,
    /// Number of trials, instead of the configuration's; a search can be resumed with more.
    #[arg(long, value_name = "N")]
    pub max_trials: Option<usize>,
    /// Trials that run at once, each with memory of its own. A resumed search keeps to the number
    /// that it began with, or to fewer.
    #[arg(long, value_name = "N", default_value = "1")]
    pub jobs: NonZeroUsize,
    /// How parameters are chosen, instead of the configuration's: grid (all), random (at random),
    /// tpe (where good ones were).
    #[arg(long, value_name = "NAME", value_parser = choice::<SamplerName>)]
    pub sampler: Option<SamplerName>,
    /// What computes.
    #[arg(long, value_enum, default_value = "cpu")]
    pub backend: Backend,
    /// Change a key of the configuration that is varied, for all trials.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub overrides: Vec<String>,
    /// The folder of the search; without it, a new numbered one in `run.output`.
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Go on with the search in `--run`, or with the newest one of `--config`.
    #[arg(long)]
    pub resume: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
