//! The loop on a handful of tiny photos.

use burn::tensor::Device;
use dermx_data::{AugmentConfig, ImageSize, Normalization};
use dermx_model::{
    Architecture, BatchNormMode, NamedTensor, Network, NetworkConfig, export_weights,
    import_weights, set_trainable,
};
use dermx_train::{
    AdamConfig, Checkpoint, CheckpointStore, EpochMetrics, Fingerprint, FitConfig, Observer,
    Outcome, Photos, Schedule, StepReport, TrainError, TrainingSet, fit, initial_weights,
    read_checkpoint, replay,
};
use image::{Rgb, RgbImage};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

type TestResult = Result<(), Box<dyn Error>>;
type Weights = BTreeMap<String, NamedTensor>;

const NUM_IMAGES: usize = 10;
const BATCH_SIZE: usize = 4;
const SIZE: ImageSize = ImageSize { height: 32, width: 40 };

/// Photos of two classes: bright squares on the left or on the right.
fn photos(folder: &Path) -> Result<Photos, Box<dyn Error>> {
    let mut items = Vec::new();
    for idx in 0..NUM_IMAGES {
        let photo = RgbImage::from_fn(40, 32, |x, y| {
            let is_square = (x < 20) == (idx % 2 == 0) && (8..24).contains(&y);
            let noise = ((x * 7 + y * 13 + idx as u32 * 29) % 32) as u8;
            Rgb([if is_square { 200 + noise } else { 20 + noise }, noise, 90])
        });
        let path = folder.join(format!("{idx}.png"));
        photo.save(&path)?;
        items.push((format!("photo {idx}"), path));
    }
    let normalization = Normalization::preset("imagenet").ok_or("no such preset")?;
    Ok(Photos::open(items, SIZE, normalization, true)?)
}

fn config(epochs: u32, learning_rate: f64) -> FitConfig {
    FitConfig {
        seed: 3,
        epochs,
        batch_size: BATCH_SIZE,
        learning_rate,
        schedule: Schedule::Cosine,
        adam: AdamConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 },
        class_weights: vec![1.0, 2.0],
        augment: AugmentConfig {
            rotation_degrees: 10.0,
            zoom: 0.1,
            brightness: Some([0.8, 1.2]),
            ..AugmentConfig::default()
        },
        checkpoint_every: None,
        fingerprint: Fingerprint::from([("name".to_string(), "test".to_string())]),
    }
}

fn network(architecture: Architecture, trainable: &str) -> Result<Network, Box<dyn Error>> {
    let config = NetworkConfig::torchvision(architecture, 2);
    let network = config.init(&Device::flex());
    let weights = initial_weights(&network, 3);
    Ok(set_trainable(
        import_weights(network, &weights)?,
        &[trainable.to_string()],
        BatchNormMode::Train,
    )?)
}

fn resnet18(trainable: &str) -> Result<Network, Box<dyn Error>> {
    network(Architecture::Resnet18, trainable)
}

/// Stops after a number of steps, and keeps the metrics.
struct StopAfter {
    steps_left: usize,
    history: Vec<EpochMetrics>,
}

impl StopAfter {
    const NEVER: usize = usize::MAX;

    fn new(steps_left: usize) -> Self {
        Self { steps_left, history: Vec::new() }
    }
}

impl Observer for StopAfter {
    fn on_step(&mut self, _: &StepReport) {
        self.steps_left = self.steps_left.saturating_sub(1);
    }

    fn on_epoch(&mut self, history: &[EpochMetrics]) -> Result<(), TrainError> {
        self.history = history.to_vec();
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.steps_left == 0
    }
}

/// The trained weights, or nothing if the run was stopped, and the metrics.
fn train(
    config: &FitConfig,
    photos: &Photos,
    folder: &Path,
    num_steps: usize,
    network: Network,
) -> Result<(Option<Weights>, Vec<EpochMetrics>), Box<dyn Error>> {
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    let set = TrainingSet { photos, class_idx: &class_idx };
    let store = CheckpointStore::new(folder);
    let mut observer = StopAfter::new(num_steps);
    let outcome = fit(config, set, network, &Device::flex(), &store, &mut observer)?;
    let weights = match outcome {
        Outcome::Finished(network) => Some(export_weights(&network)),
        Outcome::Stopped => None,
    };
    Ok((weights, observer.history))
}

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
        resnet18("*")?,
    )?;
    assert!(undisturbed.0.is_some());
    assert_eq!(undisturbed.1.len(), 2);
    // Three steps an epoch: in the first epoch, at its end, and in the second.
    for num_steps in [1, 3, 5] {
        let checkpoints = folder.path().join(format!("stopped-{num_steps}"));
        let (stopped, _) = train(&config, &photos, &checkpoints, num_steps, resnet18("*")?)?;
        assert!(stopped.is_none(), "after {num_steps} steps");
        let resumed = train(&config, &photos, &checkpoints, StopAfter::NEVER, resnet18("*")?)?;
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
        train(config, &photos, &folder.path().join(name), StopAfter::NEVER, resnet18("*")?)
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
    let (_, history) = train(&config, &photos, &checkpoints, StopAfter::NEVER, resnet18("*")?)?;
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    let set = TrainingSet { photos: &photos, class_idx: &class_idx };
    let again = |from: Option<&Checkpoint>, last_epoch: u32, num_steps: usize| {
        let mut observer = StopAfter::new(num_steps);
        let network = resnet18("*")?;
        replay(&config, set, network, &Device::flex(), from, last_epoch, &mut observer)
            .map_err(Box::<dyn Error>::from)
    };
    assert_eq!(again(None, 2, StopAfter::NEVER)?.as_deref(), Some(&history[..2]));
    let inside = read_checkpoint(&checkpoints.join("epoch-00002-step-000002"))?;
    assert_eq!(again(Some(&inside), 3, StopAfter::NEVER)?, Some(history));
    assert_eq!(again(None, 3, 4)?, None);
    Ok(())
}

#[test]
fn a_stopped_run_goes_on_with_what_chance_would_have_dropped() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let config = config(1, 1e-3);
    let run = |config: &FitConfig, name: &str, num_steps| {
        let network = network(Architecture::EfficientnetB0, "*")?;
        train(config, &photos, &folder.path().join(name), num_steps, network)
    };
    let undisturbed = run(&config, "undisturbed", StopAfter::NEVER)?;
    assert!(undisturbed.0.is_some());
    assert!(run(&config, "stopped", 2)?.0.is_none());
    assert_eq!(run(&config, "stopped", StopAfter::NEVER)?, undisturbed);
    Ok(())
}

#[test]
fn the_number_of_threads_changes_no_bit() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let config = config(1, 1e-3);
    let mut results = Vec::new();
    for num_threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build()?;
        let checkpoints = folder.path().join(format!("{num_threads}"));
        // Only strings cross the pool's border: errors of the loop are not `Send`.
        let network = resnet18("*")?;
        results.push(pool.install(|| {
            train(&config, &photos, &checkpoints, StopAfter::NEVER, network)
                .map_err(|error| error.to_string())
        })?);
    }
    assert_eq!(results[0], results[1]);
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
    let result = train(&config(3, 1e30), &photos, &checkpoints, StopAfter::NEVER, resnet18("*")?);
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
    let batch = photos.augmented_batch(&[4, 1, 7], &augment, 3, 2)?;
    let alone = photos.augmented_batch(&[1], &augment, 3, 2)?;
    assert_eq!(&batch[alone.len()..2 * alone.len()], alone);
    assert_ne!(photos.augmented_batch(&[1], &augment, 3, 3)?, alone, "another epoch");
    assert_ne!(photos.augmented_batch(&[1], &augment, 4, 2)?, alone, "another seed");
    Ok(())
}
