//! The main job: training, prediction, explanation, scoring and the report of a run.

use crate::certificate::{self, Origin};
use crate::config::{Config, ExplainInput, Leaks, Target};
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::explanation::Job;
use crate::fitting::{fit_config, kept_epoch, starting_network, weights_file, weights_hash};
use crate::image_manifests::{self, TEST, TRAIN};
use crate::images::Images;
use crate::label_maps::LabelMaps;
use crate::label_targets::set_name;
use crate::network::{TrainedNetwork, normalization};
use crate::run_folder::{Place, REPORT, RunFolder, SPLIT, SeedFolder};
use crate::sanity;
use crate::session::BackendKind;
use crate::test_set::TestSet;
use crate::training_data::{TrainingData, open_photos_with};
use crate::watcher::Watcher;
use crate::{evaluate, explain, memory, predict, report, temperature, thresholds};
use dermx_data::{Manifest, Normalization, write_atomic};
use dermx_eval::EvalRecord;
use dermx_gradcam::Explainer;
use dermx_model::Network;
use dermx_score::{ImageLogits, argmax};
use dermx_study::exchanged;
use dermx_train::{CheckpointStore, EpochMetrics, Outcome, TrainError, ValidationMetrics, fit};
use dermx_work::Failure;
use std::path::PathBuf;

/// How to go on with a stopped run.
const RESUME: &str = "go on with the same command and --resume";

/// What a run came to.
#[derive(Debug)]
pub struct Trained {
    /// The run folder.
    pub folder: PathBuf,
    /// The scores over the seeds, and the page of the report; `None` without a test.
    pub tested: Option<Tested>,
    /// The scores on the validation photos, if there are any, of each seed.
    pub validated: Vec<Validated>,
}

/// An error of training; of numbers that are not finite with the last checkpoint, which is finite.
fn with_checkpoint(error: TrainError, store: &CheckpointStore) -> RunError {
    let is_not_finite = matches!(
        error,
        TrainError::NonFinite { .. }
            | TrainError::NonFiniteStep { .. }
            | TrainError::NonFiniteValidation { .. }
    );
    let newest = store.list().ok().and_then(|mut folders| folders.pop());
    match (is_not_finite, newest) {
        (false, _) => error.into(),
        (true, None) => RunError::from(error).advice("; no checkpoint was saved before"),
        (true, Some(folder)) => {
            let advice = format!("; the last checkpoint before is {}", folder.display());
            RunError::from(error).advice(advice)
        }
    }
}

/// What the network of a seed scores on the validation photos.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validated {
    /// The seed.
    pub seed: u64,
    /// The epoch whose weights are the result, from 1.
    pub epoch: u32,
    /// Number of epochs that were trained.
    pub num_epochs: u32,
    /// Number of epochs that were planned: early stopping trains fewer.
    pub num_planned: u32,
    /// The scores after it.
    pub scores: ValidationMetrics,
}

/// What the test of a run came to.
#[derive(Debug)]
pub struct Tested {
    /// The scores over the seeds.
    pub record: EvalRecord,
    /// The page of the report.
    pub page: PathBuf,
}

/// Trains, predicts, explains and scores every seed of `config`, whose data are there, aggregates them,
/// and writes the report; with `no_eval`, or without `data.test`, it only trains.
///
/// # Errors
/// Missing or damaged data, a run folder in use, or a request to stop.
pub fn train(
    config: &Config,
    place: &Place<'_>,
    no_eval: bool,
    context: Context<'_>,
) -> RunResult<Trained> {
    context.session.install(|| train_here(config, place, no_eval, context))
}

fn train_here(
    config: &Config,
    place: &Place<'_>,
    no_eval: bool,
    context: Context<'_>,
) -> RunResult<Trained> {
    // Before the folder is made: missing data leave nothing behind.
    let is_tested = !no_eval && config.data.test.is_some();
    let data = TrainingData::read(config).map_err(|error| with_test(error, config, is_tested))?;
    let test = if is_tested { Some(TestSet::to_score(config)?) } else { None };
    // A run that goes on was looked at when it began; but without a test, if it had --no-eval then.
    let is_new_test = test.is_some() && place.run.is_none_or(|run| !run.join(TEST).exists());
    if !place.resume || is_new_test {
        data.check_leaks(config, test.as_ref())?;
        // Else the search for leaks has read every photo.
        if let (Some(test), Leaks::Ignore) = (&test, config.data.leaks) {
            test.check_photos()?;
        }
    }
    let folder = RunFolder::open(place, config, context.session)?;
    tracing::info!("run folder: {}", folder.path().display());
    let trained_on =
        image_manifests::record(&folder, TRAIN, &data.root, &data.files(), place.allows_drift)?;
    data.expect(&trained_on.now)?;
    let tested_on = match &test {
        Some(test) => {
            let (root, files) = (&test.root, test.files());
            Some(image_manifests::record(&folder, TEST, root, &files, place.allows_drift)?)
        }
        None => None,
    };
    let recorded = std::iter::once(&trained_on).chain(&tested_on);
    let drift: Vec<String> = recorded.flat_map(|one| one.drift.clone()).collect();
    // What the run began with stays on record: its checkpoints are of that.
    if trained_on.drift.is_empty() {
        folder.write(SPLIT, &data.split_csv())?;
    }
    let split = folder.path().join(SPLIT);
    let split = std::fs::read(&split).map_err(|error| RunError::io(&split, &error))?;
    let begun = (&trained_on.begun, split.as_slice());
    let mut validated = Vec::new();
    for &seed in &config.run.seeds {
        context.check(RESUME)?;
        let seed_folder = folder.seed(seed)?;
        let starting_weights_hash =
            train_seed(config, seed, &data, begun, &seed_folder, is_tested, context)?;
        context.check(RESUME)?;
        if let (Some(test), Some(tested_on)) = (&test, &tested_on) {
            predict_and_explain(config, (test, &tested_on.now), &seed_folder, context)
                .map_err(resumable)?;
        }
        let origin = Origin {
            train: &trained_on.now,
            test: tested_on.as_ref().map(|tested_on| &tested_on.now),
            drift: &drift,
            starting_weights_hash: &starting_weights_hash,
        };
        // What is certified is what is there.
        image_manifests::check_unchanged(&trained_on.now, &data.root, &data.files())?;
        if let (Some(test), Some(tested_on)) = (&test, &tested_on) {
            image_manifests::check_unchanged(&tested_on.now, &test.root, &test.files())?;
        }
        certificate::write(&seed_folder, config, seed, &origin, context.session)?;
        validated.extend(validation(config, seed, &seed_folder)?);
    }
    if test.is_none() {
        certificate::write_run(&folder, config, context.session)?;
        return Ok(Trained { folder: folder.path().to_path_buf(), tested: None, validated });
    }
    let record = evaluate::evaluate_run(&folder)?;
    let page = report::write(folder.path(), &folder.path().join(REPORT))?;
    certificate::write_run(&folder, config, context.session)?;
    let tested = Some(Tested { record, page });
    Ok(Trained { folder: folder.path().to_path_buf(), tested, validated })
}

/// What is wrong with training photos, and with test photos, too: nobody wants to start twice to know.
fn with_test(error: RunError, config: &Config, is_tested: bool) -> RunError {
    if !is_tested || error.failure() != Failure::BadData {
        return error;
    }
    match TestSet::read(config).and_then(|test| test.check_photos()) {
        Err(other) if other.failure() == Failure::BadData => error.and(&other),
        _ => error,
    }
}

/// A stop after training is one to go on from, too.
fn resumable(error: RunError) -> RunError {
    if error.failure() == Failure::Stopped { RunError::stopped(RESUME) } else { error }
}

/// Trains one seed and writes its weights; the hash of those that it started from.
fn train_seed(
    config: &Config,
    seed: u64,
    data: &TrainingData,
    begun: (&Manifest, &[u8]),
    folder: &SeedFolder,
    is_tested: bool,
    context: Context<'_>,
) -> RunResult<String> {
    let fit_config = fit_config(config, seed, data, begun, context.session)?;
    let network = starting_network(config, seed, context.device())?;
    if is_tested {
        // A layer that does not exist is known before the training, not after it.
        explainer(config, &network)?;
    }
    if context.session.kind() == BackendKind::Cpu {
        memory::check(config, &network, data.training.images.images.len())?;
    }
    let starting_weights_hash = weights_hash(&network)?;
    let store = CheckpointStore::with_files(folder.checkpoints(), context.session.files());
    let num_images = data.training.images.images.len();
    let _held = context.watch.hold();
    let mut observer = Watcher::new(seed, &fit_config, num_images, folder.clone(), context.watch);
    let fitted = fit(&fit_config, data.sets(), network, context.device(), &store, &mut observer);
    match fitted.map_err(|error| with_checkpoint(error, &store))? {
        Outcome::Stopped => Err(RunError::stopped(RESUME)),
        Outcome::Finished(network) => {
            observer.finish();
            write_atomic(&folder.weights(), &weights_file(&network, config)?)?;
            temperature::write(config, data, &network, context.device(), folder)?;
            thresholds::write(config, data, &network, context.device(), folder)?;
            Ok(starting_weights_hash)
        }
    }
}

/// What the network of a seed scores on the validation photos, if there are any.
fn validation(config: &Config, seed: u64, folder: &SeedFolder) -> RunResult<Option<Validated>> {
    let path = folder.metrics();
    let epochs = certificate::read_metrics(&path)?;
    let kept = kept_epoch(config, &epochs);
    let (num_epochs, num_planned) = (epochs.last().map_or(0, |last| last.epoch), config.run.epochs);
    let validated = |kept: &EpochMetrics| {
        let (epoch, scores) = (kept.epoch, kept.validation?);
        Some(Validated { seed, epoch, num_epochs, num_planned, scores })
    };
    Ok(kept.and_then(validated))
}

/// Predicts and explains the test images, those of `manifest`, with the trained network of one seed.
fn predict_and_explain(
    config: &Config,
    (test, manifest): (&TestSet, &Manifest),
    folder: &SeedFolder,
    context: Context<'_>,
) -> RunResult<()> {
    let trained = TrainedNetwork::of_run(config, folder, context.device())?;
    let open = |normalization| -> RunResult<Images> {
        let photos = open_photos_with(config, test.photos.clone(), normalization)?;
        photos.expect_files(|path| manifest.hash_of(&test.root, path))?;
        Ok(Images::of(photos))
    };
    let mut images = open(normalization(&config.input.normalization)?)?;
    let batch_size = config.explain.batch_size;
    let logits = predict::predict(&trained, &images, batch_size, context)?;
    write_atomic(&folder.predictions(), &predictions_of(&trained, test, &images, &logits)?)?;
    let explainer = explainer(config, &trained.network)?;
    if config.study.explain_input == ExplainInput::RawRgb {
        images = open(Normalization::RAW_RGB)?;
    }
    let maps = folder.heatmaps();
    std::fs::create_dir_all(&maps).map_err(|error| RunError::io(&maps, &error))?;
    let targets = match config.train.is_multilabel() {
        false => targets(config, &trained.classes, test, &logits),
        true => {
            let given: Vec<Vec<usize>> = logits.iter().map(|one| trained.given(one)).collect();
            let explained = match config.explain.target {
                Target::Gold => &test.gold,
                Target::Predicted => &given,
            };
            let maps = LabelMaps::new(&images, &trained.classes, explained)?;
            images = maps.images;
            maps.targets
        }
    };
    let targets = Some(targets.as_slice());
    let job = Job { trained: &trained, images: &images, targets, batch_size, context };
    job.write_maps("explain", &explainer, &maps)?;
    explain::describe(&explainer, &images, &target_text(config), &maps)?;
    sanity::run(&config.explain.sanity, &job, &explainer, &maps)
}

/// What explains `network` as the configuration says.
fn explainer(config: &Config, network: &Network) -> RunResult<Explainer> {
    let layer = Some(config.explain.layer.as_str()).filter(|layer| *layer != "last");
    Ok(Explainer::new(network, config.explain.method(), config.explain.settings(), layer)?)
}

/// Index of the class that each test image is explained for.
fn targets(config: &Config, classes: &[String], test: &TestSet, logits: &[Vec<f32>]) -> Vec<usize> {
    let pair = config.study.class_exchange.as_ref();
    let target_of_gold = |gold: &Vec<usize>| {
        let gold_idx = gold.first().copied().unwrap_or_default();
        let target = exchanged(pair, &classes[gold_idx]);
        classes.iter().position(|class| class == target).unwrap_or(gold_idx)
    };
    match config.explain.target {
        Target::Gold => test.gold.iter().map(target_of_gold).collect(),
        Target::Predicted => logits.iter().map(|values| argmax(values)).collect(),
    }
}

/// Whose logit is explained, and on which values, in words.
fn target_text(config: &Config) -> String {
    let target = match (config.explain.target, &config.study.class_exchange) {
        (Target::Predicted, _) if config.train.is_multilabel() => {
            "each label that is given".to_string()
        }
        (Target::Gold, _) if config.train.is_multilabel() => "each gold label".to_string(),
        (Target::Predicted, _) => "predicted".to_string(),
        (Target::Gold, None) => "gold".to_string(),
        (Target::Gold, Some([one, other])) => format!("gold, with {one} and {other} exchanged"),
    };
    match config.study.explain_input {
        ExplainInput::RawRgb => format!("{target}; on red, green, blue from 0 to 255"),
        ExplainInput::Network => target,
    }
}

/// `predictions.csv` of the test images.
pub(crate) fn predictions(
    config: &Config,
    trained: &TrainedNetwork,
    test: &TestSet,
    images: &Images,
    context: Context<'_>,
) -> RunResult<Vec<u8>> {
    let logits = predict::predict(trained, images, config.explain.batch_size, context)?;
    predictions_of(trained, test, images, &logits)
}

fn predictions_of(
    trained: &TrainedNetwork,
    test: &TestSet,
    images: &Images,
    logits: &[Vec<f32>],
) -> RunResult<Vec<u8>> {
    let rows = images.ids().iter().zip(&test.gold).zip(logits);
    let rows: Vec<ImageLogits> = rows
        .map(|((image_id, gold), values)| ImageLogits {
            image_id: image_id.clone(),
            gold: Some(set_name(&trained.classes, gold)),
            values: values.clone(),
        })
        .collect();
    Ok(trained.predictions_csv(&rows, true))
}
