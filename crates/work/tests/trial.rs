//! Trials: what is an outcome, and what an error.

use crate::toy;

use dermx_work::{EndedTrial, Failure, GoOn, Outcome, Source, Work, WorkError, run_trial};
use std::path::Path;
use toy::Toy;

fn try_out(
    toy: &Toy,
    folder: &Path,
    changes: &[&str],
    most_epochs: usize,
) -> Result<Option<EndedTrial>, WorkError> {
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let config = toy.resolve(Source::Named("toy"), &changes).unwrap();
    run_trial(toy, &config, folder, &mut |scores| {
        if scores.len() < most_epochs { GoOn::Yes } else { GoOn::No }
    })
}

#[test]
fn a_trial_has_its_scores_whether_it_ended_early_or_not() {
    let folder = tempfile::tempdir().unwrap();
    // 4 (1 - 1/2), 4 (1 - 1/4), 4 (1 - 1/8).
    let ended = try_out(&Toy::default(), &folder.path().join("a"), &["x=4"], 9).unwrap().unwrap();
    assert_eq!(ended.epochs, [2.0, 3.0, 3.5]);
    assert_eq!(ended.outcome, Outcome::Finished { epoch: 3, value: 3.5 });
    let ended = try_out(&Toy::default(), &folder.path().join("b"), &["x=4"], 2).unwrap().unwrap();
    assert_eq!(ended.epochs, [2.0, 3.0]);
    assert_eq!(ended.outcome, Outcome::Pruned { epoch: 2, value: 3.0 });
}

#[test]
fn faults_are_outcomes_and_missing_data_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = |x: &str| {
        let x = format!("x=\"{x}\"");
        try_out(&Toy::default(), folder.path(), &[&x], 9).map(|ended| ended.unwrap().outcome)
    };
    let failed = |reason: &str| Outcome::Failed { reason: reason.to_string() };
    assert_eq!(outcome("nan").unwrap(), failed("the loss is not finite"));
    assert_eq!(outcome("panic").unwrap(), failed("a fault of the toy"));
    let error = outcome("absent").unwrap_err();
    assert_eq!(
        (error.failure(), &*error.to_string()),
        (Failure::MissingInput, "absent.csv: no such file")
    );
}

#[test]
fn a_stopped_trial_has_no_outcome_and_goes_on_from_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(try_out(&Toy::stopped_after(2), folder.path(), &["x=4"], 9).unwrap(), None);
    let toy = Toy::default();
    let ended = try_out(&toy, folder.path(), &["x=4"], 9).unwrap().unwrap();
    assert_eq!(ended.outcome, Outcome::Finished { epoch: 3, value: 3.5 });
    assert_eq!(toy.num_epochs.into_inner(), 1);
}
