//! Maps scored on a data set of two raters, beside an independent program in NumPy.
//!
//! `crates/formats/tests/fixture/score_numpy.py` wrote `expected_scores.json`.

use dermx_score::{Benchmark, MapFolder, Predictions, ScoringChoices, Unmarked, read_annotations};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Of each score of a row or of a mean.
const SCORES: [&str; 4] = ["f1", "sensitivity", "specificity", "mass"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/fixture").join(name)
}

fn golden() -> Value {
    serde_json::from_slice(&std::fs::read(fixture("expected_scores.json")).unwrap()).unwrap()
}

#[track_caller]
fn assert_near(found: Option<f64>, expected: &Value, what: &str) {
    match (found, expected.as_f64()) {
        (None, None) => {}
        (Some(found), Some(expected)) if (found - expected).abs() < 1e-9 => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn every_mask_has_the_scores_that_numpy_gives() {
    let golden = golden();
    for format in ["masks", "coco-rle", "label-studio"] {
        let dataset = read_annotations(&fixture(format)).unwrap();
        let benchmark = Benchmark::new(&dataset, ScoringChoices::default()).unwrap();
        let maps = MapFolder::open(&fixture("maps")).unwrap();
        let scorecard = benchmark.score(&maps, None).unwrap();
        let rows: BTreeMap<[&str; 3], _> = scorecard
            .rows
            .iter()
            .map(|row| {
                let key = [row.image_id.as_str(), row.rater.as_str(), row.characteristic.as_str()];
                (key, row.scores)
            })
            .collect();
        let expected = golden["rows"].as_array().unwrap();
        assert_eq!(rows.len(), expected.len(), "{format}");
        for row in expected {
            let key = ["image", "rater", "concept"].map(|name| row[name].as_str().unwrap());
            let scores = rows[&key];
            let found = [scores.f1, scores.sensitivity, scores.specificity, scores.mass];
            for (name, found) in SCORES.iter().zip(found) {
                assert_near(found, &row[*name], &format!("{format} {key:?} {name}"));
            }
        }
        for (concept, means) in golden["means"].as_object().unwrap() {
            let found = &scorecard.record.explanation[concept];
            for (name, found) in
                SCORES.iter().zip([&found.f1, &found.sensitivity, &found.specificity, &found.mass])
            {
                assert_near(
                    found.mean,
                    &means[*name]["mean"],
                    &format!("{format} {concept} {name}"),
                );
                assert_eq!(found.undefined as u64, means[*name]["undefined"], "{concept} {name}");
            }
        }
        assert_eq!(scorecard.record.scoring["num_readings"], 16);
        assert_eq!(scorecard.record.scoring["num_readings_without_mask"], 1);
    }
}

#[test]
fn what_was_not_marked_is_scored_where_that_is_asked_for() {
    let golden = golden();
    let dataset = read_annotations(&fixture("masks")).unwrap();
    let choices = ScoringChoices { unmarked: Unmarked::Empty, ..ScoringChoices::default() };
    let benchmark = Benchmark::new(&dataset, choices).unwrap();
    let maps = MapFolder::open(&fixture("maps")).unwrap();
    let record = benchmark.score(&maps, None).unwrap().record;
    for (concept, means) in golden["means_with_nothing"].as_object().unwrap() {
        let found = &record.explanation[concept];
        for (name, found) in
            SCORES.iter().zip([&found.f1, &found.sensitivity, &found.specificity, &found.mass])
        {
            assert_near(found.mean, &means[*name]["mean"], &format!("{concept} {name}"));
            assert_eq!(found.n as u64, means[*name]["n"], "{concept} {name}");
        }
    }
}

#[test]
fn labels_alone_are_scored_by_predictions_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    // Of nine images three are called cat that are none.
    let rows: String =
        ["cat/001", "cat/a.1", "cat/indoors/002", "dog/001", "dog/old/b.2", "dog/003"]
            .iter()
            .map(|id| format!("{id},cat\n"))
            .chain(["bird/001", "bird/no 7", "bird/004"].iter().map(|id| format!("{id},bird\n")))
            .collect();
    std::fs::write(&path, format!("image_id,predicted\n{rows}")).unwrap();
    let dataset = read_annotations(&fixture("images")).unwrap();
    let benchmark = Benchmark::new(&dataset, ScoringChoices::default()).unwrap();
    assert!(!benchmark.has_masks());
    let scorecard = benchmark.score_diagnoses(&Predictions::read(&path).unwrap()).unwrap();
    let diagnosis = scorecard.record.diagnosis.unwrap();
    assert_eq!(diagnosis.accuracy.mean, Some(6.0 / 9.0));
    assert_eq!(scorecard.record.classes, ["bird", "cat", "dog"]);
    // Rows are gold classes: three birds, three cats, three dogs that are called cats.
    assert_eq!(diagnosis.confusion_matrices[0].counts, [[3, 0, 0], [0, 3, 0], [0, 3, 0]]);
    assert!(scorecard.record.explanation.is_empty() && scorecard.record.skill.is_empty());
}
