//! The sections and keys of a configuration file.

use super::check::Checks;
use super::document::Document;
use super::training::{EarlyStoppingSection, TrainSection};
use dermx_data::{AugmentConfig, ImageSize};
use dermx_eval::{Average, Border, HeatmapScoring, Normalize, UnionAverage};
use dermx_gradcam::{Method, Output, Settings};
use dermx_model::{Architecture, BatchNormMode, Head, NetworkConfig, Padding, Variant};
use dermx_score::{ScoredRows, ScoringChoices, Variable};
use dermx_sweep::Resources;
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
pub(super) use section;

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

/// What happens when photos or patients are in two of training, validation and test, or photos in two
/// classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaks {
    /// The run is refused.
    Refuse,
    /// They are named.
    Warn,
    /// Nobody looks.
    Ignore,
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
        /// A folder that keeps photos decoded and resized for the next run, too.
        decoded_cache: Option<PathBuf>,
        /// A CSV file with the columns `image_id` and `patient_id`: their photos stay together. An id is
        /// a path below the folder of photos, with or without that folder and extension.
        patients: Option<PathBuf>,
        /// What to do about photos or patients that are in two of training, validation and test, and
        /// about photos in two classes.
        leaks: Leaks,
        /// Two classes that change places between training and test, as in the study's code: their
        /// predictions are counted as each other's, and their images explained with each other's
        /// logit.
        class_exchange: Option<[String; 2]>,
        /// Class name of each training folder whose name is not already one.
        class_names: BTreeMap<String, String>,
    }
}

/// How photos are chosen for validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitMethod {
    /// A share of each class.
    Fraction,
    /// One of several folds of about equal shares of each class.
    KFold,
    /// The test side of a fold that is written down.
    Files,
}

section! {
    /// `[split]`: which of the training images are for validation; without this section none.
    SplitSection {
        /// How they are chosen; patients are never split.
        method: SplitMethod,
        /// `"fraction"`, `"k_fold"`: seed of the choice.
        seed: Option<u64>,
        /// `"fraction"`: share of each class.
        fraction: Option<f64>,
        /// `"k_fold"`: number of folds.
        num_folds: Option<usize>,
        /// `"k_fold"`, `"files"`: the fold that is for validation, from 0.
        fold: Option<usize>,
        /// `"files"`: a folder with `folds/metadata_fold_<fold>_{train,test}.csv`.
        folds: Option<PathBuf>,
    }
}

section! {
    /// `[slurm]`: what each unit of a sweep asks Slurm for; what is left out is as Slurm has it.
    SlurmSection {
        /// `--partition`.
        partition: Option<String>,
        /// `--account`.
        account: Option<String>,
        /// `--time`, as Slurm writes it: `"08:00:00"`.
        time: Option<String>,
        /// `--cpus-per-task`, and the number of threads.
        cpus: Option<u32>,
        /// `--mem`, as Slurm writes it: `"16G"`.
        memory: Option<String>,
        /// `--gres=gpu:N`.
        gpus: Option<u32>,
        /// How many units run at once at most.
        max_running: Option<u32>,
        /// Seconds before the time limit at which a checkpoint is written and the job queued again;
        /// 120 without this key.
        save_s: Option<u32>,
        /// Further options of `sbatch`, such as `"--qos=low"`.
        options: Option<Vec<String>>,
        /// Commands before the work, such as `"module load cuda"`.
        setup: Option<Vec<String>>,
    }
}

impl From<SlurmSection> for Resources {
    fn from(section: SlurmSection) -> Self {
        let SlurmSection {
            partition,
            account,
            time,
            cpus,
            memory,
            gpus,
            max_running,
            save_s,
            options,
            setup,
        } = section;
        Self { partition, account, time, cpus, memory, gpus, max_running, save_s, options, setup }
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
        /// Epsilon of the batch normalizations before the head; without this key torchvision's (1e-5,
        /// and 1e-3 for EfficientNet-B5 to B7), or Keras' for `"v1"` (1.001e-5). TensorFlow's
        /// EfficientNets have 1e-3.
        batch_norm_epsilon: Option<f64>,
        /// Stride of the last stage that has one: 2, or 1 for heat maps of twice the resolution.
        last_stride: usize,
        /// `"random"`, the name of fetched weights, or a `.pth` or safetensors file; their head is not
        /// used.
        weights: String,
        /// Which of several networks in the file of `weights`: what stands before the names of its
        /// tensors, such as `"teacher."`.
        weights_prefix: Option<String>,
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

/// Whose logit is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The gold class.
    Gold,
    /// The class with the largest logit.
    Predicted,
}

/// Which pixel values a network is explained on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExplainInput {
    /// Those that it was trained on.
    #[default]
    Network,
    /// Red, green, blue from 0 to 255, whatever it was trained on.
    RawRgb,
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
        /// `"network"`, also without this key, or `"raw_rgb"`: on values that are not standardized,
        /// as the study's ResNet heat maps were made.
        input: Option<ExplainInput>,
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
        /// Occlusion: distance from one square to the next, in pixels; at most `patch_px`.
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
        /// Masks that count: of `"kept_images"`, also without this key, of `"kept_evaluations"`, or
        /// `"all"`. An evaluation is kept that names one diagnosis; an image, that has one.
        rows: Option<ScoredRows>,
        /// The same for the union of a rater's masks; as `rows` without this key.
        union_rows: Option<ScoredRows>,
        /// `"mean"`, also without this key, or `"median"`.
        average: Option<Average>,
        /// Over what the union is averaged: `"rows"`, also without this key, or the averages of the
        /// gold `"classes"`.
        union_average: Option<UnionAverage>,
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
    /// Which images are for validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitSection>,
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
    /// What a sweep asks Slurm for; nothing to a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slurm: Option<SlurmSection>,
}

/// Names of the sections.
const SECTIONS: [&str; 13] = [
    "run",
    "data",
    "split",
    "synthetic",
    "model",
    "input",
    "augment",
    "train",
    "early_stopping",
    "explain",
    "evaluate",
    "report",
    "slurm",
];

impl Config {
    /// What the network is built from.
    pub fn network(&self) -> NetworkConfig {
        NetworkConfig {
            architecture: self.model.architecture,
            head: self.model.head,
            num_classes: self.data.classes.len(),
            variant: self.model.variant,
            padding: self.model.padding,
            batch_norm_epsilon: self.model.batch_norm_epsilon,
            last_stride: self.model.last_stride,
            input_size: [self.input.size.height as usize, self.input.size.width as usize],
        }
    }

    /// What is scored, and how.
    pub fn scoring_choices(&self) -> ScoringChoices {
        let section = &self.evaluate;
        let rows = section.rows.unwrap_or_default();
        ScoringChoices {
            rows,
            union_rows: section.union_rows.unwrap_or(rows),
            average: section.average.unwrap_or_default(),
            union_average: section.union_average.unwrap_or_default(),
            class_exchange: self.data.class_exchange.clone(),
            classes: self.data.classes.clone(),
            maps: self.heatmap_scoring(),
            localization: true,
            by: section.by.clone().unwrap_or_default(),
            ..ScoringChoices::default()
        }
    }

    /// How maps are prepared for scoring.
    const fn heatmap_scoring(&self) -> HeatmapScoring {
        let section = &self.evaluate;
        HeatmapScoring {
            size: [section.size.height as usize, section.size.width as usize],
            normalize: section.normalize,
            quantize: section.quantize,
            border: section.border,
        }
    }

    /// Reads and checks every section; adds everything that is wrong to `problems`.
    pub fn read(document: &Document, problems: &mut Vec<String>) -> Option<Self> {
        document.report_unknown_sections(&SECTIONS, problems);
        let run = RunSection::read(document, "run", problems);
        let data = DataSection::read(document, "data", problems);
        let split = match document.has("split") {
            true => Some(SplitSection::read(document, "split", problems)),
            false => None,
        };
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
        let slurm = match document.has("slurm") {
            true => Some(SlurmSection::read(document, "slurm", problems)),
            false => None,
        };

        // A section that reads is checked even when another does not: all problems at once.
        let mut checks = Checks::new(document, problems);
        run.iter().for_each(|section| section.check(&mut checks));
        data.iter().for_each(|section| section.check(&mut checks));
        split.iter().flatten().for_each(|section| section.check(&mut checks));
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
            split: match split {
                Some(section) => Some(section?),
                None => None,
            },
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
            slurm: match slurm {
                Some(section) => Some(section?),
                None => None,
            },
        };
        config.check(&mut checks);
        Some(config)
    }
}
