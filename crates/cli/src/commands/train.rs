//! `dermx train`: the main job.

use super::{evaluate, explain, predict, report, synth};
use crate::args::{Backend, TrainArgs};
use crate::choices::exchanged;
use crate::config::{self, Config, EarlyStoppingSection, ExplainInput, SyntheticSection, Target};
use crate::error::{CliError, CliResult, ExitKind};
use crate::images::Images;
use crate::network::{TrainedNetwork, network_config, normalization};
use crate::predictions::{Logits, to_csv};
use crate::pretrained;
use crate::progress::Progress;
use crate::run_folder::{RunFolder, SeedFolder};
use crate::stop;
use crate::terminal::print;
use crate::test_set::TestSet;
use crate::training_data::{TrainingData, open_photos};
use crate::weight_files;
use burn::tensor::Device;
use dermx_data::{Normalization, SynthConfig};
use dermx_gradcam::Explainer;
use dermx_model::{
    Network, export_weights, import_weights, is_head, set_trainable, with_counters,
    write_safetensors,
};
use dermx_train::{
    CheckpointStore, EpochMetrics, FitConfig, Observer, Outcome, Sampling, Select, StepReport,
    TrainError, argmax, fit, initial_weights, write_atomic,
};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// How to go on with a stopped run.
const RESUME: &str = "go on with the same command and --resume";

/// Trains, predicts, explains and scores every seed, aggregates them, and writes the report.
///
/// # Errors
/// A wrong configuration, missing or damaged data, a run folder in use, or a request to stop.
pub fn run(args: &TrainArgs) -> CliResult<()> {
    let Backend::Cpu = args.backend;
    let device = Device::flex();
    let config = requested_config(args)?;
    if let Some(synthetic) = &config.synthetic {
        prepare_synthetic(synthetic)?;
    }
    // Before the folder is made: missing data leave nothing behind.
    let data = TrainingData::read(&config)?;
    let test = if args.no_eval { None } else { Some(TestSet::read(&config.data)?) };
    if !args.resume {
        data.check_leaks(&config, test.as_ref())?;
    }
    let folder = run_folder(args, &config)?;
    tracing::info!("run folder: {}", folder.path().display());
    folder.write("split.csv", &data.split_csv()?)?;
    for &seed in &config.run.seeds {
        let seed_folder = folder.seed(seed)?;
        train_seed(&config, seed, &data, &seed_folder, &device)?;
        stop::check(RESUME)?;
        if let Some(test) = &test {
            predict_and_explain(&config, test, &seed_folder, &device)?;
        }
    }
    if test.is_none() {
        return print(format!("{}: trained\n", folder.path().display()));
    }
    let record = evaluate::evaluate_run(&folder)?;
    let page = report::write(folder.path(), &folder.path().join("report"))?;
    print(format!("{}\nreport: {}\n", evaluate::summary(&record), page.display()))
}

/// The configuration that the arguments ask for; that of the run when they only name a run.
fn requested_config(args: &TrainArgs) -> CliResult<Config> {
    let Some(name) = &args.config else {
        return match (&args.run, args.seed, args.overrides.is_empty()) {
            (Some(run), None, true) => config::load_run(run),
            _ => Err(CliError::new(
                ExitKind::Usage,
                "without --config, --resume needs --run and nothing that changes the run",
            )),
        };
    };
    let mut overrides = args.overrides.clone();
    overrides.extend(args.seed.map(|seed| format!("run.seeds=[{seed}]")));
    config::load(name, &overrides)
}

fn run_folder(args: &TrainArgs, config: &Config) -> CliResult<RunFolder> {
    let name = args.config.as_deref().map(config::config_name).unwrap_or_default();
    match (&args.run, args.resume) {
        (Some(path), true) => RunFolder::resume(path, Some(config)),
        (None, true) => {
            RunFolder::resume(&RunFolder::newest(&config.run.output, &name)?, Some(config))
        }
        (Some(path), false) => RunFolder::create(path, config),
        (None, false) => RunFolder::create_numbered(&config.run.output, &name, config),
    }
}

/// Makes the synthetic data set unless it is there already.
fn prepare_synthetic(section: &SyntheticSection) -> CliResult<()> {
    let config = SynthConfig {
        num_images: section.num_images,
        num_train_images: section.num_train_images,
        seed: section.seed,
    };
    let manifest = section.root.join("synth.json");
    let text = match std::fs::read(&manifest) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return synth::synthesize(&section.root, &config).map(drop);
        }
        Err(error) => return Err(CliError::io(&manifest, &error)),
    };
    let found: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| CliError::bad_data(&manifest, error))?;
    let found: SynthConfig = serde_json::from_value(found["config"].clone())
        .map_err(|error| CliError::bad_data(&manifest, error))?;
    if found != config {
        let message = format!(
            "the data set there was made with {found:?}, the configuration says {config:?}; \
             change synthetic.root (and the paths in [data]) or remove the folder"
        );
        return Err(CliError::bad_data(&manifest, message));
    }
    Ok(())
}

/// Trains one seed and writes its weights.
fn train_seed(
    config: &Config,
    seed: u64,
    data: &TrainingData,
    folder: &SeedFolder,
    device: &Device,
) -> CliResult<()> {
    let section = &config.train;
    let fit_config = FitConfig {
        seed,
        epochs: config.run.epochs,
        sampling: section.sampling.unwrap_or(Sampling::Shuffle),
        batch_size: section.batch_size,
        accumulation_steps: section.accumulation_steps.unwrap_or(1),
        learning_rate: section.learning_rate,
        schedule: section.schedule().ok_or_else(incomplete_schedule)?,
        warmup_epochs: section.warmup_epochs.unwrap_or(0),
        optimizer: section.optimizer(),
        clip_norm: section.clip_norm,
        ema_decay: section.ema_decay,
        class_weights: section.class_weights(&data.training.images.num_per_class()),
        label_smoothing: section.label_smoothing.unwrap_or(0.0),
        mix: section.mix(),
        monitor: section.monitor,
        select: section.select.unwrap_or(Select::Last),
        early_stopping: config.early_stopping.as_ref().map(EarlyStoppingSection::stopping),
        augment: config.augment.config(),
        fingerprint: fingerprint(config, seed, data)?,
    };
    let network = starting_network(config, seed, device)?;
    let store = CheckpointStore::new(folder.checkpoints());
    let mut observer =
        Watcher::new(seed, &fit_config, data.training.images.images.len(), folder.clone());
    match fit(&fit_config, data.sets(), network, device, &store, &mut observer)? {
        Outcome::Stopped => Err(stop::stopped(RESUME)),
        Outcome::Finished(network) => {
            observer.finish();
            let weights = write_safetensors(&with_counters(export_weights(&network)))?;
            Ok(write_atomic(&folder.weights(), &weights)?)
        }
    }
}

fn incomplete_schedule() -> CliError {
    CliError::new(ExitKind::BadConfig, "train.schedule: a key of the schedule is missing")
}

/// What a run's checkpoints depend on: everything but where results go.
fn fingerprint(config: &Config, seed: u64, data: &TrainingData) -> CliResult<String> {
    let mut relevant = config.clone();
    relevant.run.seeds = vec![seed];
    relevant.run.output.clear();
    relevant.data.cache = false;
    relevant.data.decoded_cache = None;
    let text = toml::to_string(&relevant)
        .map_err(|error| CliError::new(ExitKind::Internal, error.to_string()))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    hasher.update(&data.split_csv()?);
    Ok(hasher.finalize().to_string())
}

/// The network with its starting weights: random, or from a file except for the head.
fn starting_network(config: &Config, seed: u64, device: &Device) -> CliResult<Network> {
    let network = network_config(config).init(device);
    let mut weights = initial_weights(&network, seed);
    if config.model.weights != "random" {
        let path = pretrained::resolve(Path::new(&config.model.weights))?;
        if !path.exists() {
            let message = format!(
                "{}: there are no such weights; datasets/README.md says where to get them, and \
                 `--set model.weights=random` starts without",
                path.display()
            );
            return Err(CliError::new(ExitKind::MissingInput, message));
        }
        weights.retain(|name, _| is_head(name));
        weights.extend(weight_files::read(&path)?.into_iter().filter(|(name, _)| !is_head(name)));
    }
    let network = import_weights(network, &weights)
        .map_err(|error| CliError::new(ExitKind::BadData, format!("model.weights: {error}")))?;
    set_trainable(network, &config.model.trainable, config.model.batch_norm)
        .map_err(|error| CliError::new(ExitKind::BadConfig, format!("model.trainable: {error}")))
}

/// Predicts and explains the test images with the trained network of one seed.
fn predict_and_explain(
    config: &Config,
    test: &TestSet,
    folder: &SeedFolder,
    device: &Device,
) -> CliResult<()> {
    let trained = TrainedNetwork::of_run(config, folder, device)?;
    let input = normalization(&config.input.normalization)?;
    let mut images = Images::of(open_photos(config, test.photos.clone(), input)?);
    let batch_size = config.explain.batch_size;
    let logits = predict::predict(&trained, &images, batch_size, device)?;
    let targets = targets(config, &trained.classes, test, &logits);
    let rows = images.ids().iter().zip(&test.gold_idx).zip(logits);
    let rows: Vec<Logits> = rows
        .map(|((image_id, &gold_idx), values)| Logits {
            image_id: image_id.clone(),
            gold: Some(trained.classes[gold_idx].clone()),
            values,
        })
        .collect();
    write_atomic(&folder.predictions(), &to_csv(&rows, &trained.classes, true)?)?;
    let layer = Some(config.explain.layer.as_str()).filter(|layer| *layer != "last");
    let method = config.explain.method;
    let explainer = Explainer::new(&trained.network, method, config.explain.settings(), layer)?;
    if config.explain.input == Some(ExplainInput::RawRgb) {
        images = Images::of(open_photos(config, test.photos.clone(), Normalization::RAW_RGB)?);
    }
    let maps = folder.heatmaps();
    std::fs::create_dir_all(&maps).map_err(|error| CliError::io(&maps, &error))?;
    explain::explain(&explainer, &trained, &images, Some(&targets), batch_size, device, &maps)?;
    explain::describe(&explainer, &images, &target_text(config), &maps)
}

/// Index of the class that each test image is explained for.
fn targets(config: &Config, classes: &[String], test: &TestSet, logits: &[Vec<f32>]) -> Vec<usize> {
    let pair = config.data.class_exchange.as_ref();
    let target_of_gold = |&gold_idx: &usize| {
        let target = exchanged(pair, &classes[gold_idx]);
        classes.iter().position(|class| class == target).unwrap_or(gold_idx)
    };
    match config.explain.target {
        Target::Gold => test.gold_idx.iter().map(target_of_gold).collect(),
        Target::Predicted => logits.iter().map(|values| argmax(values)).collect(),
    }
}

/// Whose logit is explained, and on which values, in words.
fn target_text(config: &Config) -> String {
    let target = match (config.explain.target, &config.data.class_exchange) {
        (Target::Predicted, _) => "predicted".to_string(),
        (Target::Gold, None) => "gold".to_string(),
        (Target::Gold, Some([one, other])) => format!("gold, with {one} and {other} exchanged"),
    };
    match config.explain.input {
        Some(ExplainInput::RawRgb) => format!("{target}; on red, green, blue from 0 to 255"),
        _ => target,
    }
}

/// Shows progress, writes the metrics, and passes on requests to stop.
struct Watcher {
    folder: SeedFolder,
    progress: Progress,
    images_done: usize,
    images_per_epoch: usize,
    images_now: usize,
    start: Instant,
    epoch_start: Instant,
    loss: f64,
}

impl Watcher {
    fn new(seed: u64, config: &FitConfig, num_images: usize, folder: SeedFolder) -> Self {
        let total = num_images * config.epochs as usize;
        let now = Instant::now();
        Self {
            folder,
            progress: Progress::new(format!("seed {seed}"), total, "img"),
            images_done: 0,
            images_per_epoch: num_images,
            images_now: 0,
            start: now,
            epoch_start: now,
            loss: f64::NAN,
        }
    }

    fn finish(self) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.progress.finish(&match self.loss.is_nan() {
            // Resumed after the last step.
            true => "already trained".to_string(),
            false => format!("trained in {seconds:.0} s, last loss {:.3}", self.loss),
        });
    }

    fn write_metrics(&self, history: &[EpochMetrics]) -> Result<(), TrainError> {
        let mut lines = Vec::new();
        for metrics in history {
            let path = self.folder.metrics();
            serde_json::to_writer(&mut lines, metrics)
                .map_err(|error| TrainError::Io { path, source: error.into() })?;
            lines.push(b'\n');
        }
        write_atomic(&self.folder.metrics(), &lines)
    }

    /// Times are for the reader: they may repeat after a resume, and never enter a result.
    fn write_timing(&mut self, epoch: u32) -> Result<(), TrainError> {
        let seconds = self.epoch_start.elapsed().as_secs_f64();
        let images_per_s = self.images_now as f64 / seconds;
        self.epoch_start = Instant::now();
        self.images_now = 0;
        let path = self.folder.timings();
        let line = format!(
            "{{\"epoch\": {epoch}, \"seconds\": {seconds:.3}, \"images_per_s\": {images_per_s:.2}}}\n"
        );
        let mut options = OpenOptions::new();
        let written = options
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        written.map_err(|source| TrainError::Io { path, source })
    }
}

impl Observer for Watcher {
    fn on_step(&mut self, report: &StepReport) {
        self.images_now += report.num_images;
        self.images_done += report.num_images;
        self.loss = report.loss;
        let images_per_s = self.images_now as f64 / self.epoch_start.elapsed().as_secs_f64();
        let message =
            format!("epoch {} loss {:.3} {images_per_s:.1} img/s", report.epoch, report.loss);
        self.progress.set(self.images_done, message);
    }

    fn on_epoch(&mut self, history: &[EpochMetrics]) -> Result<(), TrainError> {
        self.images_done = history.len() * self.images_per_epoch;
        match history.last() {
            Some(last) if self.images_now > 0 => self.write_timing(last.epoch)?,
            _ => self.progress.skip(self.images_done),
        }
        self.write_metrics(history)
    }

    fn should_stop(&self) -> bool {
        stop::requested()
    }
}
