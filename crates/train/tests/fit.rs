//! The loop on a handful of tiny photos.

use burn::tensor::Device;
use dermx_data::{AugmentConfig, ImageSize, Normalization};
use dermx_model::{
    Architecture, BatchNormMode, NamedTensor, Network, NetworkConfig, export_weights,
    import_weights, set_trainable, write_safetensors,
};
use dermx_train::{
    AdamConfig, Checkpoint, CheckpointStore, Draw, EarlyStopping, EpochMetrics, Fingerprint,
    FitConfig, LabelledPhotos, MixConfig, Monitor, Observer, OptimizerConfig, Outcome, Photos,
    Sampling, Schedule, Select, Sets, SgdConfig, StepReport, TrainError, fit, initial_weights,
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
        sampling: Sampling::Shuffle,
        batch_size: BATCH_SIZE,
        accumulation_steps: 1,
        learning_rate,
        schedule: Schedule::Cosine,
        warmup_epochs: 0,
        optimizer: OptimizerConfig::Adam(AdamConfig {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            weight_decay: 0.0,
        }),
        clip_norm: None,
        ema_decay: None,
        class_weights: vec![1.0, 2.0],
        label_smoothing: 0.0,
        mix: MixConfig::default(),
        monitor: None,
        select: Select::Last,
        early_stopping: None,
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
    let labelled = LabelledPhotos { photos, class_idx: &class_idx };
    let sets = Sets { training: labelled, validation: config.monitor.map(|_| labelled) };
    let store = CheckpointStore::new(folder);
    let mut observer = StopAfter::new(num_steps);
    let outcome = fit(config, sets, network, &Device::flex(), &store, &mut observer)?;
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
    let (weights, history) =
        train(&config, &photos, &checkpoints, StopAfter::NEVER, resnet18("*")?)?;
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    let labelled = LabelledPhotos { photos: &photos, class_idx: &class_idx };
    let sets = Sets { training: labelled, validation: None };
    let again = |from: Option<&Checkpoint>, last_epoch: u32, num_steps: usize| {
        let mut observer = StopAfter::new(num_steps);
        let network = resnet18("*")?;
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
    let full = FitConfig { epochs: 1, ..everything() };
    for (name, config) in [("plain", config(1, 1e-3)), ("full", full)] {
        let mut results = Vec::new();
        for num_threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build()?;
            let checkpoints = folder.path().join(format!("{name}-{num_threads}"));
            // Only strings cross the pool's border: errors of the loop are not `Send`.
            let network = resnet18("*")?;
            results.push(pool.install(|| {
                train(&config, &photos, &checkpoints, StopAfter::NEVER, network)
                    .map_err(|error| error.to_string())
            })?);
        }
        assert_eq!(results[0], results[1], "{name}");
    }
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
    let draws = |indices: &[usize]| -> Vec<Draw> {
        indices.iter().map(|&idx| Draw::new(&photos, idx, 0)).collect()
    };
    let batch = photos.augmented_batch(&draws(&[4, 1, 7]), &augment, 3, 2)?;
    let alone = photos.augmented_batch(&draws(&[1]), &augment, 3, 2)?;
    assert_eq!(&batch[alone.len()..2 * alone.len()], alone);
    assert_ne!(photos.augmented_batch(&draws(&[1]), &augment, 3, 3)?, alone, "another epoch");
    assert_ne!(photos.augmented_batch(&draws(&[1]), &augment, 4, 2)?, alone, "another seed");
    let again = [Draw::new(&photos, 1, 1)];
    assert_ne!(photos.augmented_batch(&again, &augment, 3, 2)?, alone, "again in the epoch");
    Ok(())
}

/// As [`config`], watched by the loss, which at this learning rate rises after a few epochs.
fn watched(epochs: u32) -> FitConfig {
    FitConfig {
        schedule: Schedule::Constant,
        monitor: Some(Monitor::Loss),
        select: Select::Best,
        early_stopping: Some(EarlyStopping { patience: 2, min_delta: 0.0 }),
        ..config(epochs, 0.02)
    }
}

#[test]
fn a_run_that_gets_no_better_ends_with_the_weights_of_its_best_epoch() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let run = |config: &FitConfig, name: &str, num_steps| {
        train(config, &photos, &folder.path().join(name), num_steps, resnet18("*")?)
    };
    let (weights, history) = run(&watched(12), "undisturbed", StopAfter::NEVER)?;
    let weights = weights.ok_or("the run was stopped")?;
    let losses: Vec<f64> =
        history.iter().filter_map(|epoch| Some(epoch.validation?.loss)).collect();
    assert_eq!(losses.len(), history.len());
    let best =
        (0..losses.len()).fold(0, |best, idx| if losses[idx] < losses[best] { idx } else { best });
    assert_eq!(losses.len(), best + 1 + 2, "{losses:?}");
    let hash = blake3::hash(&write_safetensors(&weights)?).to_string();
    assert_eq!(hash, history[best].weights_hash);

    // Stopped after the best epoch and in the middle of the next, it ends alike.
    let num_steps = 3 * (best + 1) + 1;
    assert!(run(&watched(12), "stopped", num_steps)?.0.is_none());
    assert_eq!(run(&watched(12), "stopped", StopAfter::NEVER)?, (Some(weights), history));
    Ok(())
}

#[test]
fn scoring_validation_photos_leaves_training_alone() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let scored = FitConfig { monitor: Some(Monitor::MacroF1), ..config(2, 1e-3) };
    let mut results = Vec::new();
    for (config, name) in [(config(2, 1e-3), "plain"), (scored, "scored")] {
        let checkpoints = folder.path().join(name);
        let (weights, history) =
            train(&config, &photos, &checkpoints, StopAfter::NEVER, resnet18("*")?)?;
        let is_scored = history.iter().all(|epoch| epoch.validation.is_some());
        assert_eq!(is_scored, name == "scored");
        results.push(weights);
    }
    assert_eq!(results[0], results[1]);
    Ok(())
}

#[test]
fn going_by_scores_without_validation_photos_is_refused() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let config = FitConfig { monitor: None, ..watched(1) };
    let checkpoints = folder.path().join("checkpoints");
    let result = train(&config, &photos, &checkpoints, StopAfter::NEVER, resnet18("fc.*")?);
    let message = result.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("early_stopping") && message.contains("train.monitor"), "{message}");
    Ok(())
}

/// Everything that has a state of its own or draws at random, all at once.
fn everything() -> FitConfig {
    FitConfig {
        sampling: Sampling::Balanced,
        accumulation_steps: 2,
        schedule: Schedule::Plateau { factor: 0.5, patience: 0 },
        warmup_epochs: 1,
        optimizer: OptimizerConfig::Sgd(SgdConfig {
            momentum: 0.9,
            nesterov: true,
            weight_decay: 1e-3,
        }),
        clip_norm: Some(1.0),
        ema_decay: Some(0.8),
        label_smoothing: 0.1,
        mix: MixConfig { mixup_alpha: Some(0.4), cutmix_alpha: Some(1.0) },
        monitor: Some(Monitor::MacroF1),
        select: Select::Best,
        early_stopping: Some(EarlyStopping { patience: 3, min_delta: 0.01 }),
        batch_size: 2,
        ..config(4, 0.02)
    }
}

#[test]
fn a_stopped_run_goes_on_with_every_state() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let run = |name: &str, num_steps| {
        train(&everything(), &photos, &folder.path().join(name), num_steps, resnet18("*")?)
    };
    let undisturbed = run("undisturbed", StopAfter::NEVER)?;
    assert!(undisturbed.0.is_some());
    // Steps of 4, 4 and 2 images.
    for num_steps in [2, 7] {
        let name = format!("stopped-{num_steps}");
        assert!(run(&name, num_steps)?.0.is_none(), "after {num_steps} steps");
        assert_eq!(run(&name, StopAfter::NEVER)?, undisturbed, "after {num_steps} steps");
    }
    Ok(())
}

#[test]
fn the_average_of_the_weights_is_what_results() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let start = export_weights(&resnet18("*")?);
    let run = |ema_decay, name: &str| {
        let config = FitConfig { ema_decay, ..config(1, 1e-3) };
        train(&config, &photos, &folder.path().join(name), StopAfter::NEVER, resnet18("*")?)
    };
    let (raw, raw_history) = run(None, "raw")?;
    let (fast, history) = run(Some(0.0), "fast")?;
    let (slow, _) = run(Some(1.0 - 1e-12), "slow")?;
    assert_eq!(history, raw_history, "the average does not disturb training");
    let (raw, fast, slow) =
        raw.zip(fast).zip(slow).map(|((a, b), c)| (a, b, c)).ok_or("stopped")?;
    let distance = |a: &Weights, b: &Weights| {
        let pairs = a.iter().flat_map(|(name, tensor)| tensor.values.iter().zip(&b[name].values));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(distance(&raw, &start) > 1e-3);
    // w + 1 (v - w) is v but for rounding.
    assert!(distance(&fast, &raw) < 1e-6, "{}", distance(&fast, &raw));
    assert!(distance(&slow, &start) < 1e-6, "{}", distance(&slow, &start));
    Ok(())
}

#[test]
fn accumulated_batches_move_the_weights_as_one_batch_of_all_images() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    // With running statistics an image's gradient does not depend on the rest of its batch.
    let frozen = || -> Result<Network, Box<dyn Error>> {
        Ok(set_trainable(resnet18("fc.*")?, &["fc.*".to_string()], BatchNormMode::Frozen)?)
    };
    let run = |batch_size, accumulation_steps, name: &str| {
        let config = FitConfig { batch_size, accumulation_steps, ..config(2, 1e-2) };
        train(&config, &photos, &folder.path().join(name), StopAfter::NEVER, frozen()?)
    };
    let (whole, whole_history) = run(6, 1, "whole")?;
    let (parts, parts_history) = run(2, 3, "parts")?;
    let (whole, parts) = whole.zip(parts).ok_or("stopped")?;
    let before = export_weights(&frozen()?);
    let differences = |name: &str, other: &Weights| {
        let pairs = parts[name].values.iter().zip(&other[name].values);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(differences("fc.weight", &before) > 1e-3);
    assert!(differences("fc.weight", &whole) < 1e-5, "{}", differences("fc.weight", &whole));
    let losses = whole_history.iter().zip(&parts_history);
    for (whole, parts) in losses {
        assert!((whole.train_loss - parts.train_loss).abs() < 1e-5);
        assert_eq!(whole.learning_rate, parts.learning_rate);
    }
    Ok(())
}
