//! A search over trainings: in this process, or as units of a sweep in the same folder.

pub(crate) mod description;
mod launched;

use crate::config::{SearchConfig, Split, config_name};
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::run_folder::{Place, RunFolder};
use crate::session::Backend;
use crate::synth::prepare_synthetic;
use crate::training::Training;
use crate::training_data::TrainingData;
use dermx_search::{Base, Results, Runner, SearchFolder, Settings};
use dermx_sweep::{Launch, Launcher, Sweep, UnitCommand};
use launched::Launched;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

/// Where a search goes, and who runs its trials.
#[derive(Debug)]
pub struct SearchRequest<'a> {
    /// The search as it was asked for: a numbered folder is called after it.
    pub name: &'a str,
    /// The folder; without it, a numbered one in `run.output`.
    pub run: Option<&'a Path>,
    /// Whether the search is there, to go on with.
    pub resume: bool,
    /// Trials at once.
    pub jobs: NonZeroUsize,
    /// Who runs the trials; without it this process, or whoever ran those of a search that goes on.
    pub launcher: Option<Launcher>,
    /// Seconds without a sign of life after which a launched trial is given to another process.
    pub lease: NonZeroU64,
    /// Whether nothing is to be launched.
    pub dry_run: bool,
    /// What computes launched trials; without it the processor, or what computes those of a search that
    /// goes on.
    pub backend: Option<Backend>,
    /// What does a launched trial.
    pub command: &'a UnitCommand,
}

/// What a search came to.
#[derive(Debug)]
pub enum Searched {
    /// Nothing was to be launched; what is planned, in words.
    Planned(String),
    /// Trials are left, and a launcher has them.
    Launched {
        /// The folder.
        folder: PathBuf,
        /// What others came to.
        results: Results,
        /// What the launcher did, in words.
        launched: String,
        /// Number of trials that have ended.
        num_ended: usize,
        /// Number of trials.
        num_trials: usize,
    },
    /// All trials have ended.
    Done {
        /// The folder.
        folder: PathBuf,
        /// What they came to.
        results: Results,
    },
}

/// Tries configurations, or has a launcher try them.
///
/// # Errors
/// A wrong configuration, missing data, a folder in use, no such launcher, or a request to stop.
pub fn search(
    config: &SearchConfig,
    request: &SearchRequest<'_>,
    context: Context<'_>,
) -> RunResult<Searched> {
    let base = config.checked_base()?;
    if base.split == (Split::None {}) {
        let message = "search.set: a search goes by scores on validation photos; add \
                       \"split.method\" = \"fraction\"";
        return Err(RunError::bad_config(message));
    }
    if let Some(launcher) = request.launcher {
        config.check_independent()?;
        if !request.dry_run {
            launcher.check_present()?;
        }
    }
    if !request.dry_run {
        prepare_synthetic(&base, context.watch)?;
        if !request.resume {
            TrainingData::read(&base)?.check_leaks(&base, None)?;
        }
    }
    let name = config_name(request.name);
    // Locked until the search is over.
    // A search has one process at a time; what it left on another machine is taken over.
    let place = Place {
        run: request.run,
        name: &name,
        resume: request.resume,
        steals_lock: true,
        ..Place::default()
    };
    let run = RunFolder::open(&place, &base, context.session)?;
    let folder = SearchFolder::open(run.path(), &description::described(config)?)?;
    tracing::info!("search folder: {}", folder.path().display());
    let work = Training::new(context).scored_by(config.objective);
    let base = Base { config: config.base.clone(), changes: config.changes.clone() };
    match launcher(request, &folder)? {
        Some(launcher) => {
            let planned =
                Launched::plan(&work, &base, &folder, settings(config), launcher, request)?;
            run_launched(planned, &work, &base, &folder, launcher, request, context)
        }
        None => {
            let runner = Runner { work: &work, base: &base, folder: &folder, watch: context.watch };
            let results = runner.run(settings(config), request.jobs.get())?;
            Ok(Searched::Done { folder: folder.path().to_path_buf(), results })
        }
    }
}

fn settings(config: &SearchConfig) -> Settings {
    Settings {
        space: config.space.clone(),
        sampler: config.sampler,
        seed: config.seed,
        pruner: config.pruner,
        max_trials: config.max_trials,
    }
}

/// Who runs the trials; `None` for this process. A search goes on as it began.
fn launcher(request: &SearchRequest<'_>, folder: &SearchFolder) -> RunResult<Option<Launcher>> {
    match (Sweep::find(folder.path())?, request.launcher) {
        (Some(sweep), asked) => Ok(Some(asked.unwrap_or(sweep.plan().launcher))),
        (None, Some(_)) if folder.has_journal() => {
            let message = format!(
                "{}: the search began in one process; go on without --launcher",
                folder.path().display()
            );
            Err(RunError::bad_config(message))
        }
        (None, asked) => Ok(asked),
    }
}

fn run_launched(
    planned: Launched,
    work: &Training<'_>,
    base: &Base,
    folder: &SearchFolder,
    launcher: Launcher,
    request: &SearchRequest<'_>,
    context: Context<'_>,
) -> RunResult<Searched> {
    let SearchRequest { command, dry_run, jobs, .. } = *request;
    let launch = Launch { launcher, command, jobs: Some(jobs.get()), dry_run };
    let launched = launch.run(planned.sweep(), context.watch);
    if dry_run {
        return Ok(Searched::Planned(launched?));
    }
    let trials = planned.into_trials(work)?;
    let results = Results::of(work, base, &trials)?;
    // Also when units failed: what the others came to is there.
    results.write(folder)?;
    let launched = launched?;
    let folder = folder.path().to_path_buf();
    let num_trials = trials.len();
    let num_ended = trials.iter().filter(|trial| trial.outcome.is_some()).count();
    if num_ended == num_trials {
        return Ok(Searched::Done { folder, results });
    }
    Ok(Searched::Launched { folder, results, launched, num_ended, num_trials })
}
