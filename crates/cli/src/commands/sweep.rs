//! `dermx sweep`.

use crate::args::{PlanArgs, SweepArgs, SweepCommand};
use crate::error::{CliError, CliResult, exit_code};
use crate::process::Process;
use crate::summary::trained_text;
use crate::terminal::print;
use dermx_run::sweep::{plan, run_unit};
use dermx_run::{Backend, Session, Trained, collect, this_process};
use dermx_score::to_json;
use dermx_sweep::{
    Launch, Launcher, OnLost, PlanRequest, Status, Sweep, Unit, UnitCommand, UnitEnd, note_failure,
};
use dermx_work::Failure;
use std::path::Path;
use std::sync::Arc;

/// Plans, runs and collects many runs.
///
/// # Errors
/// Wrong arguments or configurations, units that failed, no such launcher.
pub fn run(args: &SweepArgs, process: &Process) -> CliResult<()> {
    match (&args.command, &args.plan) {
        (Some(SweepCommand::Run(args)), _) => {
            let sweep = Sweep::open(&args.sweep)?;
            let launcher = args.launcher.unwrap_or(sweep.plan().launcher);
            let (command, jobs) = (&unit_command()?, args.jobs.map(usize::from));
            let launch = Launch { launcher, command, jobs, dry_run: args.dry_run };
            print(launch.run(&sweep, process.watch())?)
        }
        (Some(SweepCommand::Status(args)), _) => {
            let sweep = Sweep::open(&args.sweep)?;
            let status = match args.now {
                true => Status::read(&sweep)?,
                false => Status::watch(&sweep, process.watch())?,
            };
            match args.json {
                true => print(to_json(&status)?),
                false => print(status.text()),
            }
        }
        (Some(SweepCommand::Collect(args)), _) => {
            let sweep = Sweep::open(&args.sweep)?;
            let session = Session::cpu();
            print(collect(&sweep, args.partial, args.report, process.context(&session))?)
        }
        (Some(SweepCommand::Unit(args)), _) => {
            let sweep = Sweep::open(&args.sweep)?;
            let folder = &sweep.plan().working_folder;
            std::env::set_current_dir(folder).map_err(|error| CliError::io(folder, &error))?;
            let unit = sweep.unit(&args.unit)?;
            let session = session(&sweep, unit, process)?;
            let end = run_unit(&sweep, unit, on_lost(), process.context(&session))?;
            print(end_text(&unit.name, &end))
        }
        (None, Some(args)) => begin(args, process),
        (None, None) => {
            Err(CliError::new(Failure::Usage, "name --config and --out, or run, status, collect"))
        }
    }
}

/// A process whose claim went to another ends at once: nothing is wrong, and nothing to be done.
fn on_lost() -> OnLost {
    Arc::new(|| {
        eprintln!("another process has taken over: this one was thought dead");
        std::process::exit(i32::from(exit_code(Failure::Stopped)));
    })
}

/// What computes `unit`; that it cannot is a failure of the unit, which others are to know.
fn session(sweep: &Sweep, unit: &Unit, process: &Process) -> CliResult<Session> {
    let parsed = unit.backend.parse::<Backend>().map_err(|reason| {
        let message = format!("the backend `{}` of {}: {reason}", unit.backend, unit.name);
        CliError::bad_data(&sweep.path().join("plan.json"), message)
    });
    let opened = parsed.and_then(|backend| process.session(backend));
    if let Err(error) = &opened {
        note_failure(sweep, unit, &this_process(), error.failure, &error.message)?;
    }
    opened
}

fn end_text(unit: &str, end: &UnitEnd<Option<Trained>>) -> String {
    match end {
        UnitEnd::Done => format!("{unit}: has its result\n"),
        UnitEnd::Taken => format!("{unit}: another process is at it\n"),
        UnitEnd::Ran(trained) => trained.as_ref().map(trained_text).unwrap_or_default(),
        UnitEnd::Tried(trial) => format!("{unit}: {}\n", trial.text()),
    }
}

fn begin(args: &PlanArgs, process: &Process) -> CliResult<()> {
    let backend = args.backend;
    check_backend(backend, args.launcher, args.dry_run, process)?;
    let request = PlanRequest {
        configs: args.configs.clone(),
        seeds: args.seeds.as_ref().map(|range| range.0.clone()),
        folds: args.folds.as_ref().map(|range| range.0.clone()).unwrap_or_default(),
        sets: args.sets.clone(),
        backend: backend.to_string(),
        launcher: args.launcher,
        jobs: args.jobs,
        lease: args.lease,
        out: args.out.clone(),
        dry_run: args.dry_run,
    };
    let sweep = plan(&request, process.context(&Session::cpu()))?;
    tracing::info!("{}: {} units", sweep.path().display(), sweep.plan().units.len());
    let PlanArgs { launcher, dry_run, .. } = *args;
    let launch = Launch { launcher, command: &unit_command()?, jobs: None, dry_run };
    print(launch.run(&sweep, process.watch())?)
}

/// Refuses a backend that units would not have: nodes may have devices that this machine lacks, but they run
/// this binary.
///
/// # Errors
/// Says what is missing.
pub fn check_backend(
    backend: Backend,
    launcher: Launcher,
    dry_run: bool,
    process: &Process,
) -> CliResult<()> {
    match launcher {
        Launcher::Local if !dry_run => process.session(backend).map(drop),
        _ => Ok(backend.check_built_in(process.panics())?),
    }
}

/// What does one unit: this program.
///
/// # Errors
/// The operating system does not tell where it is.
pub fn unit_command() -> CliResult<UnitCommand> {
    let program =
        std::env::current_exe().map_err(|error| CliError::io(Path::new("dermx"), &error))?;
    Ok(UnitCommand { program, args: ["sweep", "unit"].map(str::to_string).to_vec() })
}
