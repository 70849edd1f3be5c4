//! `dermx train`: the main job.

use crate::args::TrainArgs;
use crate::error::{CliError, CliResult};
use crate::process::Process;
use crate::summary::trained_text;
use crate::terminal::print;
use dermx_run::config::{self, Config};
use dermx_run::{Place, prepare_synthetic, train};
use dermx_work::Failure;

/// Trains, predicts, explains and scores every seed, aggregates them, and writes the report.
///
/// # Errors
/// A wrong configuration, missing or damaged data, a run folder in use, or a request to stop.
pub fn run(args: &TrainArgs, process: &Process) -> CliResult<()> {
    let session = process.session(args.backend.backend)?;
    let config = requested_config(args)?;
    let name = args.config.as_deref().map(config::config_name).unwrap_or_default();
    let place = Place {
        run: args.run.as_deref(),
        name: &name,
        resume: args.resume,
        allows_drift: args.allow_drift,
        steals_lock: args.steal_lock,
    };
    prepare_synthetic(&config, process.watch())?;
    print(trained_text(&train(&config, &place, args.no_eval, process.context(&session))?))
}

/// The configuration that the arguments ask for; that of the run when they only name a run.
fn requested_config(args: &TrainArgs) -> CliResult<Config> {
    let Some(name) = &args.config else {
        return match (&args.run, args.seed, args.overrides.is_empty()) {
            (Some(run), None, true) => Ok(Config::load_run(run)?),
            _ => Err(CliError::new(
                Failure::Usage,
                "without --config, --resume needs --run and nothing that changes the run",
            )),
        };
    };
    let mut overrides = args.overrides.clone();
    overrides.extend(args.seed.map(|seed| format!("run.seeds=[{seed}]")));
    Ok(Config::load(name, &overrides)?)
}
