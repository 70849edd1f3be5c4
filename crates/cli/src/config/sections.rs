//! The sections and keys of a configuration file.

use super::check::Checks;
use super::document::Document;
use crate::score_parts::Variable;
use dermx_data::{AugmentConfig, ImageSize};
use dermx_eval::{Border, Normalize};
use dermx_gradcam::{Method, Output, Settings};
use dermx_model::{Architecture, BatchNormMode, Head, Padding, Variant};
use dermx_train::{
    AdamConfig, EarlyStopping, MixConfig, Monitor, OptimizerConfig, Sampling, Schedule, Select,
    SgdConfig, balanced_class_weights, class_weights,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Declares a section and how to read it: every key is required unless its type is an `Option`.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$key_doc:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        pub struct $name {
            $($(#[$key_doc])* pub $key: $type,)*
        }

        impl $name {
            /// Reads the section `section`; adds everything that is wrong to `problems`.
            pub fn read(
                document: &Document,
                section: &str,
                problems: &mut Vec<String>,
            ) -> Option<Self> {
                $(let $key = document.read::<$type>(section, stringify!($key), problems);)*
                document.report_unknown(section, &[$(stringify!($key)),*], problems);
                Some(Self { $($key: $key?,)* })
            }
        }
    };
}

section! {
    /// `[run]`: which seeds, for how long, and where results go.
    RunSection {
        /// One network is trained for each seed.
        seeds: Vec<u64>,
        /// Number of passes over the training images.
        epochs: u32,
        /// Number of steps of an epoch after which a checkpoint is saved, beside the one at its end;
        /// without this key there is only that one.
        checkpoint_every: Option<usize>,
        /// Run folders are made here, named after the configuration and numbered.
        output: PathBuf,
    }
}

section! {
    /// `[data]`: where the images are and what the classes are called.
    DataSection {
        /// Training images, one folder for each class.
        train: PathBuf,
        /// The annotated test set: `annotations/`, `masks/`, `metadata.csv`.
        test: PathBuf,
        /// The test set's photos.
        test_images: PathBuf,
        /// Class names; their order is the order of the logits.
        classes: Vec<String>,
        /// Whether decoded photos stay in memory (3 bytes a pixel).
        cache: bool,
        /// Class name of each training folder whose name is not already one.
        class_names: BTreeMap<String, String>,
    }
}

section! {
    /// `[synthetic]`: a synthetic data set that is made when it is not there.
    SyntheticSection {
        /// The folder it is made in.
        root: PathBuf,
        /// Number of annotated test images.
        num_images: usize,
        /// Number of training images.
        num_train_images: usize,
        /// Seed of the data set.
        seed: u64,
    }
}

section! {
    /// `[model]`: the network and what it starts from.
    ModelSection {
        /// Which network.
        architecture: Architecture,
        /// What turns the last feature maps into logits.
        head: Head,
        /// `"torchvision"`, or the paper's and Keras' kind of ResNet: `"v1"`.
        variant: Variant,
        /// `"torchvision"`, or TensorFlow's padding of an EfficientNet: `"tf"`.
        padding: Padding,
        /// Stride of the last stage that has one: 2, or 1 for heat maps of twice the resolution.
        last_stride: usize,
        /// `"random"`, the name of fetched weights, or a `.pth` or safetensors file; their head is not
        /// used.
        weights: String,
        /// Names of the parameters that learn, or a preset; `*` stands for any text, `head` for the
        /// name of the head.
        trainable: Vec<String>,
        /// Which batch normalizations use and update batch statistics.
        batch_norm: BatchNormMode,
    }
}

section! {
    /// `[input]`: what the network sees.
    InputSection {
        /// `[height, width]` in pixels; photos are stretched to it.
        size: ImageSize,
        /// Name of the standardization.
        normalization: String,
    }
}

/// Weight of each class in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeighting {
    /// `max_k(count_k) / count_c`.
    MaxOverCount,
    /// `n / (k count_c)` of `n` images and `k` classes.
    Balanced,
    /// 1 for every class.
    None,
}

/// Name of an optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerName {
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW,
    /// Stochastic gradient descent.
    Sgd,
}

/// Name of a schedule of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleName {
    /// The same at every step.
    Constant,
    /// Half a cosine, down to 0.
    Cosine,
    /// Times a factor every few epochs.
    Step,
    /// Times a factor when the monitored score gets no better.
    Plateau,
}

section! {
    /// `[train]`: the loop.
    TrainSection {
        /// Images a batch, which is what batch normalization sees.
        batch_size: usize,
        /// Number of batches whose gradients make one step of the optimizer; 1 without this key.
        accumulation_steps: Option<usize>,
        /// Which images an epoch sees: `"shuffle"`, also without this key, every image once;
        /// `"balanced"` every class equally often.
        sampling: Option<Sampling>,
        /// Which optimizer.
        optimizer: OptimizerName,
        /// Learning rate that the schedule starts from.
        learning_rate: f64,
        /// Which schedule of the learning rate.
        schedule: ScheduleName,
        /// Number of epochs in which the learning rate rises before that, step by step.
        warmup_epochs: Option<u32>,
        /// Schedule `"step"`: number of epochs from one change to the next.
        step_epochs: Option<u32>,
        /// Schedule `"step"`: the factor of each change.
        step_factor: Option<f64>,
        /// Schedule `"plateau"`: number of epochs that may pass without a better score.
        plateau_patience: Option<u32>,
        /// Schedule `"plateau"`: the factor of each change.
        plateau_factor: Option<f64>,
        /// Decay of Adam's first moment.
        beta_1: f32,
        /// Decay of Adam's second moment.
        beta_2: f32,
        /// Adam's epsilon.
        epsilon: f32,
        /// SGD: share of the last movement that is kept.
        momentum: Option<f32>,
        /// SGD: whether the gradient is looked up ahead of the movement.
        nesterov: Option<bool>,
        /// How much weights decay: `"adamw"` takes it off the weights, the others add it to the
        /// gradient. Frozen weights stay.
        weight_decay: Option<f32>,
        /// The largest norm of all gradients together.
        clip_norm: Option<f64>,
        /// Decay of a moving average of the weights, which is then scored and written instead.
        ema_decay: Option<f64>,
        /// Weight of each class in the loss.
        class_weights: ClassWeighting,
        /// The largest weight of a class.
        class_weight_cap: Option<f32>,
        /// Share of the targets that is spread over all classes.
        label_smoothing: Option<f32>,
        /// Mixes images pixel by pixel, with a share from the beta distribution (alpha, alpha).
        mixup_alpha: Option<f64>,
        /// Mixes rectangles of images, likewise; with both, each batch by one of the two.
        cutmix_alpha: Option<f64>,
        /// Score on the validation photos that `select`, `[early_stopping]` and the schedule
        /// `"plateau"` go by: `"loss"`, `"accuracy"`, `"macro_f1"`.
        monitor: Option<Monitor>,
        /// Which weights are the result: `"last"`, also without this key, or `"best"`.
        select: Option<Select>,
    }
}

section! {
    /// `[early_stopping]`: ends a run that no longer gets better by `train.monitor`.
    EarlyStoppingSection {
        /// Number of epochs without a better one after which the run ends.
        patience: u32,
        /// An epoch is better if its score is better by more than this.
        min_delta: f64,
    }
}

impl EarlyStoppingSection {
    /// When to stop.
    pub const fn stopping(&self) -> EarlyStopping {
        EarlyStopping { patience: self.patience, min_delta: self.min_delta }
    }
}

impl TrainSection {
    /// The optimizer.
    pub fn optimizer(&self) -> OptimizerConfig {
        let Self { beta_1, beta_2, epsilon, .. } = *self;
        let weight_decay = self.weight_decay.unwrap_or(0.0);
        let adam = AdamConfig { beta_1, beta_2, epsilon, weight_decay };
        let momentum = self.momentum.unwrap_or(0.0);
        let nesterov = self.nesterov.unwrap_or(false);
        match self.optimizer {
            OptimizerName::Adam => OptimizerConfig::Adam(adam),
            OptimizerName::AdamW => OptimizerConfig::AdamW(adam),
            OptimizerName::Sgd => {
                OptimizerConfig::Sgd(SgdConfig { momentum, nesterov, weight_decay })
            }
        }
    }

    /// The schedule; `None` if it lacks a key.
    pub fn schedule(&self) -> Option<Schedule> {
        Some(match self.schedule {
            ScheduleName::Constant => Schedule::Constant,
            ScheduleName::Cosine => Schedule::Cosine,
            ScheduleName::Step => {
                Schedule::Step { epochs: self.step_epochs?, factor: self.step_factor? }
            }
            ScheduleName::Plateau => {
                Schedule::Plateau { factor: self.plateau_factor?, patience: self.plateau_patience? }
            }
        })
    }

    /// Weight of each class in the loss, for classes of these numbers of images.
    pub fn class_weights(&self, counts: &[usize]) -> Vec<f32> {
        let weights = match self.class_weights {
            ClassWeighting::MaxOverCount => class_weights(counts),
            ClassWeighting::Balanced => balanced_class_weights(counts),
            ClassWeighting::None => vec![1.0; counts.len()],
        };
        let cap = self.class_weight_cap.unwrap_or(f32::INFINITY);
        weights.into_iter().map(|weight| weight.min(cap)).collect()
    }

    /// How images are mixed.
    pub const fn mix(&self) -> MixConfig {
        MixConfig { mixup_alpha: self.mixup_alpha, cutmix_alpha: self.cutmix_alpha }
    }
}

/// Whose logit is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The gold class.
    Gold,
    /// The class with the largest logit.
    Predicted,
}

/// What is done to see whether the maps depend on the network and the network on the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SanityCheck {
    /// Maps of the network with more and more random weights, from the output to the input.
    Randomization,
    /// Deletion, insertion and ROAD, for the maps and for two that never saw a network.
    Faithfulness,
}

section! {
    /// `[explain]`: heat maps.
    ExplainSection {
        /// Which method.
        method: Method,
        /// `"last"`, or the name of a tap.
        layer: String,
        /// Which class is explained.
        target: Target,
        /// Whether its logit or its probability.
        output: Output,
        /// Integrated gradients: number of steps.
        num_steps: usize,
        /// SmoothGrad: number of noisy images.
        num_samples: usize,
        /// SmoothGrad: standard deviation of the noise in percent of the range of an image's values.
        noise_percent: usize,
        /// Occlusion: side of the square, in pixels.
        patch_px: usize,
        /// Occlusion: distance from one square to the next, in pixels.
        stride_px: usize,
        /// Images a step.
        batch_size: usize,
        /// Sanity checks: `"randomization"`, `"faithfulness"`, both or none.
        sanity: Vec<SanityCheck>,
    }
}

impl ExplainSection {
    /// What the method needs to know.
    pub const fn settings(&self) -> Settings {
        Settings {
            output: self.output,
            num_steps: self.num_steps,
            num_samples: self.num_samples,
            noise_percent: self.noise_percent,
            patch_px: self.patch_px,
            stride_px: self.stride_px,
        }
    }
}

section! {
    /// `[evaluate]`: how heat maps are prepared for scoring.
    EvaluateSection {
        /// `[height, width]` that maps and masks are brought to, in pixels.
        size: ImageSize,
        /// What a map is divided by.
        normalize: Normalize,
        /// Whether maps are cut to 256 levels before resizing.
        quantize: bool,
        /// What lies beyond a map's border.
        border: Border,
        /// Score parts of the images, too: by `"disease"`, `"skin_tone"`, `"age"`, `"correct"`.
        by: Option<Vec<Variable>>,
    }
}

section! {
    /// `[report]`: the page.
    ReportSection {
        /// Number of images in the gallery.
        num_gallery_images: usize,
    }
}

section! {
    /// `[augment]`: how training images are varied.
    AugmentSection {
        /// Rotation in degrees, uniform in `+-rotation_degrees`.
        rotation_degrees: f64,
        /// Shear in degrees, uniform in `+-shear_degrees`.
        shear_degrees: f64,
        /// Zoom of rows and of columns, each uniform in `1 +- zoom`.
        zoom: f64,
        /// Factor on the brightness, uniform in `[low, high]`; without this key there is none.
        brightness: Option<[f64; 2]>,
        /// Whether half of the images are mirrored left to right.
        horizontal_flip: bool,
        /// Whether half of the images are mirrored top to bottom.
        vertical_flip: bool,
        /// Whether each image is stretched to the full range before its brightness changes, as
        /// Keras does.
        minmax_stretch: bool,
        /// Offset of the center of rotation and zoom in pixels; Keras 1.1.2 uses 0.5.
        center_offset: f64,
    }
}

impl AugmentSection {
    /// The augmentation.
    pub const fn config(&self) -> AugmentConfig {
        AugmentConfig {
            rotation_degrees: self.rotation_degrees,
            shear_degrees: self.shear_degrees,
            zoom: self.zoom,
            brightness: self.brightness,
            horizontal_flip: self.horizontal_flip,
            vertical_flip: self.vertical_flip,
            minmax_stretch: self.minmax_stretch,
            center_offset: self.center_offset,
        }
    }
}

/// A complete configuration: what the file says is what runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// Seeds and output.
    pub run: RunSection,
    /// Images and classes.
    pub data: DataSection,
    /// The synthetic data set, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<SyntheticSection>,
    /// The network.
    pub model: ModelSection,
    /// What the network sees.
    pub input: InputSection,
    /// Augmentation.
    pub augment: AugmentSection,
    /// The loop.
    pub train: TrainSection,
    /// When to stop early, if at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStoppingSection>,
    /// Heat maps.
    pub explain: ExplainSection,
    /// Scoring.
    pub evaluate: EvaluateSection,
    /// The page.
    pub report: ReportSection,
}

/// Names of the sections.
const SECTIONS: [&str; 11] = [
    "run",
    "data",
    "synthetic",
    "model",
    "input",
    "augment",
    "train",
    "early_stopping",
    "explain",
    "evaluate",
    "report",
];

impl Config {
    /// Reads and checks every section; adds everything that is wrong to `problems`.
    pub fn read(document: &Document, problems: &mut Vec<String>) -> Option<Self> {
        document.report_unknown_sections(&SECTIONS, problems);
        let run = RunSection::read(document, "run", problems);
        let data = DataSection::read(document, "data", problems);
        let synthetic = match document.has("synthetic") {
            true => Some(SyntheticSection::read(document, "synthetic", problems)),
            false => None,
        };
        let model = ModelSection::read(document, "model", problems);
        let input = InputSection::read(document, "input", problems);
        let augment = AugmentSection::read(document, "augment", problems);
        let train = TrainSection::read(document, "train", problems);
        let early_stopping = match document.has("early_stopping") {
            true => Some(EarlyStoppingSection::read(document, "early_stopping", problems)),
            false => None,
        };
        let explain = ExplainSection::read(document, "explain", problems);
        let evaluate = EvaluateSection::read(document, "evaluate", problems);
        let report = ReportSection::read(document, "report", problems);

        // A section that reads is checked even when another does not: all problems at once.
        let mut checks = Checks::new(document, problems);
        run.iter().for_each(|section| section.check(&mut checks));
        data.iter().for_each(|section| section.check(&mut checks));
        model.iter().for_each(|section| section.check(&mut checks));
        input.iter().for_each(|section| section.check(&mut checks));
        augment.iter().for_each(|section| section.check(&mut checks));
        train.iter().for_each(|section| section.check(&mut checks));
        early_stopping.iter().flatten().for_each(|section| section.check(&mut checks));
        explain.iter().for_each(|section| section.check(&mut checks));
        evaluate.iter().for_each(|section| section.check(&mut checks));

        let config = Self {
            run: run?,
            data: data?,
            synthetic: match synthetic {
                Some(section) => Some(section?),
                None => None,
            },
            model: model?,
            input: input?,
            augment: augment?,
            train: train?,
            early_stopping: match early_stopping {
                Some(section) => Some(section?),
                None => None,
            },
            explain: explain?,
            evaluate: evaluate?,
            report: report?,
        };
        config.check(&mut checks);
        Some(config)
    }
}
