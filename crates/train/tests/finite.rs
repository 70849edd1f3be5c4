//! Training that is not finite: found where it happens, blamed on it, and never saved.

#[allow(dead_code, reason = "the other tests use more of it")]
use crate::tiny;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use dermx_kernels::Precision;
use dermx_model::{
    Architecture, BatchNormMode, NamedTensor, Network, import_weights, set_trainable,
    write_safetensors,
};
use dermx_train::{
    AdamConfig, Checkpoint, CheckpointStore, Fingerprint, FitConfig, MixConfig, OptimizerConfig,
    Photos, Sampling, Schedule, SgdConfig, TrainState, read_checkpoint,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use tiny::{
    NUM_IMAGES, StopAfter, TestResult, Weights, config, mobilenet_v2, photos, resnet18, train,
    weighted,
};

const ADAM: AdamConfig =
    AdamConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, weight_decay: 1e-4 };

const fn sgd(momentum: f32) -> OptimizerConfig {
    OptimizerConfig::Sgd(SgdConfig { momentum, nesterov: false, weight_decay: 0.0 })
}

/// Trains, and returns what it says when it fails.
fn failure(config: &FitConfig, photos: &Photos, folder: &Path, network: Network) -> String {
    match train(config, photos, folder, StopAfter::NEVER, network) {
        Ok(_) => "success".to_string(),
        Err(error) => error.to_string(),
    }
}

/// A ResNet-18 of two classes with other weights; of those that `patterns` say learn.
fn changed(
    patterns: &[&str],
    change: impl FnOnce(&mut Weights),
) -> Result<Network, Box<dyn Error>> {
    changed_of(Architecture::RESNET18, patterns, change)
}

/// As [`changed`], of any architecture.
fn changed_of(
    architecture: Architecture,
    patterns: &[&str],
    change: impl FnOnce(&mut Weights),
) -> Result<Network, Box<dyn Error>> {
    let (network, mut weights) = tiny::start(architecture);
    change(&mut weights);
    let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    Ok(set_trainable(import_weights(network, &weights)?, &patterns, BatchNormMode::Train)?)
}

fn set(weights: &mut Weights, name: &str, place: usize, value: f32) {
    weights.get_mut(name).expect("a tensor of that name").values[place] = value;
}

/// Whose one feature is 1e-37 for every image (convolutions of zero pass nothing on), and its weights
/// 3e38 and -3e38: the logits are 30 and -30, the loss of class 1 is 60, and its gradient at the
/// feature 3e38 + 3e38, which is no 32-bit float.
fn with_an_infinite_slope(patterns: &[&str]) -> Result<Network, Box<dyn Error>> {
    changed(patterns, |weights| {
        for tensor in weights.values_mut().filter(|tensor| tensor.shape.len() != 1) {
            tensor.values.fill(0.0);
        }
        set(weights, "layer4.1.bn2.bias", 0, 1e-37);
        set(weights, "fc.weight", 0, 3e38);
        set(weights, "fc.weight", 512, -3e38);
        weights.get_mut("fc.bias").expect("a bias").values.fill(0.0);
    })
}

#[test]
fn one_step_that_leaves_the_floats_fails_and_writes_nothing() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    // All images in one batch of one epoch: there is no next loss that would tell.
    let one_step = FitConfig { batch_size: NUM_IMAGES, ..config(1, 1e38) };
    for (idx, (optimizer, learning_rate)) in [
        // Adam divides by 1 - 0.9 in its first step.
        (OptimizerConfig::Adam(ADAM), 1e38),
        (OptimizerConfig::AdamW(ADAM), 1e38),
        (sgd(0.0), f64::INFINITY),
        (sgd(0.9), f64::INFINITY),
        (sgd(0.9), f64::NAN),
    ]
    .into_iter()
    .enumerate()
    {
        let ema_decay = (idx % 2 == 0).then_some(0.9);
        let config = FitConfig { optimizer, learning_rate, ema_decay, ..one_step.clone() };
        let checkpoints = folder.path().join(idx.to_string());
        let message = failure(&config, &photos, &checkpoints, resnet18("*")?);
        for part in ["` holds ", "epoch 1, step 1,", "gradients are finite", "train.learning_rate"]
        {
            assert!(message.contains(part), "{optimizer:?}: {message}");
        }
        assert!(!message.contains("photo"), "the images are not to blame: {message}");
        assert!(!checkpoints.exists(), "{optimizer:?}");
    }
    Ok(())
}

#[test]
fn the_batch_whose_gradient_is_not_finite_is_blamed_though_its_loss_is() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    // The same step for all images, one after the other: the first of class 1 is to blame.
    let base = config(1, 1e-3);
    let place = |seed: u64| {
        let draws = Sampling::Shuffle.draw(&photos, &class_idx, seed, 1);
        let place = draws.iter().position(|draw| class_idx[draw.idx] == 1);
        place.map(|place| (place, photos.id(draws[place].idx).to_string()))
    };
    let seed = (0..20).find(|&seed| place(seed).is_some_and(|(place, _)| place >= 2));
    let (seed, (_, culprit)) = seed.and_then(|seed| Some((seed, place(seed)?))).ok_or("a seed")?;
    let config = FitConfig {
        seed,
        batch_size: 1,
        accumulation_steps: NUM_IMAGES,
        objective: weighted([1.0, 100.0], 0.0),
        ..base
    };
    for (idx, (patterns, clip_norm, precision, optimizer)) in [
        (&["*"][..], None, Precision::F32, OptimizerConfig::Adam(ADAM)),
        (&["*"], Some(1.0), Precision::Bf16, sgd(0.9)),
        (&["layer4.1.*", "fc.*"], None, Precision::F32, OptimizerConfig::AdamW(ADAM)),
    ]
    .into_iter()
    .enumerate()
    {
        let config = FitConfig { clip_norm, precision, optimizer, ..config.clone() };
        let checkpoints = folder.path().join(idx.to_string());
        let network = with_an_infinite_slope(patterns)?;
        let message = failure(&config, &photos, &checkpoints, network);
        let blame = format!("epoch 1, step 1 (images {culprit})");
        for part in ["the loss is 6", "the gradient of `layer4.1.", &blame] {
            assert!(message.contains(part), "{patterns:?}, no `{part}`: {message}");
        }
        assert!(!checkpoints.exists());
    }
    let mix = MixConfig { mixup_alpha: Some(1.0), cutmix_alpha: None };
    let mixed = FitConfig { mix, batch_size: 5, accumulation_steps: 1, ..config };
    let network = with_an_infinite_slope(&["*"])?;
    let message = failure(&mixed, &photos, &folder.path().join("mixed"), network);
    assert!(message.contains("the gradient of `layer4.1."), "{message}");
    Ok(())
}

#[test]
fn a_running_statistic_that_overflows_is_named() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    // Squares of 1e25 leave the floats; normalized by an infinite variance, all values are 0, and the
    // loss is finite.
    let network = scaled(1e25)?;
    let checkpoints = folder.path().join("checkpoints");
    let message = failure(&config(1, 1e-3), &photos, &checkpoints, network);
    let part = "`bn1.running_var` became inf at epoch 1, step 1 (images photo ";
    assert!(message.contains(part), "{message}");
    assert!(!checkpoints.exists());
    Ok(())
}

#[test]
fn moments_that_overflow_are_named_though_the_weights_are_finite() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    // Gradients of 1e25, whose squares leave the floats: Adam would divide by infinity.
    let config = FitConfig { objective: weighted([1e25; 2], 0.0), ..config(1, 1e-3) };
    let checkpoints = folder.path().join("checkpoints");
    let message = failure(&config, &photos, &checkpoints, resnet18("fc.*")?);
    assert!(message.contains("`exp_avg_sq.fc."), "{message}");
    assert!(message.contains("holds inf after epoch 1, step 1,"), "{message}");
    assert!(!checkpoints.exists());
    Ok(())
}

#[test]
fn a_resumed_run_goes_back_to_the_last_good_checkpoint_and_fails_alike() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    // 1e-3 in the first epoch, 1e57 in the second.
    let schedule = Schedule::Step { epochs: 1, factor: 1e60 };
    let config = FitConfig { schedule, ..config(3, 1e-3) };
    let checkpoints = folder.path().join("checkpoints");
    let mut messages = Vec::new();
    for _ in 0..2 {
        messages.push(failure(&config, &photos, &checkpoints, resnet18("*")?));
        let folders = CheckpointStore::new(&checkpoints).list()?;
        assert_eq!(folders.len(), 1);
        assert!(folders[0].ends_with("epoch-00001-step-000000"), "{folders:?}");
        let saved = read_checkpoint(&folders[0])?;
        let mut values = saved.weights.values().flat_map(|tensor| &tensor.values);
        assert!(values.all(|value| value.is_finite()));
    }
    assert!(messages[0].contains("epoch 2, step 1,"), "{}", messages[0]);
    assert_eq!(messages[0], messages[1]);
    Ok(())
}

#[test]
fn a_checkpoint_that_is_not_finite_is_not_saved() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path().join("checkpoints"));
    let tensors = |value: f32| -> BTreeMap<String, NamedTensor> {
        let tensor = NamedTensor { shape: vec![2], values: vec![1.0, value] };
        BTreeMap::from([("w".to_string(), tensor)])
    };
    let checkpoint = |[weights, optimizer, kept]: [f32; 3]| Checkpoint {
        state: TrainState::default(),
        weights: tensors(weights),
        optimizer: tensors(optimizer),
        kept: tensors(kept),
    };
    store.save(&checkpoint([1.0; 3]))?;
    let before = store.list()?;
    for place in 0..3 {
        let mut values = [2.0; 3];
        values[place] = f32::NAN;
        let error = store.save(&checkpoint(values)).expect_err("refused");
        let expected = "the checkpoint: `w` holds NaN; training needs finite weights";
        assert_eq!(error.to_string(), expected);
        assert_eq!(store.list()?, before);
        assert_eq!(read_checkpoint(&before[0])?, checkpoint([1.0; 3]));
    }
    Ok(())
}

#[test]
fn a_checkpoint_with_what_is_no_number_gives_way_to_the_one_before() -> TestResult {
    let folder = tempfile::tempdir()?;
    let store = CheckpointStore::new(folder.path());
    let tensors = |value: f32| {
        let tensor = NamedTensor { shape: vec![1], values: vec![value] };
        BTreeMap::from([("w".to_string(), tensor)])
    };
    for epochs_done in 1..=2 {
        let state = TrainState { epochs_done, ..TrainState::default() };
        let (weights, optimizer) = (tensors(epochs_done as f32), BTreeMap::new());
        store.save(&Checkpoint { state, weights, optimizer, kept: BTreeMap::new() })?;
    }
    // As a program wrote it that did not look.
    let newest = store.list()?.remove(1);
    let manifest = std::fs::read_to_string(newest.join("manifest.json"))?;
    let hash = |bytes: &[u8]| blake3::hash(bytes).to_string();
    let [before, after] =
        [tensors(2.0), tensors(f32::NAN)].map(|tensors| write_safetensors(&tensors));
    let (before, after) = (before?, after?);
    assert!(manifest.contains(&hash(&before)));
    std::fs::write(newest.join("weights.safetensors"), &after)?;
    let manifest = manifest.replace(&hash(&before), &hash(&after));
    std::fs::write(newest.join("manifest.json"), manifest)?;
    let latest = store.latest(&Fingerprint::default())?.ok_or("a checkpoint")?;
    assert_eq!(latest.checkpoint.state.epochs_done, 1);
    assert_eq!(latest.damaged.len(), 1);
    assert!(latest.damaged[0].contains("`w` holds NaN"), "{:?}", latest.damaged);
    Ok(())
}

/// Divides by zero what does not learn.
struct Divider;

impl ModuleMapper for Divider {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.is_require_grad() { param } else { param.map(|tensor| tensor / 0.0) }
    }
}

#[test]
fn starting_weights_that_are_not_finite_are_named_even_frozen_ones() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    // Weights from a file are looked at where they are read; these are made.
    let network = changed(&["fc.*"], |_| {})?.map(&mut Divider);
    let checkpoints = folder.path().join("checkpoints");
    let message = failure(&config(1, 1e-3), &photos, &checkpoints, network);
    // The first by name, 0 over 0.
    let expected = "the starting weights: `bn1.bias` holds NaN";
    assert!(message.contains(expected), "{message}");
    Ok(())
}

/// A way to leave the floats in some steps of a run.
struct Case {
    name: &'static str,
    /// What the error says of it.
    part: &'static str,
    config: FitConfig,
    network: Box<dyn Fn() -> Result<Network, Box<dyn Error>>>,
}

/// With the first convolution scaled by so much.
fn scaled(scale: f32) -> Result<Network, Box<dyn Error>> {
    changed(&["fc.*"], |weights| {
        let conv = &mut weights.get_mut("conv1.weight").expect("a convolution").values;
        conv.iter_mut().for_each(|weight| *weight *= scale);
    })
}

/// A scale at which the variance of some photos is no float, and that of others is one.
fn scale_between(config: &FitConfig, photos: &Photos) -> Result<f32, Box<dyn Error>> {
    let [mut low, mut high] = [1e17f32, 1e20];
    for _ in 0..20 {
        let folder = tempfile::tempdir()?;
        let scale = low.sqrt() * high.sqrt();
        let run = train(config, photos, folder.path(), StopAfter::NEVER, scaled(scale)?);
        match run.map_or(NUM_IMAGES, |(_, history)| history[0].skipped_steps) {
            0 | 1 => low = scale,
            num_skipped if num_skipped < NUM_IMAGES => return Ok(scale),
            _ => high = scale,
        }
    }
    Err("no scale".into())
}

/// Every image is a step; those of class 1 fail, or those of much contrast. All four at full count
/// (`DERMX_TORTURE=full`), else the two of which the head alone learns, of a small network.
fn cases(photos: &Photos) -> Result<Vec<Case>, Box<dyn Error>> {
    let base = FitConfig { batch_size: 1, optimizer: sgd(0.9), ..config(1, 1e-9) };
    let weighted =
        |weight: f32| FitConfig { objective: weighted([1.0, weight], 0.0), ..base.clone() };
    let adam = OptimizerConfig::Adam(AdamConfig { weight_decay: 0.0, ..ADAM });
    // The loss of class 1 is at least 5, and weighted no float.
    let unlikely = || {
        changed_of(Architecture::MOBILENET_V2, &["head.*"], |weights| {
            weights.get_mut("classifier.1.weight").expect("a matrix").values.fill(0.0);
            set(weights, "classifier.1.bias", 1, -5.0);
        })
    };
    let loss = Case {
        name: "loss",
        part: "the loss became inf",
        config: weighted(3e38),
        network: Box::new(unlikely),
    };
    let moment = Case {
        name: "moment",
        part: "`exp_avg_sq.classifier.",
        config: FitConfig { optimizer: adam, ..weighted(1e25) },
        network: Box::new(|| mobilenet_v2("head.*")),
    };
    if !std::env::var("DERMX_TORTURE").is_ok_and(|count| count == "full") {
        return Ok(vec![loss, moment]);
    }
    let contrasts = FitConfig { ema_decay: Some(0.9), ..base.clone() };
    let scale = scale_between(&FitConfig { max_skipped_steps: 1000, ..contrasts.clone() }, photos)?;
    Ok(vec![
        loss,
        Case {
            name: "gradient",
            part: "the gradient of `layer4.1.",
            // Gradients of class 0 are so large that any step would end all others.
            config: FitConfig { accumulation_steps: 2, learning_rate: 0.0, ..weighted(100.0) },
            network: Box::new(|| with_an_infinite_slope(&["*"])),
        },
        Case {
            name: "statistic",
            part: "`bn1.running_var` became inf",
            config: contrasts,
            network: Box::new(move || scaled(scale)),
        },
        moment,
    ])
}

#[test]
fn steps_that_are_not_finite_end_the_run_or_are_skipped_as_often_as_is_allowed() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    for Case { name, part, config, network } in cases(&photos)? {
        let at = |max_skipped_steps| FitConfig { max_skipped_steps, ..config.clone() };
        let place = |policy: &str| folder.path().join(format!("{name} {policy}"));
        let stopped = failure(&at(0), &photos, &place("stop"), network()?);
        assert!(stopped.contains(part), "{name}: {stopped}");
        assert!(!place("stop").exists());

        let (_, history) = train(&at(1000), &photos, &place("skip"), StopAfter::NEVER, network()?)?;
        let (num_skipped, num_images) = (history[0].skipped_steps, history[0].num_images);
        assert!((2..NUM_IMAGES).contains(&num_skipped), "{name}: {num_skipped} skipped");
        assert_eq!(num_images, NUM_IMAGES - num_skipped * config.accumulation_steps, "{name}");
        assert!(history[0].train_loss.is_finite());

        let often_enough =
            train(&at(num_skipped), &photos, &place("n"), StopAfter::NEVER, network()?);
        assert_eq!(often_enough?.1, history, "{name}");
        let ended = failure(&at(num_skipped - 1), &photos, &place("n - 1"), network()?);
        assert!(ended.contains(part) && ended != stopped, "{name}: {ended}");
    }
    Ok(())
}

#[test]
fn a_skipped_step_leaves_no_trace_and_a_resumed_run_skips_alike() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    for Case { name, config, network, .. } in cases(&photos)? {
        let config = FitConfig { max_skipped_steps: 9, ..config };
        let whole = folder.path().join(format!("{name} whole"));
        train(&config, &photos, &whole, StopAfter::NEVER, network()?)?;
        let parts = folder.path().join(format!("{name} parts"));
        let newest = |folder: &Path| -> Result<Checkpoint, Box<dyn Error>> {
            Ok(read_checkpoint(&CheckpointStore::new(folder).list()?.pop().ok_or("none")?)?)
        };
        let mut before: Option<Checkpoint> = None;
        let mut num_without_trace = 0;
        // A process a step.
        for _ in 0..NUM_IMAGES / config.accumulation_steps {
            train(&config, &photos, &parts, 1, network()?)?;
            let after = newest(&parts)?;
            if let Some(before) = before
                && before.state.skipped_steps < after.state.skipped_steps
            {
                assert_eq!(
                    (
                        &before.weights,
                        &before.optimizer,
                        &before.kept,
                        before.state.sums.num_images
                    ),
                    (
                        &after.weights,
                        &after.optimizer,
                        &after.kept,
                        match after.state.epochs_done {
                            0 => after.state.sums.num_images,
                            _ => after.state.history[0].num_images,
                        }
                    ),
                    "{name}"
                );
                num_without_trace += 1;
            }
            before = Some(after);
        }
        assert!(num_without_trace > 0, "{name}");
        assert_eq!(before.as_ref(), Some(&newest(&whole)?), "{name}");
    }
    Ok(())
}

#[test]
fn an_epoch_of_skipped_steps_alone_ends_the_run() -> TestResult {
    let folder = tempfile::tempdir()?;
    let photos = photos(folder.path())?;
    let one_step = FitConfig { batch_size: NUM_IMAGES, max_skipped_steps: 1000, ..config(1, 1e38) };
    let message = failure(&one_step, &photos, &folder.path().join("run"), resnet18("*")?);
    assert!(message.contains("epoch 1, step 1,"), "{message}");
    Ok(())
}
