//! Arguments of `dermx sweep`.

use super::choice;
use super::limits::{jobs, lease};
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
    /// Run the units that have no result yet.
    Run(RunArgs),
    /// Say which units are done, running, waiting and failed.
    Status(StatusArgs),
    /// Aggregate the results: a table of all units, and one of the means over seeds.
    Collect(CollectArgs),
    /// Run one unit, unless it is done or another process works on it; launchers call this.
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
    /// Change a key of the configurations. With several values, separated by commas, every combination of
    /// values is run.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE[,VALUE...]")]
    pub sets: Vec<String>,
    /// Who runs the units: local (processes of this machine), slurm (arrays of jobs; the folder has to be
    /// one that all nodes see).
    #[arg(long, value_name = "WHO", default_value = "local", value_parser = choice::<Launcher>)]
    pub launcher: Launcher,
    /// Units that run at once, with --launcher local; they share the cores.
    #[arg(long, value_name = "N", default_value = "1", value_parser = jobs())]
    pub jobs: NonZeroUsize,
    /// A unit that gave no sign of life for so many seconds is given to another process.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = lease())]
    pub lease: NonZeroU64,
    /// What computes: cpu, wgpu or cuda; wgpu:1 is the second device. `dermx backends` lists them.
    // Not `BackendArg`: what is optional as a whole cannot have parts that are flattened.
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub backend: Backend,
    /// The folder of the sweep.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write the plan (and Slurm's scripts) only: run nothing, and make no data.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `dermx sweep run`.
#[derive(Debug, Args)]
#[command(after_help = "Example: dermx sweep run sweeps/study")]
pub struct RunArgs {
    /// The folder of the sweep.
    pub sweep: PathBuf,
    /// Who runs the units, instead of what the plan says: local, slurm.
    #[arg(long, value_name = "WHO", value_parser = choice::<Launcher>)]
    pub launcher: Option<Launcher>,
    /// Units that run at once, instead of what the plan says.
    #[arg(long, value_name = "N", value_parser = jobs())]
    pub jobs: Option<NonZeroUsize>,
    /// Write Slurm's scripts only: run nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `dermx sweep status`.
#[derive(Debug, Args)]
#[command(after_help = "Example: dermx sweep status sweeps/study")]
pub struct StatusArgs {
    /// The folder of the sweep.
    pub sweep: PathBuf,
    /// Answer at once, without telling units that run from those whose process is gone. Otherwise the command
    /// waits for signs of life, at most for the seconds of --lease.
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
    /// Collect the results that there are, even where units are missing.
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
