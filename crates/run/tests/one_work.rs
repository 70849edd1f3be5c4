//! One unit of work for searches and sweeps alike.

use crate::toy;

use dermx_search::{Base, Params, Runner, SamplerName, SearchFolder, Settings, Space, Trial};
use dermx_sweep::{Accepted, Launcher, Plan, Sweep, UnitEnd, Worker, trial_unit};
use dermx_work::{EndedTrial, Outcome, Watch, Work};
use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use toy::Toy;

fn settings() -> Settings {
    let space = serde_json::from_str(r#"{"x": [1, "nan", 3], "y": [0, 2]}"#).unwrap();
    let space = Space::new(space).unwrap();
    Settings { space, sampler: SamplerName::Random, seed: 3, pruner: None, max_trials: Some(5) }
}

/// The trials of a search with `jobs` at once.
fn searched(work: &dyn Work<Output = ()>, base: &Base, folder: &Path, jobs: usize) -> Vec<Trial> {
    let folder = SearchFolder::open(folder, "").unwrap();
    let runner = Runner { work, base, folder: &folder, watch: Watch::SILENT };
    runner.run(settings(), jobs).unwrap();
    folder.search(settings(), jobs).unwrap().0.trials().to_vec()
}

#[test]
fn the_trials_of_a_search_go_as_units_of_a_sweep_of_the_same_work() {
    let folder = tempfile::tempdir().unwrap();
    let toy = Toy::default();
    let work: &dyn Work<Output = ()> = &toy;
    let base = Base { config: "toy".to_string(), changes: vec!["run.epochs=2".to_string()] };
    let trials = searched(work, &base, folder.path(), 3);
    assert_eq!(trials.len(), 5);
    assert!(trials.iter().any(|trial| matches!(trial.outcome, Some(Outcome::Failed { .. }))));

    let config = base.resolve(work, &Params::new()).unwrap();
    let units: Vec<_> = trials
        .iter()
        .map(|trial| {
            let changes = dermx_search::assignments(work, &trial.params).unwrap();
            trial_unit(work, &config, "cpu", &changes).unwrap()
        })
        .collect();
    let plan = Plan {
        resources: BTreeMap::from([("toy".to_string(), config.resources.clone())]),
        units: units.clone(),
        ..Plan::new(Launcher::Local, NonZeroUsize::MIN, NonZeroU64::new(60).unwrap()).unwrap()
    };
    let sweep = Sweep::write(&folder.path().join("sweep"), &plan, [&config]).unwrap();
    let do_all = |name: &str| {
        let on_lost = Arc::new(|| panic!("nobody takes over"));
        let worker = Worker { work, owner: name.to_string(), on_lost, watch: Watch::SILENT };
        for (idx, unit) in units.iter().enumerate() {
            // Each begins with units of its own.
            if name == "one" || idx > 2 {
                let end = worker.run(&sweep, unit).unwrap();
                assert!(matches!(end, UnitEnd::Tried(_) | UnitEnd::Done | UnitEnd::Taken));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| do_all("one"));
        scope.spawn(|| do_all("other"));
    });
    for (trial, unit) in trials.iter().zip(&units) {
        let accepted = Accepted::read(&sweep, unit).unwrap().unwrap().trial.unwrap();
        let EndedTrial { epochs, outcome } = accepted;
        assert_eq!((Some(&outcome), &epochs), (trial.outcome.as_ref(), &trial.epochs));
    }
}
