//! `dermx train`: the main job.

use super::{evaluate, explain, predict, report, synth};
use crate::args::TrainArgs;
use crate::certificate::{self, Origin};
use crate::choices::{Choices, exchanged};
use crate::config::{self, Config, ExplainInput, Leaks, Target};
use crate::error::{CliError, CliResult, ExitKind};
use crate::explanation::Job;
use crate::fault;
use crate::fitting::{fit_config, starting_network, weights_file, weights_hash};
use crate::image_manifests::{self, TEST, TRAIN};
use crate::images::Images;
use crate::network::TrainedNetwork;
use crate::predictions::{Logits, to_csv};
use crate::run_folder::{REPORT, RunFolder, SPLIT, SeedFolder};
use crate::sanity;
use crate::score::check_outlines;
use crate::stop;
use crate::terminal::print;
use crate::test_set::TestSet;
use crate::training_data::{TrainingData, open_photos, open_photos_with};
use crate::watcher::Watcher;
use burn::tensor::Device;
use dermx_data::{Manifest, Normalization, SynthConfig};
use dermx_gradcam::Explainer;
use dermx_model::Network;
use dermx_train::{CheckpointStore, Outcome, argmax, fit, write_atomic};
use std::path::Path;

/// How to go on with a stopped run.
const RESUME: &str = "go on with the same command and --resume";

/// Where a run goes.
#[derive(Debug)]
pub struct Place<'a> {
    /// The run folder; without it, a numbered one in `run.output`.
    pub run: Option<&'a Path>,
    /// What a numbered folder is called after.
    pub name: &'a str,
    /// Whether the run is there, to go on with.
    pub resume: bool,
}

/// Trains, predicts, explains and scores every seed, aggregates them, and writes the report.
///
/// # Errors
/// A wrong configuration, missing or damaged data, a run folder in use, or a request to stop.
pub fn run(args: &TrainArgs) -> CliResult<()> {
    let device = args.backend.backend.open()?;
    let config = requested_config(args)?;
    let name = args.config.as_deref().map(config::config_name).unwrap_or_default();
    let place = Place { run: args.run.as_deref(), name: &name, resume: args.resume };
    prepare_synthetic(&config)?;
    print(train(&config, &place, args.no_eval, &device)?)
}

/// The same with `config`, whose data are there, on `device`; what is to be printed.
///
/// # Errors
/// As [`run`].
pub fn train(
    config: &Config,
    place: &Place<'_>,
    no_eval: bool,
    device: &Device,
) -> CliResult<String> {
    // Before the folder is made: missing data leave nothing behind.
    let data = TrainingData::read(config)?;
    let test = if no_eval { None } else { Some(TestSet::read(&config.data)?) };
    if let Some(test) = &test {
        test.warn_of_others();
        check_outlines(&config.data.test, &test.dataset, &Choices::of(config))?;
    }
    // A run that goes on was looked at when it began; but without a test, if it had --no-eval then.
    let is_new_test = test.is_some() && place.run.is_none_or(|run| !run.join(TEST).exists());
    if !place.resume || is_new_test {
        data.check_leaks(config, test.as_ref())?;
        // Else the search for leaks has read every photo.
        if let (Some(test), Leaks::Ignore) = (&test, config.data.leaks) {
            test.check_photos()?;
        }
    }
    let folder = RunFolder::open(place.run, place.name, place.resume, config)?;
    tracing::info!("run folder: {}", folder.path().display());
    folder.write(SPLIT, &data.split_csv()?)?;
    let manifest = record_training_images(&folder, config, &data)?;
    let test_manifest = match &test {
        Some(test) => Some(record_test_images(&folder, config, test)?),
        None => None,
    };
    for &seed in &config.run.seeds {
        stop::check(RESUME)?;
        let seed_folder = folder.seed(seed)?;
        let starting_weights_hash =
            train_seed(config, seed, &data, &manifest, &seed_folder, no_eval, device)?;
        stop::check(RESUME)?;
        if let Some(test) = &test {
            predict_and_explain(config, test, &seed_folder, device).map_err(resumable)?;
        }
        let origin = Origin {
            train: &manifest,
            test: test_manifest.as_ref(),
            starting_weights_hash: &starting_weights_hash,
        };
        certificate::write(&seed_folder, config, seed, &origin)?;
    }
    if test.is_none() {
        certificate::write_run(&folder, config)?;
        return Ok(format!("{}: trained\n", folder.path().display()));
    }
    let record = evaluate::evaluate_run(&folder)?;
    let page = report::write(folder.path(), &folder.path().join(REPORT))?;
    certificate::write_run(&folder, config)?;
    Ok(format!("{}\nreport: {}\n", evaluate::summary(&record), page.display()))
}

/// A stop after training is one to go on from, too.
fn resumable(error: CliError) -> CliError {
    if error.kind == ExitKind::Stopped { stop::stopped(RESUME) } else { error }
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

/// Makes the synthetic data set, if it is one, unless it is there already.
///
/// # Errors
/// Another data set in its place, a full disk.
pub fn prepare_synthetic(config: &Config) -> CliResult<()> {
    let Some(section) = &config.synthetic else { return Ok(()) };
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

/// The training and validation images on record in the run folder.
fn record_training_images(
    folder: &RunFolder,
    config: &Config,
    data: &TrainingData,
) -> CliResult<Manifest> {
    image_manifests::record(folder, TRAIN, &config.data.train, &data.files())
}

/// The test images on record in the run folder.
fn record_test_images(folder: &RunFolder, config: &Config, test: &TestSet) -> CliResult<Manifest> {
    image_manifests::record(folder, TEST, &config.data.test_images, &test.files())
}

/// Trains one seed and writes its weights; the hash of those that it started from.
fn train_seed(
    config: &Config,
    seed: u64,
    data: &TrainingData,
    manifest: &Manifest,
    folder: &SeedFolder,
    no_eval: bool,
    device: &Device,
) -> CliResult<String> {
    let fit_config = fit_config(config, seed, data, manifest)?;
    let network = starting_network(config, seed, device)?;
    if !no_eval {
        // A layer that does not exist is known before the training, not after it.
        explainer(config, &network)?;
    }
    let starting_weights_hash = weights_hash(&network)?;
    let store = CheckpointStore::with_files(folder.checkpoints(), fault::checkpoint_files()?);
    let num_images = data.training.images.images.len();
    let mut observer = Watcher::new(seed, &fit_config, num_images, folder.clone());
    match fit(&fit_config, data.sets(), network, device, &store, &mut observer)? {
        Outcome::Stopped => Err(stop::stopped(RESUME)),
        Outcome::Finished(network) => {
            observer.finish();
            write_atomic(&folder.weights(), &weights_file(&network, config)?)?;
            Ok(starting_weights_hash)
        }
    }
}

/// Predicts and explains the test images with the trained network of one seed.
fn predict_and_explain(
    config: &Config,
    test: &TestSet,
    folder: &SeedFolder,
    device: &Device,
) -> CliResult<()> {
    let trained = TrainedNetwork::of_run(config, folder, device)?;
    let mut images = Images::of(open_photos(config, test.photos.clone())?);
    let batch_size = config.explain.batch_size;
    let logits = predict::predict(&trained, &images, batch_size, device)?;
    write_atomic(&folder.predictions(), &predictions_of(&trained, test, &images, &logits)?)?;
    let explainer = explainer(config, &trained.network)?;
    if config.explain.input == Some(ExplainInput::RawRgb) {
        images = Images::of(open_photos_with(config, test.photos.clone(), Normalization::RAW_RGB)?);
    }
    let maps = folder.heatmaps();
    std::fs::create_dir_all(&maps).map_err(|error| CliError::io(&maps, &error))?;
    let targets = targets(config, &trained.classes, test, &logits);
    let targets = Some(targets.as_slice());
    let job = Job { trained: &trained, images: &images, targets, batch_size, device };
    job.write_maps("explain", &explainer, &maps)?;
    explain::describe(&explainer, &images, &target_text(config), &maps)?;
    sanity::run(&config.explain.sanity, &job, &explainer, &maps)
}

/// What explains `network` as the configuration says.
fn explainer(config: &Config, network: &Network) -> CliResult<Explainer> {
    let layer = Some(config.explain.layer.as_str()).filter(|layer| *layer != "last");
    Ok(Explainer::new(network, config.explain.method, config.explain.settings(), layer)?)
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

/// `predictions.csv` of the test images.
pub(super) fn predictions(
    config: &Config,
    trained: &TrainedNetwork,
    test: &TestSet,
    images: &Images,
    device: &Device,
) -> CliResult<Vec<u8>> {
    let logits = predict::predict(trained, images, config.explain.batch_size, device)?;
    predictions_of(trained, test, images, &logits)
}

fn predictions_of(
    trained: &TrainedNetwork,
    test: &TestSet,
    images: &Images,
    logits: &[Vec<f32>],
) -> CliResult<Vec<u8>> {
    let rows = images.ids().iter().zip(&test.gold_idx).zip(logits);
    let rows: Vec<Logits> = rows
        .map(|((image_id, &gold_idx), values)| Logits {
            image_id: image_id.clone(),
            gold: Some(trained.classes[gold_idx].clone()),
            values: values.clone(),
        })
        .collect();
    to_csv(&rows, &trained.classes, true)
}
