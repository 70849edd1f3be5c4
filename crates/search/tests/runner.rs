//! Searches over units of work made by hand, in a folder.

use crate::toy;

use dermx_search::{
    Base, Pruner, Results, Row, Runner, SamplerName, SearchError, SearchFolder, SearchResult,
    Settings, Space,
};
use dermx_work::{Failure, Watch};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use toy::Toy;

fn settings(space: Value, pruner: Option<Pruner>) -> Settings {
    let space = Space::new(serde_json::from_value(space).unwrap()).unwrap();
    Settings { space, sampler: SamplerName::Grid, seed: 0, pruner, max_trials: None }
}

fn search(toy: &Toy, path: &Path, settings: Settings, jobs: usize) -> SearchResult<Results> {
    let folder = SearchFolder::open(path, "over = \"toy\"\n")?;
    let base = Base { config: "toy".to_string(), changes: vec!["y=-1".to_string()] };
    let watch = Watch { cancel: toy, ..Watch::SILENT };
    Runner { work: toy, base: &base, folder: &folder, watch }.run(settings, jobs)
}

fn states(rows: &[Row]) -> Vec<(usize, &str, Option<f64>, usize)> {
    rows.iter().map(|row| (row.trial, row.state, row.value, row.num_epochs)).collect()
}

#[test]
fn the_table_is_that_of_a_calculation_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let pruner = Some(Pruner { warm_up_epochs: 0, min_trials: 1 });
    let space = json!({"x": [2, 0, 3]});
    let toy = Toy::default();
    let results = search(&toy, folder.path(), settings(space, pruner), 1).unwrap();
    // x - y = x + 1. Trial 0: 3 (1/2, 3/4, 7/8) = 1.5, 2.25, 2.625. Trial 1: 1/2 is below the median, 1.5:
    // pruned. Trial 2: 4 (1/2, 3/4, 7/8) = 2, 3, 3.5 is above 1.5, 2.25, 2.625.
    let expected = [
        (2, "finished", Some(3.5), 3),
        (0, "finished", Some(2.625), 3),
        (1, "pruned", Some(0.5), 1),
    ];
    assert_eq!(states(results.rows()), expected);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(
        read("table.csv"),
        "rank,trial,state,value,epoch,num_epochs,x\n\
         1,2,finished,3.5,3,3,3\n2,0,finished,2.625,3,3,2\n3,1,pruned,0.5,1,1,0\n"
    );
    assert_eq!(
        read("best.toml"),
        "# The best configuration of a search: trial 2, 3.5000 on the validation photos.\n\n\
         run.epochs = 3\nrun.seeds = [0, 1]\nx = 3\ny = -1\n"
    );
    assert_eq!(read("search.toml"), "over = \"toy\"\n");
    for number in 0..3 {
        let trial = folder.path().join(format!("trials/{number:04}"));
        assert!(trial.exists() && !trial.join("checkpoint").exists(), "{number}");
    }
}

#[test]
fn jobs_run_at_once_and_an_interrupted_search_ends_with_the_table_of_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let pruner = Some(Pruner { warm_up_epochs: 1, min_trials: 2 });
    let settings = || settings(json!({"x": [5, 1, 4, 2, 7, 0, 3, 6], "y": [0, 1]}), pruner);
    let [undisturbed, stopped] = ["undisturbed", "stopped"].map(|name| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    });
    let toy = Toy { waits_for_another: true, ..Toy::default() };
    let expected = search(&toy, &undisturbed, settings(), 3).unwrap();
    assert!(toy.most_at_once.load(Ordering::SeqCst) >= 2);
    assert_eq!(expected.rows().len(), 16);
    assert!(expected.rows().iter().any(|row| row.state == "pruned"));
    let mut num_epochs = 0;
    let mut num_stops = 0;
    // Fewer and more jobs than it began with; each time it gets a little further.
    for jobs in [3, 1, 8, 2, 3, 3, 3, 3, 3, 3] {
        let toy = Toy::stopped_after(7);
        let result = search(&toy, &stopped, settings(), jobs);
        num_epochs += toy.num_epochs.load(Ordering::SeqCst);
        match result {
            Ok(results) => {
                assert_eq!(results.rows(), expected.rows());
                break;
            }
            Err(error) => {
                num_stops += 1;
                assert_eq!(error.failure(), Failure::Stopped, "{error}");
                assert!(error.to_string().contains("--resume"), "{error}");
            }
        }
    }
    assert!(num_stops >= 2, "{num_stops}");
    // No epoch was computed twice.
    assert_eq!(num_epochs, toy.num_epochs.load(Ordering::SeqCst));
    for name in ["table.csv", "table.json", "best.toml"] {
        let [one, other] =
            [&undisturbed, &stopped].map(|folder| fs::read_to_string(folder.join(name)).unwrap());
        assert_eq!(one, other, "{name}");
    }
}

#[test]
fn a_fault_is_a_failed_trial_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let space = json!({"x": ["nan", 1, "panic", 2]});
    let results = search(&Toy::default(), folder.path(), settings(space, None), 2).unwrap();
    // (2 + 1) 7/8 = 2.625, (1 + 1) 7/8 = 1.75.
    let expected = [
        (3, "finished", Some(2.625), 3),
        (1, "finished", Some(1.75), 3),
        (0, "failed", None, 0),
        (2, "failed", None, 0),
    ];
    assert_eq!(states(results.rows()), expected);
    let reasons: Vec<_> = results.rows().iter().filter_map(|row| row.reason.as_deref()).collect();
    assert_eq!(reasons, ["the loss is not finite", "a fault of the toy"]);
    let none = tempfile::tempdir().unwrap();
    let space = json!({"x": ["nan"]});
    let results = search(&Toy::default(), none.path(), settings(space, None), 1).unwrap();
    assert!(!results.has_best() && !none.path().join("best.toml").exists());
}

#[test]
fn missing_data_and_a_wrong_key_end_the_search_with_their_own_failure() {
    let folder = tempfile::tempdir().unwrap();
    let failure = |space: Value| {
        let folder = tempfile::tempdir_in(folder.path()).unwrap();
        let error = search(&Toy::default(), folder.path(), settings(space, None), 2).unwrap_err();
        (error.failure(), error.to_string())
    };
    let absent = failure(json!({"x": [1, "absent", 2, 3]}));
    assert_eq!(absent, (Failure::MissingInput, "absent.csv: no such file".to_string()));
    let unknown = failure(json!({"z": [1]}));
    assert_eq!(unknown, (Failure::BadConfig, "toy: `z` is not known".to_string()));
}

#[test]
fn a_folder_is_of_one_search_and_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let one = || settings(json!({"x": [1]}), None);
    search(&Toy::default(), folder.path(), one(), 1).unwrap();
    let error = SearchFolder::open(folder.path(), "over = \"bike\"\n").unwrap_err();
    assert_eq!(error.failure(), Failure::BadConfig);
    let message = error.to_string();
    assert!(message.contains("there: over = \"toy\"; now: over = \"bike\""), "{message}");
    let opened = SearchFolder::open(folder.path(), "over = \"toy\"\n").unwrap();
    let (_, journal) = opened.search(one(), 1).unwrap();
    let error = search(&Toy::default(), folder.path(), one(), 1).unwrap_err();
    assert!(matches!(error, SearchError::Locked(_)), "{error}");
    assert_eq!(error.failure(), Failure::Locked);
    drop(journal);
    search(&Toy::default(), folder.path(), one(), 1).unwrap();
    let journal = folder.path().join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("\"asked\"", "\"axed\"", 1)).unwrap();
    let error = search(&Toy::default(), folder.path(), one(), 1).unwrap_err();
    assert_eq!(error.failure(), Failure::BadData);
    assert!(error.to_string().contains("journal.jsonl: line 2: is no event"), "{error}");
}
