//! Arguments of `dermx dataset`.

use super::limits::{key, none_or_up_to, seed, up_to};
use super::{MAX_IMAGES, OverwriteArg, choice};
use clap::{Args, Subcommand};
use dermx_agreement::{Evaluations, OneEmpty, Overrides, SeveralDiagnoses};
use dermx_data::{ImageScope, ImageSize, MaskSource, Rounds};
use dermx_eval::{Pairs, Spread, ZeroDivision};
use dermx_formats::{Format, Target};
use std::path::PathBuf;

/// The most photos of a class on the page of a data set.
const MAX_SAMPLES: u64 = 50;

/// The most resamples: ten times what is usual at most.
const MAX_RESAMPLES: u64 = 100_000;

/// What `dermx dataset` can do.
#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
    /// Write a dataset.toml for a folder, by looking at its files.
    Init(InitArgs),
    /// Write a data set in another format.
    Convert(ConvertDatasetArgs),
    /// Count readings, images, classes and labels; with --report, also as a page with samples.
    Describe(DescribeArgs),
    /// Compute how far raters agree with the gold standard and with each other.
    Tables(TablesArgs),
    /// Look for damaged, missing and changed files, copies of photos, and leaks between splits.
    Check(CheckArgs),
}

/// Arguments of `dermx dataset init`.
#[derive(Debug, Args)]
#[command(after_help = "Example: dermx dataset init birds")]
pub struct InitArgs {
    /// The folder.
    #[arg(value_name = "DIR")]
    pub data: PathBuf,
    /// The format of the annotations: masks, coco, chexlocalize, label-studio, cvat, labelme, darwin,
    /// boxes, dermx, or none [otherwise: guessed from the files].
    #[arg(long, value_name = "FORMAT", value_parser = choice::<Format>)]
    pub format: Option<Format>,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
}

/// Arguments of `dermx dataset convert`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx dataset convert birds --to coco --out birds-coco\n\nPhotos stay where they are."
)]
pub struct ConvertDatasetArgs {
    /// The data set: dataset.toml, class folders, or DermX's layout.
    #[arg(value_name = "DIR")]
    pub data: PathBuf,
    /// coco (outlines and attributes are kept) or masks (a PNG of each rater, image and concept).
    #[arg(long, value_name = "FORMAT", value_parser = choice::<Target>)]
    pub to: Target,
    /// The folder to make.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
}

/// Arguments of `dermx dataset check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx dataset check --data datasets/dermx --images datasets/dermx/images --split train=datasets/train\n\nExits with 65 if results on the data would be wrong or cannot be computed."
)]
pub struct CheckArgs {
    /// A data set: dataset.toml, class folders, or DermX's layout.
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present_any = ["splits", "manifest", "write_manifest"]
    )]
    pub data: Option<PathBuf>,
    /// The photos of `--data`, compared with its annotations and with those of each `--split`.
    #[arg(long, value_name = "DIR", requires = "data")]
    pub images: Option<PathBuf>,
    /// Photos as `data.train` names them: a folder of class folders, a folder with a dataset.toml, or a
    /// table (CSV). No photo may be in two splits or in two classes. May be repeated.
    #[arg(long = "split", value_name = "NAME=PATH", value_parser = split)]
    pub splits: Vec<Split>,
    /// A CSV file with the columns `image_id` (or `current_filename`) and `patient_id`, beside the patients
    /// that the data sets name: none may be in two splits. An image may be named with or without folder and
    /// extension.
    #[arg(long, value_name = "CSV")]
    pub patients: Option<PathBuf>,
    /// Compare the files of `--folder` with this manifest.
    #[arg(long, value_name = "FILE", conflicts_with = "write_manifest")]
    pub manifest: Option<PathBuf>,
    /// Write a manifest of `--folder`: size and BLAKE3 of every file.
    #[arg(long, value_name = "FILE")]
    pub write_manifest: Option<PathBuf>,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
    /// What the manifest is about; without it, `--data`.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Print JSON, with all findings.
    #[arg(long)]
    pub json: bool,
}

/// A named folder of photos.
#[derive(Debug, Clone)]
pub struct Split {
    /// Its name in findings.
    pub name: String,
    /// What holds its photos.
    pub folder: PathBuf,
}

fn split(text: &str) -> Result<Split, String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok(Split { name: name.to_owned(), folder: folder.into() })
        }
        _ => Err("write NAME=PATH, for example train=datasets/train".to_owned()),
    }
}

/// Arguments of `dermx dataset tables`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx dataset tables --data datasets/dermx --compare datasets/published/paper_tables.json"
)]
pub struct TablesArgs {
    /// A data set: dataset.toml, class folders, or DermX's layout.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Printed tables to compare with: matching cells are counted, the others are listed.
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Write tables.json, tables.md and a CSV file for each table into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
    /// Print JSON, at full precision.
    #[arg(long)]
    pub json: bool,
    /// Which images: metadata (those with a gold standard), all.
    #[arg(long, value_name = "WHICH", default_value = "metadata", value_parser = choice::<ImageScope>)]
    pub images: ImageScope,
    /// Which rounds of annotation: first, repeated, all (each round counts as a rater of its own).
    #[arg(long, value_name = "WHICH", default_value = "first", value_parser = choice::<Rounds>)]
    pub rounds: Rounds,
    /// Where masks come from: outlines, files (the published PNG files).
    #[arg(long, value_name = "SOURCE", default_value = "outlines", value_parser = choice::<MaskSource>)]
    pub masks: MaskSource,
    /// How to count, in all tables, instead of as in the paper.
    #[command(flatten)]
    pub choices: ChoiceArgs,
    /// Give the tables also for the images of each value of an attribute (DermX: skin_tone, age).
    #[arg(long, value_name = "ATTRIBUTE")]
    pub by: Vec<String>,
    /// With --by, say "too few" where fewer images carry a label.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = up_to::<usize>(MAX_IMAGES))]
    pub min_images: usize,
    /// Number of resamples of the images for 95 % intervals of the means: 1000 is usual, 0 gives none.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = none_or_up_to(MAX_RESAMPLES))]
    pub bootstrap: usize,
    /// The same seed draws the same resamples.
    #[arg(long, default_value_t = 0, value_parser = seed())]
    pub seed: u64,
}

/// How tables are counted; the paper's choice where an option is left out.
#[derive(Debug, Args)]
#[command(next_help_heading = "Choices of the paper")]
pub struct ChoiceArgs {
    /// Which evaluations count: all, accepted (a diagnosis and no discard tag), settled (without
    /// several diagnoses that other raters do not settle), single (one diagnosis). Paper: accepted;
    /// Tables 1, 3b and 4 single.
    #[arg(long, value_name = "WHICH", value_parser = choice::<Evaluations>)]
    pub evaluations: Option<Evaluations>,
    /// What counts of an evaluation with several diagnoses: first (in the alphabet), any (each of them),
    /// drop (none: it is left out). Paper: first.
    #[arg(long, value_name = "RULE", value_parser = choice::<SeveralDiagnoses>)]
    pub several_diagnoses: Option<SeveralDiagnoses>,
    /// Pairs of raters: ordered (each once as reference), unordered. Paper: ordered.
    #[arg(long, value_name = "WHICH", value_parser = choice::<Pairs>)]
    pub pairs: Option<Pairs>,
    /// Whether two outlines are compared of which one is empty: include, exclude. Paper: include.
    #[arg(long, value_name = "RULE", value_parser = choice::<OneEmpty>)]
    pub one_empty: Option<OneEmpty>,
    /// What an F1 or sensitivity of 0/0 counts as: zero, undefined (left out of the mean, and their number
    /// given). Paper: zero; Table 3b undefined.
    #[arg(long, value_name = "RULE", value_parser = choice::<ZeroDivision>)]
    pub zero_division: Option<ZeroDivision>,
    /// Standard deviation: population (divided by n), sample (by n - 1). Paper: population; Table 3b
    /// sample.
    #[arg(long, value_name = "WHICH", value_parser = choice::<Spread>)]
    pub std: Option<Spread>,
    /// HEIGHTxWIDTH that outlines are resized to before they are compared. Paper: their own size.
    #[arg(long, value_name = "SIZE", value_parser = key::<ImageSize>("evaluate.size"))]
    pub resolution: Option<ImageSize>,
}

impl ChoiceArgs {
    /// The choices that were made.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            evaluations: self.evaluations,
            several_diagnoses: self.several_diagnoses,
            pairs: self.pairs,
            one_empty: self.one_empty,
            zero_division: self.zero_division,
            std: self.std,
            resolution: self.resolution,
        }
    }
}

/// Arguments of `dermx dataset describe`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx dataset describe --data datasets/dermx --report --out about-dermx"
)]
pub struct DescribeArgs {
    /// A data set: dataset.toml, class folders, or DermX's layout.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Also write a page about the data set, report/index.html below --out: photos of each class with what every
    /// rater outlined, counts, and how far the raters agree.
    #[arg(long, requires = "out")]
    pub report: bool,
    /// The folder to make: description.json, what --json prints.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
    /// The folder of the photos, where the data set does not say where they are [otherwise: images/ in it].
    #[arg(long, value_name = "DIR", requires = "report")]
    pub images: Option<PathBuf>,
    /// Photos of each class on the page; fewer where there are many classes.
    #[arg(long, value_name = "N", default_value_t = 3, requires = "report", value_parser = up_to::<usize>(MAX_SAMPLES))]
    pub samples: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
