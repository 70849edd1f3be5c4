//! A search whose trials are units of a sweep in the same folder: processes of a launcher run them.

use super::SearchRequest;
use crate::error::{RunError, RunResult};
use crate::training::Training;
use dermx_search::{Base, Event, Next, Params, Search, SearchFolder, Settings, Trial, assignments};
use dermx_sweep::{Accepted, Launcher, MAX_UNITS, PROCESSOR, Plan, Sweep, Unit, trial_unit};
use dermx_work::{EndedTrial, Resolved, Work};
use std::collections::{BTreeMap, BTreeSet};

/// The trials of a search, and the units that run them.
#[derive(Debug)]
pub struct Launched {
    sweep: Sweep,
    search: Search,
    /// Of each trial; two trials of the same point share one.
    units: Vec<Unit>,
}

impl Launched {
    /// Plans a search that varies `base`, or goes on with the plan in its folder, which grows when more
    /// trials are asked for.
    ///
    /// # Errors
    /// A space without end, trials that cannot be told apart, or a plan of other trials.
    pub fn plan(
        work: &Training<'_>,
        base: &Base,
        folder: &SearchFolder,
        settings: Settings,
        launcher: Launcher,
        request: &SearchRequest<'_>,
    ) -> RunResult<Self> {
        let search = all_trials(settings)?;
        let config: Resolved = base.resolve(work, &Params::new())?;
        let before = Sweep::find(folder.path())?;
        let backend = backend(request, before.as_ref());
        let unit = |trial: &Trial| -> RunResult<Unit> {
            Ok(trial_unit(work, &config, &backend, &assignments(work, &trial.params)?)?)
        };
        let units: Vec<Unit> = search.trials().iter().map(unit).collect::<RunResult<_>>()?;
        let mut plan = Plan {
            resources: BTreeMap::from([(config.name.clone(), config.resources.clone())]),
            units: distinct(&units)?,
            ..Plan::new(launcher, request.jobs, request.lease)?
        };
        if let Some(sweep) = before {
            check_contained(&sweep, &plan)?;
            // Units that run know these.
            plan.lease_s = sweep.plan().lease_s;
            plan.working_folder.clone_from(&sweep.plan().working_folder);
        }
        let sweep = Sweep::write(folder.path(), &plan, [&config])?;
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
    pub fn into_trials(mut self, work: &Training<'_>) -> RunResult<Vec<Trial>> {
        for (number, unit) in self.units.iter().enumerate() {
            let Some(accepted) = Accepted::read(&self.sweep, unit)? else { continue };
            let none = || RunError::in_file(&self.sweep.run(unit), "was not run as a trial");
            let EndedTrial { epochs, outcome } = accepted.trial.ok_or_else(none)?;
            // Its process may have been killed between handing in and cleaning up.
            work.forget(&self.sweep.run(unit))?;
            for (epoch, value) in (1..).zip(epochs) {
                self.search.report(number, epoch, value)?;
            }
            self.search.end(number, outcome)?;
        }
        Ok(self.search.trials().to_vec())
    }
}

/// A search that has begun all its trials: none has to wait for another.
fn all_trials(settings: Settings) -> RunResult<Search> {
    let began = Event::Began { window: usize::MAX };
    let mut search = Search::new(settings, &[began])?;
    while let Next::Run { .. } = search.next_trial()? {
        if search.trials().len() > MAX_UNITS {
            let message = format!("search.max_trials: expected {MAX_UNITS} trials at most");
            return Err(RunError::bad_config(message));
        }
    }
    Ok(search)
}

/// What computes the trials, in the words of a plan.
fn backend(request: &SearchRequest<'_>, before: Option<&Sweep>) -> String {
    let planned = before.and_then(|sweep| sweep.plan().units.first());
    match (request.backend, planned) {
        (Some(backend), _) => backend.to_string(),
        (None, Some(unit)) => unit.backend.clone(),
        (None, None) => PROCESSOR.to_string(),
    }
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
