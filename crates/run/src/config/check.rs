//! What keys say together.

use super::config::Config;
use super::document::Document;
use super::explaining::ExplainMethod;
use super::schema::is_float;
use super::sections::Split;
use super::training::{LearningObjective, LearningRateSchedule, Optimizer};
use super::words::{ClassWeighting, PosWeight};
use dermx_gradcam::Output;
use dermx_model::{Architecture, Head, Padding, Variant};
use dermx_train::Select;
use std::collections::BTreeSet;

/// A list of problems under way.
struct Checks<'a> {
    document: &'a Document,
    /// Keys that have a problem of their own, so that nothing follows from their values.
    bad: &'a BTreeSet<String>,
    problems: &'a mut Vec<String>,
}

impl Checks<'_> {
    /// Adds `path message` to the problems unless it `holds`, or depends on a key that has a problem.
    fn require(&mut self, holds: bool, path: &str, others: &[&str], message: impl Into<String>) {
        let is_known = [path].iter().chain(others).all(|key| !self.bad.contains(*key));
        if !holds && is_known {
            let place = self.document.place(path);
            self.problems.push(format!("{place}: `{path}` {}", message.into()));
        }
    }
}

/// Adds what does not go together in `config` to `problems`; of the keys in `bad` nothing is said.
pub(super) fn check(
    config: &Config,
    document: &Document,
    bad: &BTreeSet<String>,
    problems: &mut Vec<String>,
) {
    let mut checks = Checks { document, bad, problems };
    check_classes(config, &mut checks);
    check_model(config, &mut checks);
    check_size(config, &mut checks);
    check_training(config, &mut checks);
    check_labels(config, &mut checks);
    if let Split::KFold { fold, num_folds, .. } = config.split {
        let message = format!("is {fold}; the folds are 0 to {}", num_folds.saturating_sub(1));
        checks.require(fold < num_folds, "split.fold", &["split.num_folds"], message);
    }
    if let ExplainMethod::Occlusion { patch_px, stride_px } = config.explain.method {
        let path = "explain.method.patch_px";
        let message = format!(
            "is {stride_px}; it has to be at most {path}, {patch_px}: pixels between the squares would \
             be covered by none"
        );
        let holds = stride_px <= patch_px;
        checks.require(holds, "explain.method.stride_px", &[path], message);
    }
}

/// Classes are bound by name; those that are found in the folders are looked at when they are found.
fn check_classes(config: &Config, checks: &mut Checks<'_>) {
    let classes = &config.data.classes;
    if classes.is_empty() {
        return;
    }
    for class in config.study.class_exchange.iter().flatten() {
        let message = format!("names `{class}`, which is not in data.classes");
        let path = "study.class_exchange";
        checks.require(classes.contains(class), path, &["data.classes"], message);
    }
    for (folder, class) in &config.data.class_names {
        checks.require(
            classes.contains(class) || class.is_empty(),
            &format!("data.class_names.{folder}"),
            &["data.classes", "data.class_names"],
            format!("is `{class}`, which is not in data.classes"),
        );
    }
    let is_enough = config.synthetic.as_ref().is_none_or(|synthetic| {
        synthetic.num_images.min(synthetic.num_train_images) >= classes.len()
    });
    let message = "needs at least one test and one training image for each class";
    let numbers = ["synthetic.num_images", "synthetic.num_train_images", "data.classes"];
    checks.require(is_enough, "synthetic", &numbers, message);
}

fn check_model(config: &Config, checks: &mut Checks<'_>) {
    let section = &config.model;
    let architecture = section.architecture;
    let only = |value: &str, takes: fn(Architecture) -> bool| {
        let families = Architecture::families(takes);
        format!("is `{value}`, which is for {families}; {architecture} takes `torchvision`")
    };
    let of = ["model.architecture"];
    let fits = architecture.takes_variant(section.variant);
    let message = only("v1", |one| one.takes_variant(Variant::V1));
    checks.require(fits, "model.variant", &of, message);
    let fits = architecture.takes_head(section.head);
    let message = format!("is a head that {architecture} does not have");
    checks.require(fits, "model.head", &of, message);
    let fits = architecture.takes_last_stride(section.last_stride);
    let message = format!("is {}; {architecture} has no stride but 2", section.last_stride);
    checks.require(fits, "model.last_stride", &of, message);
    let fits = architecture.takes_padding(section.padding);
    let message = only("tf", |one| one.takes_padding(Padding::Tf));
    checks.require(fits, "model.padding", &of, message);
}

/// Some networks leave no cell of small images.
fn check_size(config: &Config, checks: &mut Checks<'_>) {
    let (size, architecture) = (config.input.size, config.model.architecture);
    let min_px = config.network().min_side_px();
    let message = format!("is {size}; {architecture} needs at least {min_px} pixels a side");
    let holds = size.height.min(size.width) as usize >= min_px;
    let others = ["model.architecture", "model.last_stride"];
    checks.require(holds, "input.size", &others, message);
}

fn check_training(config: &Config, checks: &mut Checks<'_>) {
    let section = &config.train;
    if let Optimizer::Sgd { momentum, nesterov, .. } = section.optimizer {
        let path = "train.optimizer.momentum";
        let message = format!("needs a {path} above 0");
        let holds = !nesterov || momentum > 0.0;
        checks.require(holds, "train.optimizer.nesterov", &[path], message);
    }
    if let Some(head) = section.objective.concept_head() {
        let message = "needs the concepts by name: list them in train.objective.concepts";
        let key = "train.objective.skip";
        checks.require(head.num_concepts > 0, key, &["train.objective.concepts"], message);
        let takes_concepts =
            config.model.head == Head::Gap && config.model.architecture.takes_concept_head();
        let message =
            "needs model.head = \"gap\", and a network whose head takes the means of its last maps";
        checks.require(takes_concepts, key, &["model.head", "model.architecture"], message);
    }
    let is_guided = matches!(section.objective, LearningObjective::Guided { .. });
    let mixes = section.mixup_alpha.is_some() || section.cutmix_alpha.is_some();
    let message = "is \"guided\", and outlines of mixed images mean nothing: leave out train.mixup_alpha \
                   and train.cutmix_alpha";
    let others = ["train.mixup_alpha", "train.cutmix_alpha"];
    checks.require(!(is_guided && mixes), "train.objective.name", &others, message);
    if let Some(swa_start) = section.swa_start {
        let (path, epochs) = ("train.swa_start", config.run.epochs);
        let message = format!("is {swa_start}; the last epoch is {epochs}");
        checks.require(swa_start <= epochs, path, &["run.epochs"], message);
        let message = "needs train.ema_decay = \"none\": one average can be the result";
        checks.require(section.ema_decay.is_none(), path, &["train.ema_decay"], message);
    }
    let (path, largest) = largest_learning_rate(config);
    let message = format!(
        "takes the learning rate to {largest:.1e} within {} epochs; a 32-bit float ends at {:e}",
        config.run.epochs,
        f32::MAX
    );
    let holds = !is_float(section.learning_rate) || largest <= f64::from(f32::MAX);
    let others = ["train.learning_rate", "run.epochs", "train.schedule.epochs"];
    checks.require(holds, path, &others, message);
    let is_needed = config.early_stopping.is_some()
        || section.select == Select::Best
        || matches!(section.schedule, LearningRateSchedule::Plateau { .. });
    let message = "is missing; `train.select = \"best\"`, `[early_stopping]` and \
                   `train.schedule = \"plateau\"` go by it";
    let others = ["train.select", "train.schedule.name"];
    checks.require(section.monitor.is_some() || !is_needed, "train.monitor", &others, message);
}

/// What is for one class an image.
fn check_labels(config: &Config, checks: &mut Checks<'_>) {
    let LearningObjective::MultiLabel { pos_weight } = &config.train.objective else { return };
    let train = &config.train;
    let is_weighted = match pos_weight {
        PosWeight::Rule(_) => true,
        PosWeight::Values(values) => values.iter().all(|&value| is_float(value)),
    };
    let message = "has to be positive numbers that a 32-bit float can hold";
    checks.require(is_weighted, "train.objective.pos_weight", &[], message);
    for (is_usual, path) in [
        (train.class_weights == ClassWeighting::None, "train.class_weights"),
        (train.class_weight_cap.is_none(), "train.class_weight_cap"),
        (train.label_smoothing == 0.0, "train.label_smoothing"),
        (config.explain.output == Output::Logit, "explain.output"),
        (config.explain.sanity.is_empty(), "explain.sanity"),
        (config.evaluate.by.is_empty(), "evaluate.by"),
        (config.evaluate.raters.is_empty(), "evaluate.raters"),
        (config.study.class_exchange.is_none(), "study.class_exchange"),
    ] {
        let message =
            "is for one class an image; leave it out with train.objective = \"multilabel\"";
        checks.require(is_usual, path, &["train.objective.name"], message);
    }
}

/// The largest learning rate that the schedule can come to, and the key that takes it there.
fn largest_learning_rate(config: &Config) -> (&'static str, f64) {
    const FACTOR: &str = "train.schedule.factor";
    let last_epoch = config.run.epochs.saturating_sub(1);
    let (path, factor, num_changes) = match config.train.schedule {
        LearningRateSchedule::Step { epochs, factor } => {
            (FACTOR, factor, last_epoch / epochs.max(1))
        }
        LearningRateSchedule::Plateau { factor, .. } => (FACTOR, factor, last_epoch),
        // They and the warm-up only lower it.
        LearningRateSchedule::Constant {}
        | LearningRateSchedule::Cosine {}
        | LearningRateSchedule::CosineRestarts { .. }
        | LearningRateSchedule::OneCycle { .. } => ("train.learning_rate", 1.0, 0),
    };
    (path, config.train.learning_rate * factor.max(1.0).powf(f64::from(num_changes)))
}
