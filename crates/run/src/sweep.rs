//! Sweeps whose units are runs, or trials of a search.

use crate::context::Context;
use crate::error::RunResult;
use crate::run_folder::this_process;
use crate::train::Trained;
use crate::training::Training;
use dermx_sweep::{Kind, OnLost, PlanRequest, Sweep, Unit, UnitEnd, Worker};

/// Makes the folder of a sweep of trainings, with synthetic data that they need, and its plan.
///
/// # Errors
/// Wrong configurations, a folder in use, two equal units.
pub fn plan(request: &PlanRequest, context: Context<'_>) -> RunResult<Sweep> {
    Ok(dermx_sweep::plan(request, &Training::new(context))?)
}

/// Does `unit` in its run folder, unless it is done or another process gives signs of life.
///
/// # Errors
/// The unit failed, which is written down, or somebody asked to stop.
pub fn run_unit(
    sweep: &Sweep,
    unit: &Unit,
    on_lost: OnLost,
    context: Context<'_>,
) -> RunResult<UnitEnd<Option<Trained>>> {
    let work = match unit.kind {
        Kind::Run => Training::new(context),
        Kind::Trial => Training::new(context).scored_as_in(sweep.path()),
    };
    let worker = Worker { work: &work, owner: this_process(), on_lost, watch: context.watch };
    Ok(worker.run(sweep, unit)?)
}
