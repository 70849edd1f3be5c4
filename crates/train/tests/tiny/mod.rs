//! A handful of tiny photos and a run on them.

use burn::tensor::Device;
use dermx_data::{AugmentConfig, ImageSize, Normalization};
use dermx_kernels::Precision;
use dermx_model::{
    Architecture, BatchNormMode, NamedTensor, Network, NetworkConfig, export_weights,
    import_weights, set_trainable,
};
use dermx_train::{
    AdamConfig, CheckpointStore, CrossEntropy, EpochMetrics, Fingerprint, FitConfig,
    LabelledPhotos, MixConfig, Objective, Observer, OptimizerConfig, Outcome, ParameterGroups,
    Photos, Sampling, Schedule, Select, Sets, StepReport, TrainError, fit, initial_weights,
};
use image::{Rgb, RgbImage};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub type TestResult = Result<(), Box<dyn Error>>;
pub type Weights = BTreeMap<String, NamedTensor>;

pub const NUM_IMAGES: usize = 10;
pub const BATCH_SIZE: usize = 4;
pub const SIZE: ImageSize = ImageSize { height: 32, width: 40 };

/// Photos of two classes: bright squares on the left or on the right.
pub fn photos(folder: &Path) -> Result<Photos, Box<dyn Error>> {
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

/// Cross-entropy of two classes.
pub fn weighted(class_weights: [f32; 2], label_smoothing: f32) -> Arc<dyn Objective> {
    let class_weights = class_weights.to_vec();
    Arc::new(CrossEntropy { class_weights, label_smoothing, focal_gamma: 0.0 })
}

pub fn config(epochs: u32, learning_rate: f64) -> FitConfig {
    FitConfig {
        seed: 3,
        epochs,
        sampling: Sampling::Shuffle,
        batch_size: BATCH_SIZE,
        last_batch: None,
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
        parameter_groups: ParameterGroups::default(),
        clip_norm: None,
        max_skipped_steps: 0,
        ema_decay: None,
        swa_start: None,
        objective: weighted([1.0, 2.0], 0.0),
        precision: Precision::F32,
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

/// A network of two classes without weights, and those it starts from: drawn once for all networks of a test.
pub fn start(architecture: Architecture) -> (Network, Weights) {
    static DRAWN: Mutex<BTreeMap<String, Weights>> = Mutex::new(BTreeMap::new());
    let network = NetworkConfig::torchvision(architecture, 2).empty(&Device::flex());
    let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    let weights =
        drawn.entry(architecture.to_string()).or_insert_with(|| initial_weights(&network, 3));
    let weights = weights.clone();
    (network, weights)
}

pub fn network(architecture: Architecture, trainable: &str) -> Result<Network, Box<dyn Error>> {
    let (network, weights) = start(architecture);
    Ok(set_trainable(
        import_weights(network, &weights)?,
        &[trainable.to_string()],
        BatchNormMode::Train,
    )?)
}

pub fn resnet18(trainable: &str) -> Result<Network, Box<dyn Error>> {
    network(Architecture::RESNET18, trainable)
}

/// Of a fifth of the weights, so of the bytes of checkpoints.
pub fn mobilenet_v2(trainable: &str) -> Result<Network, Box<dyn Error>> {
    network(Architecture::MOBILENET_V2, trainable)
}

/// Stops after a number of steps, and keeps the metrics.
pub struct StopAfter {
    pub steps_left: usize,
    pub history: Vec<EpochMetrics>,
}

impl StopAfter {
    pub const NEVER: usize = usize::MAX;

    pub fn new(steps_left: usize) -> Self {
        Self { steps_left, history: Vec::new() }
    }
}

impl Observer for StopAfter {
    fn on_step(&mut self, _: &StepReport) {
        self.steps_left = self.steps_left.saturating_sub(1);
    }

    fn on_skip(&mut self, _: &TrainError, _: usize) {
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
pub fn train(
    config: &FitConfig,
    photos: &Photos,
    folder: &Path,
    num_steps: usize,
    network: Network,
) -> Result<(Option<Weights>, Vec<EpochMetrics>), Box<dyn Error>> {
    let class_idx: Vec<usize> = (0..NUM_IMAGES).map(|idx| idx % 2).collect();
    let labelled = LabelledPhotos::new(photos, &class_idx);
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
