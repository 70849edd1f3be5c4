//! `dermx sweep`.

use crate::args::{PlanArgs, SweepArgs, SweepCommand};
use crate::error::{CliError, CliResult, ExitKind};
use crate::run_folder::to_json;
use crate::sweep::{Status, Sweep, collect, launch, plan, run_unit};
use crate::terminal::print;

/// Plans, runs and collects many runs.
///
/// # Errors
/// Wrong arguments or configurations, units that failed, no such launcher.
pub fn run(args: &SweepArgs) -> CliResult<()> {
    match (&args.command, &args.plan) {
        (Some(SweepCommand::Run(args)), _) => {
            let sweep = Sweep::open(&args.sweep)?;
            let launcher = args.launcher.unwrap_or(sweep.plan().launcher);
            print(launch(&sweep, launcher, args.jobs.map(usize::from), args.dry_run)?)
        }
        (Some(SweepCommand::Status(args)), _) => {
            let status = Status::read(&Sweep::open(&args.sweep)?)?;
            match args.json {
                true => print(to_json(&status)?),
                false => print(status.text()),
            }
        }
        (Some(SweepCommand::Collect(args)), _) => {
            let sweep = Sweep::open(&args.sweep)?;
            print(collect(&sweep, args.partial, args.report)?)
        }
        (Some(SweepCommand::Unit(args)), _) => {
            let sweep = Sweep::open(&args.sweep)?;
            let folder = &sweep.plan().working_folder;
            std::env::set_current_dir(folder).map_err(|error| CliError::io(folder, &error))?;
            print(run_unit(&sweep, sweep.unit(&args.unit)?)?)
        }
        (None, Some(args)) => begin(args),
        (None, None) => {
            Err(CliError::new(ExitKind::Usage, "name --config and --out, or run, status, collect"))
        }
    }
}

fn begin(args: &PlanArgs) -> CliResult<()> {
    let sweep = plan(args)?;
    tracing::info!("{}: {} units", sweep.path().display(), sweep.plan().units.len());
    print(launch(&sweep, args.launcher, None, args.dry_run)?)
}
