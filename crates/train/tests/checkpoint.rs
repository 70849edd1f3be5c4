//! Checkpoints: whole, or not there.

use dermx_model::NamedTensor;
use dermx_train::{
    Checkpoint, CheckpointStore, EpochMetrics, Fingerprint, TrainState, ValidationMetrics,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

type TestResult = Result<(), Box<dyn Error>>;

fn fingerprint(rate: &str) -> Fingerprint {
    let pair = |(key, value): (&str, &str)| (key.to_string(), value.to_string());
    Fingerprint::from([("train.learning_rate", rate), ("model.architecture", "resnet18")].map(pair))
}

/// The newest whole checkpoint of the run that [`checkpoint`] belongs to.
fn latest(store: &CheckpointStore) -> Result<Option<Checkpoint>, Box<dyn Error>> {
    Ok(store.latest(&fingerprint("0.1"))?.map(|found| found.checkpoint))
}

fn checkpoint(epochs_done: u32, steps_done: usize) -> Checkpoint {
    let values = vec![epochs_done as f32, f32::MIN_POSITIVE, -0.0, 1.0 / 3.0];
    let tensor = NamedTensor { shape: vec![2, 2], values };
    let metrics = EpochMetrics {
        epoch: 1,
        train_loss: 0.1 + 0.2,
        train_accuracy: 1.0 / 3.0,
        learning_rate: 1e-7,
        num_images: 3,
        weights_hash: "hash".into(),
        skipped_steps: 2,
        train_loss_parts: BTreeMap::new(),
        validation: Some(ValidationMetrics { loss: 0.7 - 0.1, accuracy: 0.1, macro_f1: 1.0 / 7.0 }),
    };
    Checkpoint {
        state: TrainState {
            fingerprint: fingerprint("0.1"),
            epochs_done,
            steps_done,
            optimizer_steps: 7,
            history: vec![metrics],
            ..TrainState::default()
        },
        weights: BTreeMap::from([("fc.weight".to_string(), tensor.clone())]),
        optimizer: BTreeMap::from([("exp_avg.fc.weight".to_string(), tensor.clone())]),
        kept: BTreeMap::from([("best.fc.weight".to_string(), tensor)]),
    }
}

fn folders(store: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(store)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[test]
fn a_checkpoint_comes_back_bit_for_bit() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path().join("checkpoints"));
    assert!(latest(&store)?.is_none());
    store.save(&checkpoint(3, 5))?;
    assert_eq!(latest(&store)?, Some(checkpoint(3, 5)));
    Ok(())
}

#[test]
fn the_newest_two_are_kept() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    for (epochs_done, steps_done) in [(1, 0), (1, 9), (1, 10), (2, 0)] {
        store.save(&checkpoint(epochs_done, steps_done))?;
    }
    assert_eq!(folders(folder.path())?, ["epoch-00001-step-000010", "epoch-00002-step-000000"]);
    assert_eq!(latest(&store)?, Some(checkpoint(2, 0)));
    Ok(())
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() -> TestResult {
    for name in ["weights.safetensors", "optimizer.safetensors", "state.json", "manifest.json"] {
        let folder = tempfile::tempdir()?;
        let store = CheckpointStore::new(folder.path());
        store.save(&checkpoint(1, 0))?;
        store.save(&checkpoint(2, 0))?;
        let newest = folder.path().join("epoch-00002-step-000000").join(name);
        let mut bytes = fs::read(&newest)?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&newest, &bytes)?;
        assert_eq!(latest(&store)?, Some(checkpoint(1, 0)), "{name} flipped");
        fs::write(&newest, &bytes[..middle])?;
        assert_eq!(latest(&store)?, Some(checkpoint(1, 0)), "{name} cut short");
        fs::remove_file(&newest)?;
        assert_eq!(latest(&store)?, Some(checkpoint(1, 0)), "{name} removed");
    }
    Ok(())
}

#[test]
fn falling_back_says_what_is_damaged_and_the_next_save_takes_its_place() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    store.save(&checkpoint(1, 0))?;
    store.save(&checkpoint(2, 0))?;
    let file = folder.path().join("epoch-00002-step-000000/optimizer.safetensors");
    fs::write(&file, b"other")?;
    let found = store.latest(&fingerprint("0.1"))?.ok_or("no checkpoint")?;
    assert_eq!(found.folder, folder.path().join("epoch-00001-step-000000"));
    assert_eq!(found.damaged.len(), 1);
    assert!(found.damaged[0].contains("epoch-00002-step-000000"), "{:?}", found.damaged);
    assert!(found.damaged[0].contains("optimizer.safetensors"), "{:?}", found.damaged);
    // Its name says that it is newer than the next one.
    store.save(&checkpoint(1, 3))?;
    let kept = ["epoch-00001-step-000000", "epoch-00001-step-000003"];
    let aside = "epoch-00002-step-000000.damaged";
    assert_eq!(folders(folder.path())?, [kept[0], kept[1], aside]);
    assert_eq!(fs::read(folder.path().join(aside).join("optimizer.safetensors"))?, b"other");
    assert_eq!(latest(&store)?, Some(checkpoint(1, 3)));
    // One that is damaged where the next one goes, and a second one of the same name.
    store.save(&checkpoint(2, 0))?;
    fs::write(&file, b"another")?;
    store.save(&checkpoint(2, 0))?;
    let second = "epoch-00002-step-000000.damaged-2";
    assert_eq!(folders(folder.path())?, [kept[1], "epoch-00002-step-000000", aside, second]);
    assert_eq!(fs::read(folder.path().join(second).join("optimizer.safetensors"))?, b"another");
    assert_eq!(latest(&store)?, Some(checkpoint(2, 0)));
    // Those set aside are not counted.
    store.save(&checkpoint(2, 1))?;
    store.save(&checkpoint(2, 2))?;
    let newest = ["epoch-00002-step-000001", "epoch-00002-step-000002"];
    assert_eq!(folders(folder.path())?, [aside, second, newest[0], newest[1]]);
    Ok(())
}

#[test]
fn a_run_whose_checkpoints_are_all_damaged_does_not_start_over() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    store.save(&checkpoint(1, 0))?;
    store.save(&checkpoint(1, 1))?;
    for name in
        ["epoch-00001-step-000000/weights.safetensors", "epoch-00001-step-000001/state.json"]
    {
        fs::write(folder.path().join(name), b"")?;
    }
    let message = latest(&store).err().map(|error| error.to_string()).unwrap_or_default();
    for part in ["no checkpoint is whole", "weights.safetensors", "state.json", "damaged"] {
        assert!(message.contains(part), "{part} not in {message}");
    }
    Ok(())
}

#[test]
fn a_half_written_checkpoint_is_not_seen() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    store.save(&checkpoint(1, 0))?;
    fs::create_dir(folder.path().join(".saving"))?;
    fs::write(folder.path().join(".saving/weights.safetensors"), b"half")?;
    assert_eq!(latest(&store)?, Some(checkpoint(1, 0)));
    store.clean(&folder.path().join("epoch-00001-step-000000"))?;
    assert_eq!(folders(folder.path())?, ["epoch-00001-step-000000"]);
    Ok(())
}

#[test]
fn another_runs_checkpoint_is_refused_with_every_difference() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    store.save(&checkpoint(1, 0))?;
    let mut other = fingerprint("0.2");
    other.insert("model.architecture".into(), "resnet50".into());
    let message = store.latest(&other).err().map(|error| error.to_string()).unwrap_or_default();
    for part in [
        "another run",
        "train.learning_rate: before 0.1, now 0.2",
        "model.architecture: before resnet18, now resnet50",
    ] {
        assert!(message.contains(part), "{part} not in {message}");
    }
    Ok(())
}

#[test]
fn what_another_version_wrote_is_refused_and_not_passed_over() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    store.save(&checkpoint(1, 0))?;
    store.save(&checkpoint(2, 0))?;
    let newest = folder.path().join("epoch-00002-step-000000");
    let state = r#"{"epochs_done": "two"}"#;
    let manifest = fs::read_to_string(newest.join("manifest.json"))?;
    let hash = |bytes: &[u8]| blake3::hash(bytes).to_string();
    let before = hash(&fs::read(newest.join("state.json"))?);
    fs::write(newest.join("manifest.json"), manifest.replace(&before, &hash(state.as_bytes())))?;
    fs::write(newest.join("state.json"), state)?;
    let message = latest(&store).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("another version") && message.contains("state.json"), "{message}");
    Ok(())
}
