//! What the types of a configuration do not rule out.

use super::document::Document;
use super::sections::{
    AugmentSection, Config, DataSection, EvaluateSection, ExplainSection, InputSection,
    ModelSection, RunSection, SplitMethod, SplitSection,
};
use super::training::{EarlyStoppingSection, OptimizerName, ScheduleName, TrainSection};
use dermx_data::{ImageSize, Normalization};
use dermx_model::{NetworkConfig, Padding, Variant};
use dermx_train::Select;
use std::collections::BTreeSet;

/// The smallest side whose last feature maps of a network still have a cell, in pixels.
const MIN_INPUT_PX: u32 = 32;

/// The largest side that is not a slip of the pen, in pixels.
const MAX_SIDE_PX: u32 = 8192;

/// A list of problems under way.
#[derive(Debug)]
pub(super) struct Checks<'a> {
    document: &'a Document,
    problems: &'a mut Vec<String>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(document: &'a Document, problems: &'a mut Vec<String>) -> Self {
        Self { document, problems }
    }

    /// Adds `path message` to the problems unless it `holds`.
    fn require(&mut self, holds: bool, path: &str, message: impl Into<String>) {
        if !holds {
            let place = self.document.place(path);
            self.problems.push(format!("{place}: `{path}` {}", message.into()));
        }
    }

    fn require_size(&mut self, path: &str, size: ImageSize, min_px: u32) {
        let allowed = min_px..=MAX_SIDE_PX;
        self.require(
            allowed.contains(&size.height) && allowed.contains(&size.width),
            path,
            format!("is {size}; it has to lie between {min_px} and {MAX_SIDE_PX} pixels a side"),
        );
    }
}

impl RunSection {
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        checks.require(self.epochs > 0, "run.epochs", "has to be at least 1");
        let every = self.checkpoint_every;
        checks.require(every != Some(0), "run.checkpoint_every", "has to be at least 1");
        let seeds: BTreeSet<u64> = self.seeds.iter().copied().collect();
        checks.require(!seeds.is_empty(), "run.seeds", "has to name at least one seed");
        checks.require(seeds.len() == self.seeds.len(), "run.seeds", "names a seed twice");
        // TOML's integers end there, and the resolved configuration is written as TOML.
        let largest = seeds.last().copied().unwrap_or(0);
        checks.require(i64::try_from(largest).is_ok(), "run.seeds", "has to stay below 2^63");
    }
}

impl DataSection {
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        let classes: BTreeSet<&String> = self.classes.iter().collect();
        checks.require(classes.len() >= 2, "data.classes", "has to name at least two classes");
        let is_unique = classes.len() == self.classes.len();
        checks.require(is_unique, "data.classes", "names a class twice");
        for class in self.class_exchange.iter().flatten() {
            let message = format!("names `{class}`, which is not in data.classes");
            checks.require(classes.contains(class), "data.class_exchange", message);
        }
        for (folder, class) in &self.class_names {
            checks.require(
                classes.contains(class) || class.is_empty(),
                &format!("data.class_names.{folder}"),
                format!("is `{class}`, which is not in data.classes"),
            );
        }
    }
}

impl SplitSection {
    /// Keys of a method are there with it, and not without.
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        use SplitMethod::{Files, Fraction, KFold};
        let method = self.method;
        for (path, is_set, methods) in [
            ("split.seed", self.seed.is_some(), &[Fraction, KFold][..]),
            ("split.fraction", self.fraction.is_some(), &[Fraction]),
            ("split.num_folds", self.num_folds.is_some(), &[KFold]),
            ("split.fold", self.fold.is_some(), &[KFold, Files]),
            ("split.folds", self.folds.is_some(), &[Files]),
        ] {
            let is_needed = methods.contains(&method);
            let message = match is_needed {
                true => "is missing; this `split.method` needs it",
                false => "is not for this `split.method`; remove it",
            };
            checks.require(is_set == is_needed, path, message);
        }
        let holds = self.fraction.is_none_or(|fraction| 0.0 < fraction && fraction < 1.0);
        checks.require(holds, "split.fraction", "has to lie between 0 and 1");
        let holds = self.num_folds.is_none_or(|num_folds| num_folds >= 2);
        checks.require(holds, "split.num_folds", "has to be at least 2");
        if let (Some(fold), Some(num_folds)) = (self.fold, self.num_folds) {
            let message = format!("is {fold}; the folds are 0 to {}", num_folds.saturating_sub(1));
            checks.require(fold < num_folds, "split.fold", message);
        }
    }
}

impl ModelSection {
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        let last_stride = self.last_stride;
        checks.require(
            matches!(last_stride, 1 | 2),
            "model.last_stride",
            format!("is {last_stride}; it has to be 1 or 2"),
        );
        let holds = self.batch_norm_epsilon.is_none_or(NetworkConfig::is_epsilon);
        let message = "has to be positive and at most 1";
        checks.require(holds, "model.batch_norm_epsilon", message);
        checks.require(!self.trainable.is_empty(), "model.trainable", "names no parameter");
        let (architecture, is_resnet) = (self.architecture, self.architecture.is_resnet());
        let only = |value: &str, family: &str| {
            format!("is `{value}`, which is for {family}; {architecture} takes `torchvision`")
        };
        let fits = is_resnet || self.variant == Variant::Torchvision;
        checks.require(fits, "model.variant", only("v1", "a ResNet"));
        let fits = !is_resnet || self.padding == Padding::Torchvision;
        checks.require(fits, "model.padding", only("tf", "an EfficientNet"));
    }
}

impl InputSection {
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        checks.require_size("input.size", self.size, MIN_INPUT_PX);
        let presets = Normalization::PRESETS;
        checks.require(
            presets.contains(&self.normalization.as_str()),
            "input.normalization",
            format!("is `{}`; there are: {}", self.normalization, presets.join(", ")),
        );
    }
}

impl AugmentSection {
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        for message in self.config().problems() {
            checks.require(false, "augment", format!(": {message}"));
        }
    }
}

/// Whether a positive number stays one as a 32-bit float, which weights are moved in.
fn is_float(value: f64) -> bool {
    (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&value)
}

impl TrainSection {
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        let is_positive = |value: f64| value > 0.0 && value.is_finite();
        checks.require(self.batch_size > 0, "train.batch_size", "has to be at least 1");
        let message = format!(
            "is {:e}; it has to be positive, and to lie between {:e} and {:e}, as 32-bit floats do",
            self.learning_rate,
            f32::MIN_POSITIVE,
            f32::MAX
        );
        let is_float = is_float(self.learning_rate);
        checks.require(is_float, "train.learning_rate", message);
        for (path, beta) in [("train.beta_1", self.beta_1), ("train.beta_2", self.beta_2)] {
            checks.require((0.0..1.0).contains(&beta), path, "has to lie in [0, 1)");
        }
        let epsilon = f64::from(self.epsilon);
        checks.require(is_positive(epsilon), "train.epsilon", "has to be positive");
        self.check_optional(checks);
        self.check_schedule(checks);
    }

    fn check_optional(&self, checks: &mut Checks<'_>) {
        for (path, value) in [
            ("train.clip_norm", self.clip_norm),
            ("train.mixup_alpha", self.mixup_alpha),
            ("train.cutmix_alpha", self.cutmix_alpha),
            ("train.class_weight_cap", self.class_weight_cap.map(f64::from)),
            ("train.step_factor", self.step_factor),
            ("train.plateau_factor", self.plateau_factor),
        ] {
            let holds = value.is_none_or(|value| value > 0.0 && value.is_finite());
            checks.require(holds, path, "has to be positive");
        }
        for (path, value) in [
            ("train.ema_decay", self.ema_decay),
            ("train.label_smoothing", self.label_smoothing.map(f64::from)),
            ("train.momentum", self.momentum.map(f64::from)),
        ] {
            let holds = value.is_none_or(|value| (0.0..1.0).contains(&value));
            checks.require(holds, path, "has to lie in [0, 1)");
        }
        let holds = self.weight_decay.is_none_or(|value| value >= 0.0 && value.is_finite());
        checks.require(holds, "train.weight_decay", "has to be 0 or more");
        let path = "train.accumulation_steps";
        checks.require(self.accumulation_steps != Some(0), path, "has to be at least 1");
        checks.require(self.step_epochs != Some(0), "train.step_epochs", "has to be at least 1");
    }

    /// Keys of an optimizer or a schedule are there with it, and not without.
    fn check_schedule(&self, checks: &mut Checks<'_>) {
        let is_sgd = self.optimizer == OptimizerName::Sgd;
        for (path, is_set) in [
            ("train.momentum", self.momentum.is_some()),
            ("train.nesterov", self.nesterov.is_some()),
        ] {
            let message = "is for `train.optimizer = \"sgd\"`; remove it";
            checks.require(is_sgd || !is_set, path, message);
        }
        let has_momentum = self.momentum.is_some_and(|momentum| momentum > 0.0);
        let holds = self.nesterov != Some(true) || has_momentum;
        checks.require(holds, "train.nesterov", "needs a train.momentum above 0");
        for (path, is_set, name) in [
            ("train.step_epochs", self.step_epochs.is_some(), ScheduleName::Step),
            ("train.step_factor", self.step_factor.is_some(), ScheduleName::Step),
            ("train.plateau_patience", self.plateau_patience.is_some(), ScheduleName::Plateau),
            ("train.plateau_factor", self.plateau_factor.is_some(), ScheduleName::Plateau),
        ] {
            let schedule = if name == ScheduleName::Step { "step" } else { "plateau" };
            let message = match is_set {
                true => format!("is for `train.schedule = \"{schedule}\"`; remove it"),
                false => format!("is missing; `train.schedule = \"{schedule}\"` needs it"),
            };
            checks.require(is_set == (self.schedule == name), path, message);
        }
    }
}

impl EarlyStoppingSection {
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        let (path, delta) = ("early_stopping.min_delta", self.min_delta);
        checks.require(delta >= 0.0 && delta.is_finite(), path, "has to be 0 or more");
        checks.require(self.patience > 0, "early_stopping.patience", "has to be at least 1");
    }
}

impl ExplainSection {
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        for (key, value) in [
            ("explain.num_steps", self.num_steps),
            ("explain.num_samples", self.num_samples),
            ("explain.patch_px", self.patch_px),
            ("explain.stride_px", self.stride_px),
            ("explain.batch_size", self.batch_size),
        ] {
            checks.require(value > 0, key, "has to be at least 1");
        }
        let message = format!(
            "is {}; it has to be at most explain.patch_px, {}: pixels between the squares would be \
             covered by none",
            self.stride_px, self.patch_px
        );
        checks.require(!self.settings().leaves_gaps(), "explain.stride_px", message);
    }
}

impl EvaluateSection {
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        checks.require_size("evaluate.size", self.size, 1);
    }
}

impl Config {
    /// Checks what concerns several sections.
    pub(super) fn check(&self, checks: &mut Checks<'_>) {
        let num_classes = self.data.classes.len();
        let is_enough = self.synthetic.as_ref().is_none_or(|synthetic| {
            synthetic.num_images >= num_classes && synthetic.num_train_images >= num_classes
        });
        let message = "needs at least one test and one training image for each class";
        checks.require(is_enough, "synthetic", message);
        let is_needed = self.early_stopping.is_some()
            || self.train.select == Some(Select::Best)
            || self.train.schedule == ScheduleName::Plateau;
        let (path, largest) = self.largest_learning_rate();
        let message = format!(
            "takes the learning rate to {largest:.1e} within {} epochs; a 32-bit float ends at {:e}",
            self.run.epochs,
            f32::MAX
        );
        let holds = !is_float(self.train.learning_rate) || largest <= f64::from(f32::MAX);
        checks.require(holds, path, message);
        let message = "is missing; `train.select = \"best\"`, `[early_stopping]` and \
                       `train.schedule = \"plateau\"` go by it";
        checks.require(self.train.monitor.is_some() || !is_needed, "train.monitor", message);
    }

    /// The largest learning rate that the schedule can come to, and the key that takes it there.
    fn largest_learning_rate(&self) -> (&'static str, f64) {
        let TrainSection {
            learning_rate, schedule, step_epochs, step_factor, plateau_factor, ..
        } = self.train;
        let last_epoch = self.run.epochs.saturating_sub(1);
        let (path, factor, num_changes) = match schedule {
            ScheduleName::Step => {
                let num_changes = last_epoch / step_epochs.unwrap_or(1).max(1);
                ("train.step_factor", step_factor, num_changes)
            }
            ScheduleName::Plateau => ("train.plateau_factor", plateau_factor, last_epoch),
            // They and the warm-up only lower it.
            ScheduleName::Constant | ScheduleName::Cosine => ("train.learning_rate", None, 0),
        };
        let factor = factor.unwrap_or(1.0).max(1.0);
        (path, learning_rate * factor.powf(f64::from(num_changes)))
    }
}
