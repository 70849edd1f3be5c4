//! `dermx search`.

use super::sweep::{check_backend, unit_command};
use crate::args::SearchArgs;
use crate::error::{CliError, CliResult};
use crate::process::Process;
use crate::terminal::print;
use dermx_run::config::SearchConfig;
use dermx_run::search::{SearchRequest, Searched, search};
use dermx_run::{Backend, Session};
use dermx_search::Results;
use dermx_work::Failure;
use std::path::Path;

/// Tries configurations, and prints which were best.
///
/// # Errors
/// A wrong configuration, missing data, a folder in use, no such launcher, or a request to stop.
pub fn run(args: &SearchArgs, process: &Process) -> CliResult<()> {
    let mut config = SearchConfig::load(&args.config)?;
    config.changes.extend(args.overrides.iter().cloned());
    config.sampler = args.sampler.unwrap_or(config.sampler);
    config.max_trials = args.max_trials.or(config.max_trials);
    let backend = args.backend.unwrap_or(Backend::CPU);
    let session = match args.launcher {
        // Processes of their own compute the trials; this one only reads the photos.
        Some(launcher) => {
            check_backend(backend, launcher, args.dry_run, process)?;
            Session::cpu()
        }
        None => process.session(backend)?,
    };
    let request = SearchRequest {
        name: &args.config,
        run: args.run.as_deref(),
        resume: args.resume,
        jobs: args.jobs,
        launcher: args.launcher,
        lease: args.lease,
        dry_run: args.dry_run,
        backend: args.backend,
        command: &unit_command()?,
    };
    match search(&config, &request, process.context(&session))? {
        Searched::Planned(text) => print(text),
        Searched::Done { folder, results } => show(&results, &folder, args.json),
        Searched::Launched { folder, results, launched, num_ended, num_trials } => {
            let path = folder.display();
            let text = format!(
                "{launched}{num_ended} of {num_trials} trials have ended\nhow it stands: dermx sweep \
                 status {path}\ntable and best configuration: the same command with --run {path} \
                 --resume\n"
            );
            if args.json {
                tracing::info!("{text}");
                return print(results.json()?);
            }
            print(text)
        }
    }
}

/// Prints what came out.
fn show(results: &Results, folder: &Path, json: bool) -> CliResult<()> {
    if !results.has_best() {
        let message = format!("{}: no trial finished; table.json in it says why", folder.display());
        return Err(CliError::new(Failure::Internal, message));
    }
    match json {
        true => print(results.json()?),
        false => {
            let best = folder.join("best.toml");
            print(format!("{}\nbest configuration: {}\n", results.text(), best.display()))
        }
    }
}
