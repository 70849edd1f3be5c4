//! Arguments of `dermx search`.

use super::choice;
use super::limits::{jobs, key, lease};
use clap::Args;
use dermx_run::Backend;
use dermx_search::SamplerName;
use dermx_sweep::Launcher;
use std::num::{NonZeroU64, NonZeroUsize};
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
    /// Number of trials, instead of the configuration's number; a search can be resumed with more.
    #[arg(long, value_name = "N", value_parser = key::<usize>("search.max_trials"))]
    pub max_trials: Option<usize>,
    /// Trials that run at once; each needs its own memory. A resumed search can run as many as it began
    /// with, or fewer. With --launcher local they are processes, and any number will do.
    #[arg(long, value_name = "N", default_value = "1", value_parser = jobs())]
    pub jobs: NonZeroUsize,
    /// How parameters are chosen, instead of the configuration's choice: grid (every combination), random,
    /// tpe (near those that scored well).
    #[arg(long, value_name = "NAME", value_parser = choice::<SamplerName>)]
    pub sampler: Option<SamplerName>,
    /// Who runs the trials: local (processes of this machine) or slurm. Trials are then units of a sweep in
    /// the folder of the search, which `dermx sweep status` shows. Only for the samplers grid and random
    /// without a pruner. Without --launcher, trials run in this process.
    #[arg(long, value_name = "WHO", value_parser = choice::<Launcher>)]
    pub launcher: Option<Launcher>,
    /// A launched trial that gave no sign of life for so many seconds is given to another process. A
    /// resumed search keeps the number that it began with.
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "launcher", value_parser = lease())]
    pub lease: NonZeroU64,
    /// Write the plan (and Slurm's scripts) only: run nothing, and make no data.
    #[arg(long, requires = "launcher")]
    pub dry_run: bool,
    /// What computes: cpu (the default), wgpu or cuda; wgpu:1 is the second device. `dermx backends` lists
    /// them. A launched search that is resumed keeps the one that it began with.
    #[arg(long, value_name = "NAME")]
    pub backend: Option<Backend>,
    /// Change a key of the base configuration, for all trials.
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
