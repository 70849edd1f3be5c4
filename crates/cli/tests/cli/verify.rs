//! A finished run is what its certificates say, or `verify` says what is not.

use crate::dermx::{QUICK, TestResult, Workplace, fail, stderr, stdout, succeed};
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
    assert!(workplace.train("run", &QUICK).output()?.status.success());
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
    let args = ["verify", "run", "--json"];
    let checks: serde_json::Value =
        serde_json::from_slice(&succeed(workplace.path(), &args)?.stdout)?;
    let verdicts = checks.as_array().ok_or("no list")?;
    assert!(verdicts.iter().all(|check| check["verdict"] != "differs"), "{checks}");
    Ok(())
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
