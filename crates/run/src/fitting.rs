//! How one seed is trained: what the configuration says, as `fit` takes it.

use crate::config::{self, Config, EarlyStoppingSection, LearningObjective};
use crate::description::Description;
use crate::error::{RunError, RunResult};
use crate::label_targets;
use crate::pretrained;
use crate::session::{Session, check_precision};
use crate::training_data::TrainingData;
use crate::weight_files::{self, Request};
use burn::tensor::Device;
use dermx_data::Manifest;
use dermx_model::{
    NamedTensor, Network, Padding, export_weights, import_weights, is_head, set_trainable,
    with_unread_buffers, write_safetensors,
};
use dermx_train::{
    Characteristics, CharacteristicsConfig, CrossEntropy, EpochMetrics, Fingerprint, FitConfig,
    Guided, MultiLabel, Objective, Select, initial_weights,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// `weights.safetensors` of a network that a run of `config` trained.
///
/// # Errors
/// Tensors whose shapes and values disagree.
pub fn weights_file(network: &Network, config: &Config) -> RunResult<Vec<u8>> {
    let tensors = with_unread_buffers(export_weights(network));
    weight_files::to_bytes(&tensors, &BTreeMap::new(), &Description::of_run(config))
}

/// BLAKE3 of all parameters and running statistics, as an epoch's metrics hold it.
///
/// # Errors
/// Tensors whose shapes and values disagree.
pub fn weights_hash(network: &Network) -> RunResult<String> {
    Ok(blake3::hash(&write_safetensors(&export_weights(network))?).to_string())
}

/// How one seed is trained; `manifest` and `split` (its CSV) are of the images that the run began with.
///
/// # Errors
/// A precision that the backend does not have.
pub fn fit_config(
    config: &Config,
    seed: u64,
    data: &TrainingData,
    (manifest, split): (&Manifest, &[u8]),
    session: &Session,
) -> RunResult<FitConfig> {
    let section = &config.train;
    let precision = section.precision;
    check_precision(session.kind(), precision)?;
    Ok(FitConfig {
        seed,
        epochs: config.run.epochs,
        sampling: section.sampling,
        batch_size: section.batch_size,
        last_batch: section.last_batch,
        accumulation_steps: section.accumulation_steps,
        learning_rate: section.learning_rate,
        schedule: section.schedule.schedule(),
        warmup_epochs: section.warmup_epochs,
        optimizer: section.optimizer.config(),
        parameter_groups: section.parameter_groups(),
        clip_norm: section.clip_norm,
        max_skipped_steps: section.max_skipped_steps,
        ema_decay: section.ema_decay,
        swa_start: section.swa_start,
        objective: objective(config, data),
        precision,
        mix: section.mix(),
        monitor: section.monitor,
        select: section.select,
        early_stopping: config.early_stopping.as_ref().map(EarlyStoppingSection::stopping),
        augment: config.augment.config(),
        checkpoint_every: config.run.checkpoint_every,
        fingerprint: fingerprint(config, seed, data, (manifest, split), session)?,
    })
}

/// What the network learns by.
fn objective(config: &Config, data: &TrainingData) -> Arc<dyn Objective> {
    let section = &config.train;
    let diagnosis = |focal_gamma| CrossEntropy {
        class_weights: section.class_weights(&data.training.images.num_per_class()),
        label_smoothing: section.label_smoothing,
        focal_gamma,
    };
    match &section.objective {
        LearningObjective::CrossEntropy { focal_gamma } => Arc::new(diagnosis(*focal_gamma)),
        LearningObjective::MultiLabel { pos_weight } => Arc::new(MultiLabel {
            pos_weight: label_targets::pos_weight(pos_weight, data.sets().training.targets),
        }),
        LearningObjective::Guided {
            num_hidden,
            dropout,
            characteristics_weight,
            attention_weight,
            attention,
            normalize,
            map_size,
            only_predicted,
            concepts: _,
            skip: _,
            raters: _,
            consensus: _,
        } => Arc::new(Guided {
            diagnosis: diagnosis(0.0),
            characteristics: match section.objective.concept_head() {
                Some(head) => Characteristics::OfNetwork(head),
                None => Characteristics::Own(CharacteristicsConfig {
                    num_features: config.model.architecture.num_features(),
                    num_hidden: *num_hidden,
                    num_concepts: data.concept_masks().map_or(0, |masks| masks.concepts().len()),
                    dropout: *dropout,
                }),
            },
            characteristics_weight: *characteristics_weight,
            attention: *attention,
            attention_weight: *attention_weight,
            normalize: *normalize,
            map_size: *map_size,
            only_predicted: *only_predicted,
        }),
    }
}

/// The epoch whose weights are the result: the best by the monitored score, or the last.
pub fn kept_epoch<'a>(config: &Config, history: &'a [EpochMetrics]) -> Option<&'a EpochMetrics> {
    let monitor = config.train.monitor.filter(|_| config.train.select == Select::Best);
    let Some(monitor) = monitor else { return history.last() };
    let min_delta = config.early_stopping.as_ref().map_or(0.0, |stopping| stopping.min_delta);
    let mut best: Option<(&EpochMetrics, f64)> = None;
    for metrics in history {
        let Some(value) = metrics.validation.as_ref().map(|scores| monitor.value(scores)) else {
            continue;
        };
        if best.is_none_or(|(_, best)| monitor.is_better(value, best, min_delta)) {
            best = Some((metrics, value));
        }
    }
    best.map(|(metrics, _)| metrics)
}

/// What a run's checkpoints depend on, key by key.
fn fingerprint(
    config: &Config,
    seed: u64,
    data: &TrainingData,
    (manifest, split): (&Manifest, &[u8]),
    session: &Session,
) -> RunResult<Fingerprint> {
    let mut fingerprint = config::flat_training(config, seed)?;
    if let Some(masks) = data.concept_masks() {
        fingerprint.insert("outlines".to_string(), masks.hash().to_string());
    }
    let images = format!("{} with hash {}", manifest.num_files(), manifest.hash());
    fingerprint.insert("training images".to_string(), images);
    fingerprint.insert("split".to_string(), blake3::hash(split).to_string());
    fingerprint.insert("backend".to_string(), session.kind().name().to_string());
    Ok(fingerprint)
}

/// The network with its starting weights: random, or from a file except for the head.
///
/// # Errors
/// Weights that are missing or do not fit, patterns that name no parameter.
pub fn starting_network(config: &Config, seed: u64, device: &Device) -> RunResult<Network> {
    let network = config.network().empty(device);
    let mut weights = initial_weights(&network, seed);
    if config.model.weights != "random" {
        let path = pretrained::resolve(Path::new(&config.model.weights))?;
        if !path.exists() {
            let message = format!(
                "{}: there are no such weights; datasets/README.md says where to get them, and \
                 `--set model.weights=random` starts without",
                path.display()
            );
            return Err(RunError::missing_input(message));
        }
        weights.retain(|name, _| is_head(name));
        weights.extend(pretrained_trunk(config)?);
    }
    let network = import_weights(network, &weights)
        .map_err(|error| RunError::from(error).context("model.weights: "))?;
    set_trainable(network, &config.model.trainable, config.model.batch_norm)
        .map_err(|error| RunError::bad_config(format!("model.trainable: {error}")))
}

/// The weights in `model.weights` without those of the head; says where they are of a network that
/// computes otherwise than the configured one.
fn pretrained_trunk(config: &Config) -> RunResult<BTreeMap<String, NamedTensor>> {
    let section = &config.model;
    let path = Path::new(&section.weights);
    let request = Request {
        architecture: Some(section.architecture),
        prefix: section.weights_prefix.as_deref(),
        // What the configuration says of them needs no assumption.
        padding: Some(section.padding).filter(|padding| *padding == Padding::Tf),
        epsilon: section.batch_norm_epsilon,
        without_head: true,
        ..Request::default()
    };
    let mut found = weight_files::find(path, &request)?;
    let is_said = request.padding.is_some() || request.epsilon.is_some();
    for (key, there, here) in found.differences(&config.network(), is_said) {
        tracing::warn!(
            "model.weights: {} are of a network with {key} {there}; this one has {here}, which \
             model.{key} changes",
            path.display()
        );
    }
    let here = &config.input.normalization;
    if let Some(there) = found.normalization(path).filter(|there| there != here) {
        tracing::warn!(
            "model.weights: {} take images standardized as `{there}`; those of this run are as `{here}`, which \
             input.normalization changes",
            path.display()
        );
    }
    let mut weights = found.read(path)?;
    weights.retain(|name, _| !is_head(name));
    Ok(weights)
}
