//! Checkpoints: whole, or not there.

use dermx_model::NamedTensor;
use dermx_train::{Checkpoint, CheckpointStore, EpochMetrics, TrainState, ValidationMetrics};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

type TestResult = Result<(), Box<dyn Error>>;

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
        validation: Some(ValidationMetrics { loss: 0.7 - 0.1, accuracy: 0.1, macro_f1: 1.0 / 7.0 }),
    };
    Checkpoint {
        state: TrainState {
            fingerprint: "this run".into(),
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
    assert!(store.latest("this run")?.is_none());
    store.save(&checkpoint(3, 5))?;
    assert_eq!(store.latest("this run")?, Some(checkpoint(3, 5)));
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
    assert_eq!(store.latest("this run")?, Some(checkpoint(2, 0)));
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
        assert_eq!(store.latest("this run")?, Some(checkpoint(1, 0)), "{name} flipped");
        fs::write(&newest, &bytes[..middle])?;
        assert_eq!(store.latest("this run")?, Some(checkpoint(1, 0)), "{name} cut short");
        fs::remove_file(&newest)?;
        assert_eq!(store.latest("this run")?, Some(checkpoint(1, 0)), "{name} removed");
    }
    Ok(())
}

#[test]
fn a_run_whose_checkpoints_are_all_damaged_does_not_start_over() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    store.save(&checkpoint(1, 0))?;
    let file = folder.path().join("epoch-00001-step-000000/weights.safetensors");
    fs::write(&file, b"")?;
    let message = store.latest("this run").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("weights.safetensors"), "{message}");
    assert!(message.contains("damaged"), "{message}");
    Ok(())
}

#[test]
fn a_half_written_checkpoint_is_not_seen() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    store.save(&checkpoint(1, 0))?;
    fs::create_dir(folder.path().join(".saving-1"))?;
    fs::write(folder.path().join(".saving-1/weights.safetensors"), b"half")?;
    assert_eq!(store.latest("this run")?, Some(checkpoint(1, 0)));
    Ok(())
}

#[test]
fn another_runs_checkpoint_is_refused() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    store.save(&checkpoint(1, 0))?;
    let message = store.latest("that run").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("another run"), "{message}");
    Ok(())
}
