//! A finished run is what its certificates say, or `verify` says what is not.

use crate::dermx::{QUICK, TestResult, Workplace, command, fail, results, stderr, stdout, succeed};
use std::fs;
use std::path::{Path, PathBuf};

fn flip(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place = bytes.len() * 2 / 3;
    bytes[place] ^= 1;
    bytes
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains(from), "no {from} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

fn first_photo(folder: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    let first = paths.first().ok_or("an empty folder")?;
    if first.is_dir() { first_photo(first) } else { Ok(first.clone()) }
}

#[test]
fn a_finished_run_passes_and_whatever_is_changed_is_named() -> TestResult {
    let workplace = Workplace::new()?;
    let checks = "explain.sanity=[\"randomization\", \"faithfulness\", \"robustness\"]";
    let sanity = ["--set", checks];
    assert!(workplace.train("run", &[&QUICK[..], &sanity].concat()).output()?.status.success());
    let output = succeed(workplace.path(), &["verify", "run", "--epochs", "all", "--quiet"])?;
    let table = stdout(&output);
    for part in [
        "configuration",
        "training images",
        "24 files as recorded",
        "test images",
        "chain of epochs",
        "the weights after epoch 2",
        "epoch-00001-step-000004",
        "epoch-00002-step-000000",
        "starting weights",
        "epoch 1 ",
        "epoch 2 ",
        "trained again from the start",
        "12 images predicted again",
        "this one made the run",
    ] {
        assert!(table.contains(part), "{part} not in\n{table}");
    }
    assert!(!table.contains("DIFFERS"), "{table}");
    let output = succeed(workplace.path(), &["verify", "run"])?;
    let from = "trained again from the checkpoint after epoch 1, step 4";
    assert!(stdout(&output).contains(from), "{}", stdout(&output));

    let seed = Path::new("run/seed-0");
    let newest = seed.join("checkpoints/epoch-00002-step-000000");
    let inside = seed.join("checkpoints/epoch-00001-step-000004");
    let (train, test) = ("data/train", "data/dermx/images");
    let train = first_photo(&workplace.join(train))?;
    let test = first_photo(&workplace.join(test))?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    type Change = Box<dyn Fn(&[u8]) -> Vec<u8>>;
    let cases: [(PathBuf, Change, String); 11] = [
        (newest.join("weights.safetensors"), Box::new(flip), "weights.safetensors".into()),
        (newest.join("optimizer.safetensors"), Box::new(flip), "optimizer.safetensors".into()),
        (inside.join("state.json"), Box::new(flip), "epoch-00001-step-000004".into()),
        (inside.join("manifest.json"), Box::new(flip), "epoch-00001-step-000004".into()),
        (seed.join("weights.safetensors"), Box::new(flip), "weights.safetensors: its hash".into()),
        (
            "run/config.toml".into(),
            Box::new(|bytes| replace(bytes, "learning_rate = 0.0005", "learning_rate = 0.0006")),
            "train.learning_rate: before 0.0005, now 0.0006".into(),
        ),
        (
            seed.join("metrics.jsonl"),
            Box::new(|bytes| replace(bytes, "\"num_images\":24", "\"num_images\":25")),
            "metrics.jsonl".into(),
        ),
        (
            seed.join("predictions.csv"),
            Box::new(|bytes| replace(bytes, "0.", "0.0")),
            "predictions.csv: predicted again, line ".into(),
        ),
        (
            seed.join("run.json"),
            Box::new(|bytes| replace(bytes, "\"chain\": \"", "\"chain\": \"0")),
            "chain of epochs: from epoch 1 on".into(),
        ),
        (train.clone(), Box::new(flip), name(&train)),
        (test.clone(), Box::new(flip), name(&test)),
    ];
    for (file, change, part) in &cases {
        let path = workplace.join(&file.to_string_lossy());
        let before = fs::read(&path)?;
        fs::write(&path, change(&before))?;
        fail(workplace.path(), &["verify", "run"], 65, &["not what its certificates say", part])
            .map_err(|error| format!("{}: {error}", file.display()))?;
        fs::write(&path, before)?;
    }
    every_result_is_covered(&workplace)?;
    let args = ["verify", "run", "--json"];
    let checks: serde_json::Value =
        serde_json::from_slice(&succeed(workplace.path(), &args)?.stdout)?;
    let verdicts = checks.as_array().ok_or("no list")?;
    assert!(verdicts.iter().all(|check| check["verdict"] != "differs"), "{checks}");
    Ok(())
}

/// Files of a run that are no results: what it was made with and when, checkpoints, which check
/// themselves, and the certificates.
fn is_incidental(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    name.contains("/checkpoints/")
        || [".lock", "config.toml", "environment.json", "timings.jsonl", "run.json"].contains(&last)
}

fn names(folder: &Path) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let files = results(folder)?.into_iter().map(|(name, _)| name);
    Ok(files.filter(|name| !is_incidental(name)).collect())
}

/// Each file of the run `run` that is a result, changed, is named; of the kinds also when it is not
/// there, or when there is one more.
fn every_result_is_covered(workplace: &Workplace) -> TestResult {
    let names = names(&workplace.join("run"))?;
    for part in [
        "eval.json",
        "split.csv",
        "train-images.manifest",
        "test-images.manifest",
        "report/index.html",
        "report/report.md",
        "report/tables/explanation.csv",
        "report/gallery/",
        "seed-0/eval.json",
        "seed-0/per_image.csv",
        "seed-0/diagnoses.csv",
        "seed-0/maps.csv",
        "seed-0/metrics.csv",
        "seed-0/tensorboard/",
        "seed-0/heatmaps/heatmaps.json",
        "seed-0/heatmaps/faithfulness.csv",
        "seed-0/heatmaps/robustness.csv",
        "seed-0/heatmaps/randomized/01-",
        "seed-0/heatmaps/synthetic-acne-001.npy",
        "seed-0/weights.safetensors",
        "seed-0/predictions.csv",
    ] {
        assert!(names.iter().any(|name| name.starts_with(part)), "no {part} in {names:?}");
    }
    // All at once: each has to be named.
    let original: Vec<(&String, Vec<u8>)> = names
        .iter()
        .map(|name| Ok((name, fs::read(workplace.join("run").join(name))?)))
        .collect::<std::io::Result<_>>()?;
    for (name, bytes) in &original {
        fs::write(workplace.join("run").join(name), [bytes.as_slice(), b"\n"].concat())?;
    }
    let output = command(workplace.path(), &["verify", "run"]).output()?;
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(65), "{message}");
    for name in &names {
        let name = name.strip_prefix("seed-0/").unwrap_or(name);
        assert!(message.contains(name), "no {name} in {message}");
    }
    for (name, bytes) in &original {
        fs::write(workplace.join("run").join(name), bytes)?;
    }
    // One of each kind gone, and one more map, page and event file.
    for name in [
        "eval.json",
        "report/index.html",
        "run.json",
        "seed-0/eval.json",
        "seed-0/heatmaps/synthetic-acne-001.npy",
        "seed-0/weights.safetensors",
        "seed-0/predictions.csv",
    ] {
        let path = workplace.join("run").join(name);
        let bytes = fs::read(&path)?;
        fs::remove_file(&path)?;
        let part = name.strip_prefix("seed-0/").unwrap_or(name);
        fail(workplace.path(), &["verify", "run"], 65, &[part])?;
        fs::write(&path, bytes)?;
    }
    for name in ["report/other.html", "seed-0/heatmaps/more.npy", "seed-0/tensorboard/more"] {
        let path = workplace.join("run").join(name);
        fs::write(&path, "x")?;
        let part = name.strip_prefix("seed-0/").unwrap_or(name);
        fail(workplace.path(), &["verify", "run"], 65, &[part, "was not there"])?;
        fs::remove_file(&path)?;
    }
    Ok(())
}

#[test]
fn a_run_stays_verified_when_it_is_scored_reported_or_resumed_again() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("run", &QUICK).output()?.status.success());
    let certified = fs::read(workplace.join("run/run.json"))?;
    let again: [&[&str]; 6] = [
        &["evaluate", "--run", "run"],
        &["evaluate", "--run", "run", "--against", "run/seed-0"],
        &["evaluate", "--run", "run", "--out", "run", "--overwrite", "--against", "run/seed-0"],
        &["evaluate", "--run", "run", "--out", "elsewhere"],
        &["report", "run", "--out", "run/report", "--overwrite"],
        &["report", "run", "--out", "page"],
    ];
    for args in again {
        succeed(workplace.path(), args)?;
        assert_eq!(fs::read(workplace.join("run/run.json"))?, certified, "{args:?}");
    }
    succeed(workplace.path(), &["verify", "run"])?;
    let scores = [workplace.join("run/eval.json"), workplace.join("elsewhere/eval.json")];
    assert_eq!(fs::read(&scores[0])?, fs::read(&scores[1])?);
    // Scoring again does not cover a page, or a map, that was changed before.
    let page = workplace.join("run/report/report.md");
    let whole = fs::read(&page)?;
    fs::write(&page, "mine")?;
    succeed(workplace.path(), &["evaluate", "--run", "run"])?;
    fail(workplace.path(), &["verify", "run"], 65, &["report/report.md: changed"])?;
    fs::write(&page, whole)?;
    // Scores that were changed are right when they were made again.
    fs::write(&scores[0], replace(&fs::read(&scores[0])?, "\"accuracy\"", "\"accuracies\""))?;
    fail(workplace.path(), &["verify", "run"], 65, &["eval.json: changed"])?;
    succeed(workplace.path(), &["train", "--run", "run", "--resume"])?;
    succeed(workplace.path(), &["verify", "run"])?;
    // A run of an older version: its files are not covered, which is said.
    fs::remove_file(workplace.join("run/run.json"))?;
    let path = workplace.join("run/seed-0/run.json");
    let mut old: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
    old["result"]["format"] = 1.into();
    old["result"].as_object_mut().ok_or("no result")?.remove("files");
    fs::write(&path, old.to_string())?;
    let text = stdout(&succeed(workplace.path(), &["verify", "run"])?);
    assert_eq!(text.matches("NOT COVERED").count(), 2, "{text}");
    old["result"]["format"] = 3.into();
    fs::write(&path, old.to_string())?;
    fail(workplace.path(), &["verify", "run"], 65, &["format is 3", "1 to 2"])
}

#[test]
fn an_epoch_that_the_run_does_not_have_and_an_unfinished_seed_are_errors() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("run", &QUICK).arg("--no-eval").output()?.status.success());
    let output = succeed(workplace.path(), &["verify", "run"])?;
    assert!(stdout(&output).contains("skipped"), "{} {}", stdout(&output), stderr(&output));
    fail(workplace.path(), &["verify", "run", "--epochs", "3"], 2, &["epoch 3", "2"])?;
    fail(workplace.path(), &["verify", "run", "--seed", "7"], 66, &["seed 7"])?;
    // Without checkpoints an epoch is trained from the start.
    fs::remove_dir_all(workplace.join("run/seed-0/checkpoints"))?;
    let output = succeed(workplace.path(), &["verify", "run", "--epochs", "2"])?;
    assert!(stdout(&output).contains("trained again from the start"), "{}", stdout(&output));
    fs::remove_file(workplace.join("run/seed-0/run.json"))?;
    fail(workplace.path(), &["verify", "run"], 66, &["run.json", "--resume"])
}
