//! The loop on a handful of tiny photos.

use crate::tiny;

use burn::tensor::Device;
use dermx_model::{Architecture, export_weights};
use dermx_train::{
    Checkpoint, CheckpointStore, Draw, FitConfig, LabelledPhotos, Sets, TrainError,
    read_checkpoint, replay,
};
use std::error::Error;
use std::path::PathBuf;
use tiny::{
    NUM_IMAGES, StopAfter, TestResult, config, mobilenet_v2, network, photos, resnet18, train,
};

#[test]
fn a_run_stopped_anywhere_ends_with_the_bytes_of_an_undisturbed_one() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let config = config(2, 1e-3);
    let undisturbed = train(
        &config,
        &photos,
        &folder.path().join("undisturbed"),
        StopAfter::NEVER,
        mobilenet_v2("*")?,
    )?;
    assert!(undisturbed.0.is_some());
    assert_eq!(undisturbed.1.len(), 2);
    // Three steps an epoch: in the first epoch, at its end, and in the second.
    for num_steps in [1, 3, 5] {
        let checkpoints = folder.path().join(format!("stopped-{num_steps}"));
        let (stopped, _) = train(&config, &photos, &checkpoints, num_steps, mobilenet_v2("*")?)?;
        assert!(stopped.is_none(), "after {num_steps} steps");
        let resumed = train(&config, &photos, &checkpoints, StopAfter::NEVER, mobilenet_v2("*")?)?;
        assert_eq!(resumed, undisturbed, "after {num_steps} steps");
    }
    Ok(())
}

#[test]
fn checkpoints_inside_an_epoch_change_no_bit_and_a_run_goes_on_from_them() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let rare = config(2, 1e-3);
    let often = FitConfig { checkpoint_every: Some(1), ..rare.clone() };
    let run = |config: &FitConfig, name: &str| {
        train(config, &photos, &folder.path().join(name), StopAfter::NEVER, mobilenet_v2("*")?)
    };
    let undisturbed = run(&rare, "rare")?;
    assert_eq!(run(&often, "often")?, undisturbed);
    let names = |name: &str| -> Result<Vec<PathBuf>, TrainError> {
        let store = CheckpointStore::new(folder.path().join(name));
        let found = store.list()?;
        Ok(found.iter().filter_map(|path| Some(PathBuf::from(path.file_name()?))).collect())
    };
    let expected = ["epoch-00001-step-000002", "epoch-00002-step-000000"].map(PathBuf::from);
    assert_eq!(names("often")?, expected);
    // As after a fault in the last epoch's checkpoint: back to the one inside the epoch.
    std::fs::write(folder.path().join("often").join(&expected[1]).join("state.json"), b"torn")?;
    assert_eq!(run(&often, "often")?, undisturbed);
    assert_eq!(names("often")?, expected);
    Ok(())
}

#[test]
fn epochs_can_be_replayed_from_the_start_and_from_a_checkpoint() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let config = FitConfig { checkpoint_every: Some(2), ..config(3, 1e-3) };
    let checkpoints = folder.path().join("checkpoints");
    let (weights, history) =
        train(&config, &photos, &checkpoints, StopAfter::NEVER, mobilenet_v2("*")?)?;
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    let labelled = LabelledPhotos::new(&photos, &class_idx);
    let sets = Sets { training: labelled, validation: None };
    let again = |from: Option<&Checkpoint>, last_epoch: u32, num_steps: usize| {
        let mut observer = StopAfter::new(num_steps);
        let network = mobilenet_v2("*")?;
        replay(&config, sets, network, &Device::flex(), from, last_epoch, &mut observer)
            .map_err(Box::<dyn Error>::from)
    };
    let start = again(None, 2, StopAfter::NEVER)?.ok_or("stopped")?;
    assert_eq!(start.history, history[..2]);
    assert!(start.network.is_none());
    let inside = read_checkpoint(&checkpoints.join("epoch-00002-step-000002"))?;
    let end = again(Some(&inside), 3, StopAfter::NEVER)?.ok_or("stopped")?;
    assert_eq!(end.history, history);
    let network = end.network.ok_or("the run is over")?;
    assert_eq!(Some(export_weights(&network)), weights);
    assert!(again(None, 3, 4)?.is_none());
    Ok(())
}

#[test]
fn a_stopped_run_goes_on_with_what_chance_would_have_dropped() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let config = config(1, 1e-3);
    let run = |config: &FitConfig, name: &str, num_steps| {
        let network = network(Architecture::EFFICIENTNET_B0, "*")?;
        train(config, &photos, &folder.path().join(name), num_steps, network)
    };
    let undisturbed = run(&config, "undisturbed", StopAfter::NEVER)?;
    assert!(undisturbed.0.is_some());
    assert!(run(&config, "stopped", 2)?.0.is_none());
    assert_eq!(run(&config, "stopped", StopAfter::NEVER)?, undisturbed);
    Ok(())
}

#[test]
fn the_loss_falls() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let checkpoints = folder.path().join("checkpoints");
    let (_, history) =
        train(&config(6, 1e-3), &photos, &checkpoints, StopAfter::NEVER, resnet18("*")?)?;
    let losses: Vec<f64> = history.iter().map(|metrics| metrics.train_loss).collect();
    assert!(losses[5] < 0.5 * losses[0], "{losses:?}");
    Ok(())
}

#[test]
fn frozen_parameters_stay_and_trainable_ones_move() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let before = export_weights(&resnet18("fc.*")?);
    let checkpoints = folder.path().join("checkpoints");
    let (after, _) =
        train(&config(1, 1e-3), &photos, &checkpoints, StopAfter::NEVER, resnet18("fc.*")?)?;
    let after = after.ok_or("the run was stopped")?;
    let parameters = before
        .keys()
        .filter(|name| !name.contains("running_") && !name.contains("num_batches_tracked"));
    for name in parameters {
        let is_moved = before[name] != after[name];
        assert_eq!(is_moved, name.starts_with("fc."), "{name}");
    }
    Ok(())
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_and_names_the_images() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let checkpoints = folder.path().join("checkpoints");
    let result =
        train(&config(3, 1e30), &photos, &checkpoints, StopAfter::NEVER, mobilenet_v2("*")?);
    let message = result.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("epoch 1, step 2"), "{message}");
    assert!(message.contains("photo "), "{message}");
    Ok(())
}

#[test]
fn an_image_is_augmented_alike_in_every_batch() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let augment = config(1, 1e-3).augment;
    let draws = |indices: &[usize]| -> Vec<Draw> {
        indices.iter().map(|&idx| Draw::new(photos.id(idx), idx, 0)).collect()
    };
    let batch = photos.augmented_batch(&draws(&[4, 1, 7]), &augment, 3, 2)?;
    let alone = photos.augmented_batch(&draws(&[1]), &augment, 3, 2)?;
    assert_eq!(&batch[alone.len()..2 * alone.len()], alone);
    assert_ne!(photos.augmented_batch(&draws(&[1]), &augment, 3, 3)?, alone, "another epoch");
    assert_ne!(photos.augmented_batch(&draws(&[1]), &augment, 4, 2)?, alone, "another seed");
    let again = [Draw::new(photos.id(1), 1, 1)];
    assert_ne!(photos.augmented_batch(&again, &augment, 3, 2)?, alone, "again in the epoch");
    Ok(())
}
