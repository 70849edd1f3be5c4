//! `dermx search`.

use super::train;
use crate::args::{Backend, SearchArgs};
use crate::config::{config_name, load_search};
use crate::error::{CliError, CliResult, ExitKind};
use crate::search::{SearchFolder, results, run as run_trials};
use crate::stop;
use crate::terminal::print;
use crate::training_data::TrainingData;
use burn::tensor::Device;
use dermx_search::Settings;

/// Tries configurations, and prints which were best.
///
/// # Errors
/// A wrong configuration, missing data, a folder in use, or a request to stop.
pub fn run(args: &SearchArgs) -> CliResult<()> {
    let Backend::Cpu = args.backend;
    let device = Device::flex();
    let mut config = load_search(&args.config)?;
    config.changes.extend(args.overrides.iter().cloned());
    config.sampler = args.sampler.unwrap_or(config.sampler);
    config.max_trials = args.max_trials.or(config.max_trials);
    let base = config.checked_base()?;
    if base.split.is_none() {
        let message = "search.set: a search goes by scores on validation photos; add \
                       \"split.method\" = \"fraction\" and \"split.fraction\" = 0.2, \"split.seed\" = 0";
        return Err(CliError::new(ExitKind::BadConfig, message));
    }
    train::prepare_synthetic(&base)?;
    if !args.resume {
        TrainingData::read(&base)?.check_leaks(&base, None)?;
    }
    let name = config_name(&args.config);
    let folder = SearchFolder::open(args.run.as_deref(), &name, args.resume, &base, &config)?;
    tracing::info!("search folder: {}", folder.path().display());
    let settings = Settings {
        space: config.space.clone(),
        sampler: config.sampler,
        seed: config.seed,
        pruner: config.pruner,
        max_trials: config.max_trials,
    };
    let jobs = args.jobs.get();
    let search = folder.search(settings, jobs)?;
    let trials = run_trials(&config, &folder, search, jobs, &device)?;
    stop::check("go on with the same command and --resume")?;
    let results = results(&config, &trials)?;
    results.write(&folder)?;
    if !results.has_best() {
        let message =
            format!("{}: no trial finished; table.json in it says why", folder.path().display());
        return Err(CliError::new(ExitKind::Internal, message));
    }
    match args.json {
        true => print(results.json()?),
        false => {
            let best = folder.path().join("best.toml");
            print(format!("{}\nbest configuration: {}\n", results.text(), best.display()))
        }
    }
}
