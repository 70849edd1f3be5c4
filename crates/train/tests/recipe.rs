//! What a recipe may ask for, on a handful of tiny photos.

use crate::tiny;

use burn::tensor::Device;
use dermx_kernels::Precision;
use dermx_model::{BatchNormMode, Network, export_weights, set_trainable, write_safetensors};
use dermx_train::{
    CheckpointStore, EarlyStopping, FitConfig, LabelledPhotos, MixConfig, Monitor, OptimizerConfig,
    ParameterGroups, Sampling, Schedule, Select, Sets, SgdConfig, read_checkpoint, replay,
};
use std::collections::BTreeMap;
use std::error::Error;
use tiny::{
    NUM_IMAGES, StopAfter, TestResult, Weights, config, mobilenet_v2, photos, resnet18, train,
    weighted,
};

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
            let network = mobilenet_v2("*")?;
            results.push(pool.install(|| {
                train(&config, &photos, &checkpoints, StopAfter::NEVER, network)
                    .map_err(|error| error.to_string())
            })?);
        }
        assert_eq!(results[0], results[1], "{name}");
    }
    Ok(())
}

/// As [`config`], watched by the loss, which at this learning rate rises after a few epochs.
fn watched(epochs: u32) -> FitConfig {
    FitConfig {
        schedule: Schedule::Constant,
        monitor: Some(Monitor::Loss),
        select: Select::Best,
        early_stopping: Some(EarlyStopping { patience: 1, min_delta: 0.0 }),
        ..config(epochs, 0.02)
    }
}

#[test]
fn a_run_that_gets_no_better_ends_with_the_weights_of_its_best_epoch() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let run = |config: &FitConfig, name: &str, num_steps| {
        train(config, &photos, &folder.path().join(name), num_steps, mobilenet_v2("*")?)
    };
    let (weights, history) = run(&watched(12), "undisturbed", StopAfter::NEVER)?;
    let weights = weights.ok_or("the run was stopped")?;
    let losses: Vec<f64> =
        history.iter().filter_map(|epoch| Some(epoch.validation?.loss)).collect();
    assert_eq!(losses.len(), history.len());
    let best =
        (0..losses.len()).fold(0, |best, idx| if losses[idx] < losses[best] { idx } else { best });
    assert_eq!(losses.len(), best + 1 + 1, "{losses:?}");
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
            train(&config, &photos, &checkpoints, StopAfter::NEVER, mobilenet_v2("*")?)?;
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
        parameter_groups: ParameterGroups {
            decay_norms_and_biases: false,
            layer_decay: 0.8,
            rate_factors: BTreeMap::from([("head.*".to_string(), 2.0)]),
            decay_factors: BTreeMap::from([("*.bias".to_string(), 0.5)]),
        },
        clip_norm: Some(1.0),
        ema_decay: Some(0.8),
        objective: weighted([1.0, 2.0], 0.1),
        precision: Precision::Bf16,
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
        train(&everything(), &photos, &folder.path().join(name), num_steps, mobilenet_v2("*")?)
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
    let start = export_weights(&mobilenet_v2("*")?);
    let run = |ema_decay, name: &str| {
        let config = FitConfig { ema_decay, ..config(1, 1e-3) };
        train(&config, &photos, &folder.path().join(name), StopAfter::NEVER, mobilenet_v2("*")?)
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
fn the_mean_of_the_last_epochs_is_what_results_and_a_stopped_run_goes_on_with_it() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let run = |epochs, swa_start, name: &str, num_steps| {
        let config = FitConfig { swa_start, schedule: Schedule::Constant, ..config(epochs, 1e-3) };
        train(&config, &photos, &folder.path().join(name), num_steps, mobilenet_v2("*")?)
    };
    let (second, _) = run(2, None, "second", StopAfter::NEVER)?;
    let (third, raw_history) = run(3, None, "third", StopAfter::NEVER)?;
    let undisturbed = run(3, Some(2), "mean", StopAfter::NEVER)?;
    assert_eq!(undisturbed.1, raw_history, "the mean does not disturb training");
    let (second, third) = second.zip(third).ok_or("stopped")?;
    let mut num_different = 0;
    for (name, found) in undisturbed.0.as_ref().ok_or("stopped")? {
        let ends = second[name].values.iter().zip(&third[name].values);
        for (found, (second, third)) in found.values.iter().zip(ends) {
            let mean = (f64::from(*second) + f64::from(*third)) / 2.0;
            assert!((f64::from(*found) - mean).abs() <= 1e-6 * mean.abs().max(1.0), "{name}");
            num_different += usize::from(second != third);
        }
    }
    assert!(num_different > 1_000_000, "{num_different}");
    let num_steps = 5 * NUM_IMAGES.div_ceil(config(1, 1e-3).batch_size) / 2;
    assert!(run(3, Some(2), "stopped", num_steps)?.0.is_none());
    assert_eq!(run(3, Some(2), "stopped", StopAfter::NEVER)?, undisturbed);
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

#[test]
fn epochs_are_replayed_with_every_state() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let config = FitConfig { epochs: 2, ..everything() };
    let checkpoints = folder.path().join("checkpoints");
    let (weights, history) =
        train(&config, &photos, &checkpoints, StopAfter::NEVER, mobilenet_v2("*")?)?;
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    let labelled = LabelledPhotos::new(&photos, &class_idx);
    let sets = Sets { training: labelled, validation: Some(labelled) };
    let first = CheckpointStore::new(&checkpoints).list()?.remove(0);
    let first = read_checkpoint(&first)?;
    let mut observer = StopAfter::new(StopAfter::NEVER);
    let network = mobilenet_v2("*")?;
    let found = replay(&config, sets, network, &Device::flex(), Some(&first), 2, &mut observer)?;
    let found = found.ok_or("stopped")?;
    assert_eq!(found.history, history);
    assert_eq!(found.network.map(|network| export_weights(&network)), weights);
    Ok(())
}
