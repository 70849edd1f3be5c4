//! A search whose trials are units of a sweep in the same folder: processes of a launcher run them.

use super::folder::{SearchFolder, read_search};
use super::trial::{Attempt, forget_checkpoints, run_trial};
use crate::config::{Config, SearchConfig, assignments, config_name};
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::sweep::{Accepted, Plan, Sweep, trial_unit};
use crate::training_data::TrainingData;
use dermx_search::{Event, Next, Outcome, Search, SearchError, Settings, Trial};
use dermx_sweep::{Resources, Unit};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How a trial went: what its unit hands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndedTrial {
    /// The score after each epoch.
    epochs: Vec<f64>,
    /// How it ended.
    outcome: Outcome,
}

impl EndedTrial {
    /// As a user reads it.
    pub fn text(&self) -> String {
        match &self.outcome {
            Outcome::Finished { epoch, value } | Outcome::Pruned { epoch, value } => {
                format!("{value:.6} on the validation photos, epoch {epoch}")
            }
            Outcome::Failed { reason } => format!("failed: {reason}"),
        }
    }
}

/// Runs the trial of a unit in the run folder `run`, from its checkpoint if it has one; `None` when it
/// was stopped on request. `folder` is that of the search.
///
/// # Errors
/// Missing data, a full disk.
pub fn run_unit(
    config: &Config,
    folder: &Path,
    run: &Path,
    context: Context<'_>,
) -> RunResult<Option<EndedTrial>> {
    let objective = read_search(folder)?.objective;
    let mut epochs = Vec::new();
    let outcome = run_trial(context.session.panics(), || {
        let data = &TrainingData::read(config)?;
        Attempt { config, data, objective, folder: run, context }.run(&mut |scores| {
            epochs = scores.to_vec();
            Ok(false)
        })
    })?;
    Ok(outcome.map(|outcome| EndedTrial { epochs, outcome }))
}

/// The trials of a search, and the units that run them.
#[derive(Debug)]
pub struct Launched {
    sweep: Sweep,
    search: Search,
    /// Of each trial; two trials of the same point share one.
    units: Vec<Unit>,
}

impl Launched {
    /// Plans a search whose base is `base`, or goes on with the plan in its folder, which grows when
    /// more trials are asked for. `plan` has no units yet.
    ///
    /// # Errors
    /// A space without end, trials that cannot be told apart, or a plan of other trials.
    pub fn plan(
        config: &SearchConfig,
        mut base: Config,
        folder: &SearchFolder,
        settings: Settings,
        plan: Plan,
    ) -> RunResult<Self> {
        let search = all_trials(settings)?;
        let resources = base.slurm.take().map(Resources::from).unwrap_or_default();
        let name = config_name(&config.base);
        let unit = |trial: &Trial| trial_unit(&name, &base, &assignments(&trial.params)?);
        let units: Vec<Unit> = search.trials().iter().map(unit).collect::<RunResult<_>>()?;
        let distinct = distinct(&units)?;
        let resources = BTreeMap::from([(name.clone(), resources)]);
        let mut plan = Plan { resources, units: distinct, ..plan };
        if let Some(sweep) = Sweep::find(folder.path())? {
            check_contained(&sweep, &plan)?;
            // Units that run know these.
            plan.lease_s = sweep.plan().lease_s;
            plan.working_folder.clone_from(&sweep.plan().working_folder);
        }
        let sweep = Sweep::write(folder.path(), &plan, &BTreeMap::from([(name, base)]))?;
        Ok(Self { sweep, search, units })
    }

    /// The units.
    pub fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// The trials, with what their units handed in.
    ///
    /// # Errors
    /// A damaged result.
    pub fn into_trials(mut self) -> RunResult<Vec<Trial>> {
        for (number, unit) in self.units.iter().enumerate() {
            let Some(accepted) = Accepted::read(&self.sweep, unit)? else { continue };
            let none = || RunError::in_file(&self.sweep.run(unit), "was not run as a trial");
            let EndedTrial { epochs, outcome } = accepted.trial.ok_or_else(none)?;
            // Its process may have been killed between handing in and cleaning up.
            forget_checkpoints(&self.sweep.run(unit))?;
            for (epoch, value) in (1..).zip(epochs) {
                self.search.report(number, epoch, value).map_err(wrong)?;
            }
            self.search.end(number, outcome).map_err(wrong)?;
        }
        Ok(self.search.trials().to_vec())
    }
}

/// A search that has begun all its trials: none has to wait for another.
fn all_trials(settings: Settings) -> RunResult<Search> {
    let began = Event::Began { window: usize::MAX };
    let mut search = Search::new(settings, &[began]).map_err(wrong)?;
    while let Next::Run { .. } = search.next_trial().map_err(wrong)? {}
    Ok(search)
}

/// The units, each once, in their order.
fn distinct(units: &[Unit]) -> RunResult<Vec<Unit>> {
    let mut known: BTreeMap<&str, &Unit> = BTreeMap::new();
    let mut distinct = Vec::new();
    for unit in units {
        match known.insert(&unit.name, unit) {
            None => distinct.push(unit.clone()),
            Some(before) if before.set == unit.set => {}
            // One configuration in two spellings, or two with the same hash.
            Some(before) => {
                let [one, other] = [before, unit].map(|unit| unit.set.join(" "));
                let message = format!(
                    "search.space: `{one}` and `{other}` are both called {}; leave one out",
                    unit.name
                );
                return Err(RunError::bad_config(message));
            }
        }
    }
    Ok(distinct)
}

/// Refuses a plan that lacks units of the one there is: a search gets more trials, but not others.
fn check_contained(sweep: &Sweep, plan: &Plan) -> RunResult<()> {
    let names: BTreeSet<&str> = plan.units.iter().map(|unit| unit.name.as_str()).collect();
    let num_units = sweep.plan().units.len();
    match sweep.plan().units.iter().find(|unit| !names.contains(unit.name.as_str())) {
        None => Ok(()),
        Some(unit) => {
            let message = format!(
                "{}: {num_units} trials are planned, and {} is not among those that are asked for; \
                 --max-trials can be raised, not lowered, and a plan is for the version of dermx \
                 that made it",
                sweep.path().display(),
                unit.name
            );
            Err(RunError::bad_config(message))
        }
    }
}

fn wrong(error: SearchError) -> RunError {
    RunError::bad_config(error.to_string())
}
