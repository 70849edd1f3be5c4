//! The sections of a configuration but for those that say how to train and how to explain.

use super::declare::{choice, section};
use super::derive;
use super::schema::Range;
use super::words::{ExplainInput, Leaks};
use crate::error::{RunError, RunResult};
use dermx_data::{ImageSize, Normalization};
use dermx_eval::{Average, Border, Normalize, UnionAverage};
use dermx_model::{Architecture, BatchNormMode, Head, Padding, Variant};
use dermx_score::{ScoredRows, Unmarked, Variable};
use dermx_study::SIZE;
use dermx_sweep::Resources;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The smallest side whose last feature maps of a network still have a cell, in pixels.
const MIN_INPUT_PX: u32 = 32;

/// The usual number of photos in the gallery of a report.
pub const NUM_GALLERY_IMAGES: usize = 24;

/// The most photos that are painted: a terabyte.
const MAX_SYNTHETIC: u32 = 1_000_000;

section! {
    /// Which seeds, for how long, and where results go.
    RunSection {
        /// One network is trained for each seed.
        seeds: Vec<u64>, default(vec![0]), Range::Distinct(1);
        /// Number of passes over the training images.
        epochs: u32, default(30), Range::at_least(1.0);
        /// Number of steps of an epoch after which a checkpoint is saved, beside the one at its end; with
        /// "none" there is only that one.
        checkpoint_every: Option<usize>, word("none"), Range::at_least(1.0);
        /// Run folders are made here, named after the configuration and numbered.
        output: PathBuf, default("experiments/runs".into());
    }
}

section! {
    /// Where the images are and what the classes are called.
    DataSection {
        /// Training images, one folder for each class.
        train: PathBuf, required;
        /// The annotated test set; with "none" a run ends after training, with the scores on the validation
        /// photos.
        test: Option<PathBuf>, word("none");
        /// The test set's photos.
        test_images: Option<PathBuf>, derived("images/ in data.test", derive::test_images);
        /// Class names; their order is the order of the logits.
        classes: Vec<String>, derived("the folders of data.train", derive::no_classes),
            Range::Distinct(2);
        /// Class name of each training folder whose name is not already one; "" leaves a folder out. A
        /// configuration with this key says all of them, its base none.
        class_names: BTreeMap<String, String>, default(BTreeMap::new());
        /// Whether decoded photos stay in memory (3 bytes a pixel).
        cache: bool, default(true);
        /// A folder that keeps photos decoded and resized for the next run, too.
        decoded_cache: Option<PathBuf>, word("none");
        /// A CSV file with the columns image_id and patient_id: their photos stay together. An id is a path
        /// below the folder of photos, with or without that folder and extension.
        patients: Option<PathBuf>, word("none");
        /// What to do about photos or patients that are in two of training, validation and test, and about
        /// photos in two classes.
        leaks: Leaks, default(Leaks::Refuse);
    }
}

choice! {
    /// Which of the training images are for validation; patients are never split.
    Split by "method", default "none" {
        /// None are.
        None = "none" {}
        /// A share of each class.
        Fraction = "fraction" {
            /// Seed of the choice.
            seed: u64, default(0);
            /// Share of each class.
            fraction: f64, default(0.2), Range::between(0.0, 1.0);
        }
        /// One of several folds of about equal shares of each class.
        KFold = "k_fold" {
            /// Seed of the choice.
            seed: u64, default(0);
            /// Number of folds.
            num_folds: usize, default(5), Range::Count(2, 1_000_000);
            /// The fold that is for validation, from 0.
            fold: usize, default(0);
        }
        /// The test side of a fold that is written down.
        Files = "files" {
            /// A table (CSV) of image and fold, or of image, fold and part (train, val), or a folder with
            /// folds/metadata_fold_FOLD_train.csv and ..._test.csv.
            folds: PathBuf, required;
            /// The fold that is for validation.
            fold: usize, default(0);
        }
    }
}

section! {
    /// A synthetic data set that is made when it is not there.
    SyntheticSection {
        /// The folder it is made in.
        root: PathBuf, default("datasets/synthetic".into());
        /// Number of annotated test images.
        num_images: usize, default(150), Range::Count(1, MAX_SYNTHETIC);
        /// Number of training images.
        num_train_images: usize, default(720), Range::Count(1, MAX_SYNTHETIC);
        /// Seed of the data set.
        seed: u64, default(0);
    }
}

section! {
    /// The network and what it starts from.
    ModelSection {
        /// Which network.
        architecture: Architecture, default(Architecture::RESNET50);
        /// What turns the last feature maps into logits; "mlp", of a VGG, has two hidden layers, "token", of a
        /// vision transformer, reads the class token.
        head: Head, derived("gap, and token of a vision transformer", derive::head);
        /// "torchvision", or the paper's and Keras' kind of ResNet: "v1".
        variant: Variant, default(Variant::Torchvision);
        /// "torchvision", or TensorFlow's padding of an EfficientNet, an Xception, an InceptionV3 or a MobileNet:
        /// "tf".
        padding: Padding, default(Padding::Torchvision);
        /// Epsilon of the batch normalizations before the head; with "auto" torchvision's (1e-5, and 1e-3 for
        /// EfficientNet-B5 to B7, NASNetMobile and the Inceptions), or Keras' for "v1" (1.001e-5). TensorFlow's networks have 1e-3.
        batch_norm_epsilon: Option<f64>, word("auto"), Range::up_to(0.0, 1.0);
        /// Stride of the last stage that has one: 2, or 1 for heat maps of twice the resolution.
        last_stride: usize, default(2), Range::closed(1.0, 2.0);
        /// "random", the name of fetched weights, or a .pth, safetensors or Keras file; their head is not used.
        weights: String, default("random".into());
        /// Which of several networks in the file of weights: what stands before the names of its tensors,
        /// such as "teacher.".
        weights_prefix: Option<String>, word("none");
        /// Names of the parameters that learn, or a preset; * stands for any text, head for the name of the
        /// head, batch_norm for scale and shift of all batch normalizations.
        trainable: Vec<String>, default(vec!["*".into()]), Range::Distinct(1);
        /// Which batch normalizations use and update batch statistics.
        batch_norm: BatchNormMode, default(BatchNormMode::Train);
    }
}

section! {
    /// What the network sees.
    InputSection {
        /// [height, width] in pixels; photos are stretched to it. The Inceptions need at least 75 a side.
        size: ImageSize, derived(
            "the size of the architecture's published weights: 224 a side; EfficientNet-B1 to B7 240, \
             288, 300, 380, 456, 528, 600; Xception and the Inceptions 299",
            derive::input_size
        ), Range::Sides(MIN_INPUT_PX);
        /// Name of the standardization.
        normalization: String, default("imagenet".into()), Range::OneOf(&Normalization::PRESETS);
    }
}

section! {
    /// How heat maps are prepared for scoring, and which scores there are.
    EvaluateSection {
        /// The raters whose outlines count; none for all.
        raters: Vec<String>, default(vec![]), Range::Distinct(0);
        /// [height, width] that maps and masks are brought to, in pixels.
        size: ImageSize, default(SIZE), Range::Sides(1);
        /// What a map is divided by.
        normalize: Normalize, default(Normalize::Max);
        /// Whether maps are cut to 256 levels before resizing.
        quantize: bool, default(true);
        /// What lies beyond a map's border.
        border: Border, default(Border::Mirror);
        /// Masks that count. An evaluation is kept that names one diagnosis; an image, that has one.
        rows: ScoredRows, default(ScoredRows::KeptImages);
        /// What a rater says of a concept that was not marked in an image: nothing, or that it is nowhere.
        unmarked: Unmarked, default(Unmarked::LeftOut);
        /// How scores are averaged.
        average: Average, default(Average::Mean);
        /// Parts of the images that are scored, too: by class, correct, or any attribute of the images.
        by: Vec<Variable>, default(vec![]), Range::Distinct(0);
    }
}

section! {
    /// The page.
    ReportSection {
        /// Number of images in the gallery.
        num_gallery_images: usize, default(NUM_GALLERY_IMAGES), Range::Count(0, 10_000);
    }
}

section! {
    /// What only the DermX study did, and its recipes repeat; see docs/recipe.md.
    StudySection {
        /// Two classes that change places between training and test: their predictions are counted as each
        /// other's, and their images explained with each other's logit.
        class_exchange: Option<[String; 2]>, word("none");
        /// Which pixel values the network is explained on: "raw_rgb" are those that are not standardized.
        explain_input: ExplainInput, default(ExplainInput::Network);
        /// Masks that count for the union of a rater's masks; "auto" are those of evaluate.rows.
        union_rows: Option<ScoredRows>, word("auto");
        /// Over what the union is averaged: rows, or the averages of the gold classes.
        union_average: UnionAverage, default(UnionAverage::Rows);
    }
}

section! {
    /// What each unit of a sweep asks Slurm for; what is "none" is as Slurm has it.
    SlurmSection {
        /// --partition.
        partition: Option<String>, word("none");
        /// --account.
        account: Option<String>, word("none");
        /// --time, as Slurm writes it: "08:00:00".
        time: Option<String>, word("none");
        /// --cpus-per-task, and the number of threads.
        cpus: Option<u32>, word("none");
        /// --mem, as Slurm writes it: "16G".
        memory: Option<String>, word("none");
        /// --gres=gpu:N.
        gpus: Option<u32>, word("none");
        /// How many units run at once at most.
        max_running: Option<u32>, word("none");
        /// Seconds before the time limit at which a checkpoint is written and the job queued again; with
        /// "auto" 120.
        save_s: Option<u32>, word("auto");
        /// Further options of sbatch, such as "--qos=low".
        options: Option<Vec<String>>, word("none");
        /// Commands before the work, such as "module load cuda".
        setup: Option<Vec<String>>, word("none");
    }
}

impl DataSection {
    /// The folder of the test set.
    ///
    /// # Errors
    /// There is none.
    pub fn test_folder(&self) -> RunResult<&Path> {
        self.test.as_deref().ok_or_else(|| {
            RunError::missing_input(
                "data.test is \"none\": there is no test set that could be predicted, explained or scored",
            )
        })
    }

    /// The folder of its photos, if the configuration names another than `images` in the test set.
    pub fn other_test_images(&self) -> Option<&Path> {
        let usual = self.test.as_deref().map(|test| test.join("images"));
        self.test_images.as_deref().filter(|images| Some(*images) != usual.as_deref())
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
