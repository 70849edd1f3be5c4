//! Arguments of `dermx sweep`.

use super::choice;
use clap::{Args, Subcommand};
use dermx_run::Backend;
use dermx_sweep::{Launcher, NumberRange};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

/// Arguments of `dermx sweep`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example: dermx sweep --config resnet50.toml --config efficientnet-b4.toml --seeds 0-4 --launcher slurm --out sweeps/study"
)]
pub struct SweepArgs {
    /// What to do with a sweep that is planned.
    #[command(subcommand)]
    pub command: Option<SweepCommand>,
    /// What to plan and run.
    #[command(flatten)]
    pub plan: Option<PlanArgs>,
}

/// What can be done with a sweep.
#[derive(Debug, Subcommand)]
pub enum SweepCommand {
    /// Run what has no result yet.
    Run(RunArgs),
    /// Say what is done, running, waiting and failed.
    Status(StatusArgs),
    /// Aggregate the results: a table of all units, and one of the means over seeds.
    Collect(CollectArgs),
    /// Do one unit, unless it is done or another process is at it; what launchers call.
    Unit(UnitArgs),
}

/// What a sweep is made of.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// A configuration: a path, a file in configs/, or a built-in one; may be given several times.
    #[arg(long = "config", value_name = "FILE", required = true)]
    pub configs: Vec<String>,
    /// Seeds, such as 0-4 or 0,7; without them, those of each configuration.
    #[arg(long, value_name = "NUMBERS")]
    pub seeds: Option<NumberRange>,
    /// Folds, such as 0-9: each becomes `split.fold`.
    #[arg(long, value_name = "NUMBERS")]
    pub folds: Option<NumberRange>,
    /// Change a key of the configurations; with several values, separated by commas, each is tried
    /// with each of the others.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE[,VALUE...]")]
    pub sets: Vec<String>,
    /// Who runs the units: local (processes of this machine), slurm (arrays of jobs; the folder has to be
    /// one that all nodes see).
    #[arg(long, value_name = "WHO", default_value = "local", value_parser = choice::<Launcher>)]
    pub launcher: Launcher,
    /// Units at once, with --launcher local; the cores are shared out among them.
    #[arg(long, value_name = "N", default_value = "1")]
    pub jobs: NonZeroUsize,
    /// Seconds without a sign of life after which a unit is given to another process.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub lease: NonZeroU64,
    /// What computes: cpu, wgpu or cuda; wgpu:1 is the second device. `dermx backends` lists them.
    // Not `BackendArg`: what is optional as a whole cannot have parts that are flattened.
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub backend: Backend,
    /// The folder of the sweep.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write the plan (and Slurm's scripts), and run nothing; make no data.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `dermx sweep run`.
#[derive(Debug, Args)]
#[command(after_help = "Example: dermx sweep run sweeps/study")]
pub struct RunArgs {
    /// The folder of the sweep.
    pub sweep: PathBuf,
    /// Who runs the units, instead of the plan's: local, slurm.
    #[arg(long, value_name = "WHO", value_parser = choice::<Launcher>)]
    pub launcher: Option<Launcher>,
    /// Units at once, instead of the plan's.
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Write Slurm's scripts, and run nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `dermx sweep status`.
#[derive(Debug, Args)]
#[command(after_help = "Example: dermx sweep status sweeps/study")]
pub struct StatusArgs {
    /// The folder of the sweep.
    pub sweep: PathBuf,
    /// Look once: what is claimed may run, or be lost. Without it, signs of life are waited for, as long as
    /// a lease at most.
    #[arg(long)]
    pub now: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `dermx sweep collect`.
#[derive(Debug, Args)]
#[command(after_help = "Example: dermx sweep collect sweeps/study --report")]
pub struct CollectArgs {
    /// The folder of the sweep.
    pub sweep: PathBuf,
    /// Collect what there is, even when units are missing.
    #[arg(long)]
    pub partial: bool,
    /// Also score all seeds of each group together and write its report, as `dermx train` does for a
    /// run of several seeds.
    #[arg(long)]
    pub report: bool,
}

/// Arguments of `dermx sweep unit`.
#[derive(Debug, Args)]
#[command(after_help = "Example: dermx sweep unit sweeps/study resnet50-s0-1a2b3c4d")]
pub struct UnitArgs {
    /// The folder of the sweep.
    pub sweep: PathBuf,
    /// The name of the unit.
    pub unit: String,
}
