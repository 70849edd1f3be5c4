//! `dermx search`.

use crate::args::SearchArgs;
use crate::error::{CliError, CliResult};
use crate::process::Process;
use crate::terminal::print;
use dermx_run::config::{Config, SearchConfig, Split, config_name};
use dermx_run::search::{Launched, Results, SearchFolder, results, run_trials};
use dermx_run::sweep::{Launcher, Plan, Sweep, check_present, launch};
use dermx_run::{Backend, Context, TrainingData, prepare_synthetic};
use dermx_search::Settings;
use dermx_work::Failure;

/// Tries configurations, and prints which were best.
///
/// # Errors
/// A wrong configuration, missing data, a folder in use, no such launcher, or a request to stop.
pub fn run(args: &SearchArgs, process: &Process) -> CliResult<()> {
    let mut config = SearchConfig::load(&args.config)?;
    config.changes.extend(args.overrides.iter().cloned());
    config.sampler = args.sampler.unwrap_or(config.sampler);
    config.max_trials = args.max_trials.or(config.max_trials);
    let base = config.checked_base()?;
    if base.split == (Split::None {}) {
        let message = "search.set: a search goes by scores on validation photos; add \
                       \"split.method\" = \"fraction\"";
        return Err(CliError::new(Failure::BadConfig, message));
    }
    if let Some(launcher) = args.launcher {
        config.check_independent()?;
        if args.backend.backend != Backend::CPU {
            let message = "--launcher runs trials on the processor; leave --backend away";
            return Err(CliError::new(Failure::Usage, message));
        }
        if !args.dry_run {
            check_present(launcher)?;
        }
    }
    prepare_synthetic(&base, process.watch())?;
    if !args.resume {
        TrainingData::read(&base)?.check_leaks(&base, None)?;
    }
    let name = config_name(&args.config);
    let session = process.session(args.backend.backend)?;
    let run = args.run.as_deref();
    let folder = SearchFolder::open(run, &name, args.resume, &base, &config, &session)?;
    tracing::info!("search folder: {}", folder.path().display());
    let settings = Settings {
        space: config.space.clone(),
        sampler: config.sampler,
        seed: config.seed,
        pruner: config.pruner,
        max_trials: config.max_trials,
    };
    match launcher(args, &folder)? {
        Some(launcher) => run_launched(args, &config, base, &folder, settings, launcher, process),
        None => run_here(args, &config, &folder, settings, process.context(&session)),
    }
}

/// Who runs the trials; `None` for this process. A search goes on as it began.
fn launcher(args: &SearchArgs, folder: &SearchFolder) -> CliResult<Option<Launcher>> {
    match (Sweep::find(folder.path())?, args.launcher) {
        (Some(sweep), asked) => Ok(Some(asked.unwrap_or(sweep.plan().launcher))),
        (None, Some(_)) if folder.has_journal() => {
            let message = format!(
                "{}: the search began in one process; go on without --launcher",
                folder.path().display()
            );
            Err(CliError::new(Failure::BadConfig, message))
        }
        (None, asked) => Ok(asked),
    }
}

fn run_here(
    args: &SearchArgs,
    config: &SearchConfig,
    folder: &SearchFolder,
    settings: Settings,
    context: Context<'_>,
) -> CliResult<()> {
    let jobs = args.jobs.get();
    let search = folder.search(settings, jobs)?;
    let trials = run_trials(config, folder, search, jobs, context)?;
    context.check("go on with the same command and --resume")?;
    let results = results(config, &trials)?;
    results.write(folder)?;
    show(&results, folder, args.json)
}

fn run_launched(
    args: &SearchArgs,
    config: &SearchConfig,
    base: Config,
    folder: &SearchFolder,
    settings: Settings,
    launcher: Launcher,
    process: &Process,
) -> CliResult<()> {
    let plan = Plan::new(launcher, args.jobs, args.lease)?;
    let search = Launched::plan(config, base, folder, settings, plan)?;
    let launched =
        launch(search.sweep(), launcher, Some(args.jobs.get()), args.dry_run, process.watch());
    if args.dry_run {
        return print(launched?);
    }
    let trials = search.into_trials()?;
    let results = results(config, &trials)?;
    // Also when units failed: what the others came to is there.
    results.write(folder)?;
    let launched = launched?;
    let num_ended = trials.iter().filter(|trial| trial.outcome.is_some()).count();
    if num_ended == trials.len() {
        return show(&results, folder, args.json);
    }
    let path = folder.path().display();
    let text = format!(
        "{launched}{num_ended} of {} trials have ended\nhow it stands: dermx sweep status {path}\n\
         table and best configuration: the same command with --run {path} --resume\n",
        trials.len()
    );
    if args.json {
        tracing::info!("{text}");
        return print(results.json()?);
    }
    print(text)
}

/// Prints what came out.
fn show(results: &Results, folder: &SearchFolder, json: bool) -> CliResult<()> {
    if !results.has_best() {
        let message =
            format!("{}: no trial finished; table.json in it says why", folder.path().display());
        return Err(CliError::new(Failure::Internal, message));
    }
    match json {
        true => print(results.json()?),
        false => {
            let best = folder.path().join("best.toml");
            print(format!("{}\nbest configuration: {}\n", results.text(), best.display()))
        }
    }
}
