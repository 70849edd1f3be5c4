//! Training as a unit of work, for searches and sweeps.

use crate::config::{self, Config, Objective, config_name};
use crate::context::Context;
use crate::error::RunResult;
use crate::run_folder::Place;
use crate::search::description::read_search;
use crate::synth::prepare_synthetic;
use crate::train::{self, Trained};
use crate::training_data::TrainingData;
use crate::trial::{Attempt, forget_checkpoints};
use dermx_sweep::Resources;
use dermx_work::{Ended, Kind, OnEpoch, Resolved, Source, Task, Work, WorkError};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Units that are run folders: a run is what [`crate::train`] does, a trial trains its first seed and is
/// scored on the validation photos.
#[derive(Debug)]
pub struct Training<'a> {
    context: Context<'a>,
    objective: Scored<'a>,
    /// The photos of the last trial, and its configuration.
    photos: Mutex<Option<(Config, Arc<TrainingData>)>>,
}

/// By what trials are scored.
#[derive(Debug)]
enum Scored<'a> {
    By(Objective),
    /// As the search in a folder says.
    AsIn(&'a Path),
}

impl<'a> Training<'a> {
    /// Units that are computed and watched as `context` says; trials are scored by macro-F1.
    pub fn new(context: Context<'a>) -> Self {
        Self { context, objective: Scored::By(Objective::MacroF1), photos: Mutex::default() }
    }

    /// The same, with trials scored by `objective`.
    pub fn scored_by(self, objective: Objective) -> Self {
        Self { objective: Scored::By(objective), ..self }
    }

    /// The same, with trials scored as the search in `folder` says.
    pub fn scored_as_in(self, folder: &'a Path) -> Self {
        Self { objective: Scored::AsIn(folder), ..self }
    }

    fn run_here(&self, config: &Config, folder: &Path) -> RunResult<Trained> {
        prepare_synthetic(config, self.context.watch)?;
        let resume = folder.join("config.toml").exists();
        // Who may do the unit, its claim has decided, wherever it ran before.
        let place = Place { run: Some(folder), resume, steals_lock: true, ..Place::default() };
        train::train(config, &place, false, self.context)
    }

    fn try_here(
        &self,
        config: &Config,
        folder: &Path,
        on_epoch: &mut OnEpoch<'_>,
    ) -> RunResult<Ended<()>> {
        let objective = match self.objective {
            Scored::By(objective) => objective,
            Scored::AsIn(search) => read_search(search)?.objective,
        };
        let context = self.context;
        // As the unit of a sweep it may be the first that needs them.
        prepare_synthetic(config, context.watch)?;
        let data = &*self.data(config)?;
        let attempt = Attempt { config, data, objective, folder, context };
        context.session.install(|| attempt.run(on_epoch))
    }

    /// The photos of a trial: those of the last one, if it reads and splits them alike.
    fn data(&self, config: &Config) -> RunResult<Arc<TrainingData>> {
        let mut last = self.photos.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, data)) = last.as_ref()
            && (&known.data, &known.split, &known.input)
                == (&config.data, &config.split, &config.input)
        {
            return Ok(Arc::clone(data));
        }
        let data = Arc::new(self.context.session.install(|| TrainingData::read(config))?);
        *last = Some((config.clone(), Arc::clone(&data)));
        Ok(data)
    }
}

impl Work for Training<'_> {
    /// What a run came to; `None` of a trial.
    type Output = Option<Trained>;

    fn resolve(&self, source: Source<'_>, overrides: &[String]) -> Result<Resolved, WorkError> {
        let (name, config) = match source {
            Source::Named(name) => (name, Config::load(name, overrides)?),
            Source::Text { origin, text } => (origin, Config::parse(origin, text, overrides)?),
        };
        Ok(resolved(config_name(name), &config)?)
    }

    fn run(
        &self,
        task: &Task<'_>,
        on_epoch: &mut OnEpoch<'_>,
    ) -> Result<Ended<Self::Output>, WorkError> {
        let mut config = unresolved(task.config)?;
        if task.kind == Kind::Run {
            let trained = self.run_here(&config, task.folder)?;
            return Ok(Ended::Finished { kept: None, output: Some(trained) });
        }
        config.run.seeds.truncate(1);
        Ok(match self.try_here(&config, task.folder, on_epoch)? {
            Ended::Finished { kept, output: () } => Ended::Finished { kept, output: None },
            Ended::Cut { kept } => Ended::Cut { kept },
            Ended::Stopped => Ended::Stopped,
        })
    }

    fn assignment(&self, key: &str, value: &serde_json::Value) -> Result<String, WorkError> {
        Ok(config::assignment(key, value)?)
    }

    fn prepare(&self, config: &Resolved) -> Result<(), WorkError> {
        Ok(prepare_synthetic(&unresolved(config)?, self.context.watch)?)
    }

    fn forget(&self, folder: &Path) -> Result<(), WorkError> {
        Ok(forget_checkpoints(folder)?)
    }

    fn reason(&self, panic: &(dyn Any + Send)) -> String {
        self.context.session.panics().reason(panic)
    }
}

/// The configuration that `resolved` is the text of.
///
/// # Errors
/// Text that is none.
pub fn unresolved(resolved: &Resolved) -> RunResult<Config> {
    Config::parse(&resolved.name, &resolved.text, &[])
}

/// What `config` is to a search or a sweep: its names are made of every key, also of those that say where
/// data lie.
fn resolved(name: String, config: &Config) -> RunResult<Resolved> {
    let mut keys = config::flat(config)?;
    let text = |keys: &BTreeMap<String, String>| {
        keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()
    };
    let content = text(&keys);
    keys.remove("run.seeds");
    Ok(Resolved {
        name,
        text: config.to_toml("One configuration of a search or a sweep.")?,
        content,
        content_of_group: text(&keys),
        seeds: config.run.seeds.clone(),
        resources: config.slurm.clone().map(Resources::from).unwrap_or_default(),
    })
}
