//! Arguments of `dermx evaluate`.

use super::limits::{key, up_to};
use super::{MAX_IMAGES, OverwriteArg, choice};
use clap::Args;
use dermx_data::ImageSize;
use dermx_eval::{Average, UnionAverage};
use dermx_score::{ScoredRows, ScoringChoices, Unmarked, Variable};
use dermx_study::SIZE;
use std::path::PathBuf;

/// Arguments of `dermx evaluate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: dermx evaluate --predictions predictions.csv --heatmaps maps --data datasets/dermx --out scores"
)]
pub struct EvaluateArgs {
    /// A run folder: score all its seeds again.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["predictions", "heatmaps"])]
    pub run: Option<PathBuf>,
    /// Predictions to score: a table with the columns `image_id`, `predicted`, and optionally `gold` and
    /// `p_CLASS`, the probability of each class (for AUROC, AUPRC and calibration), and one row an image.
    /// An image may be named with or without folder and extension.
    #[arg(long, value_name = "CSV")]
    pub predictions: Option<PathBuf>,
    /// Heat maps to score, beside baselines and the raters' own agreement: one .npy (or 8- or 16-bit grey
    /// .png) file an image, named by its id, in sub-folders if you like. In maps of whole numbers (8 or 16
    /// bits, also in .npy) the largest number of the type (255 or 65535) counts as 1.
    #[arg(long, value_name = "DIR")]
    pub heatmaps: Option<PathBuf>,
    /// Score no heat maps, but what they are compared with: maps that are made without a network, and the
    /// raters, each against the others.
    #[arg(long, conflicts_with_all = ["run", "heatmaps", "predictions", "partial"])]
    pub baselines: bool,
    /// A data set: dataset.toml, class folders, or DermX's layout.
    #[arg(long, value_name = "DIR", required_unless_present = "run")]
    pub data: Option<PathBuf>,
    /// HEIGHTxWIDTH that maps and masks are resized to.
    #[arg(long, conflicts_with = "run", default_value_t = SIZE, value_parser = key::<ImageSize>("evaluate.size"))]
    pub size: ImageSize,
    /// Score maps as they are, without dividing them by their maximum. Values above 1 count as 1, with a
    /// warning.
    #[arg(long, conflicts_with = "run")]
    pub no_normalize: bool,
    /// Do not round maps down to 256 levels.
    #[arg(long, conflicts_with = "run")]
    pub no_quantize: bool,
    /// Beyond a map's border, repeat its edge instead of mirroring it.
    #[arg(long, conflicts_with = "run")]
    pub clamp_border: bool,
    #[command(flatten)]
    pub scored: ScoredArgs,
    /// Score the images that have a heat map, even when others lack one.
    #[arg(long, conflicts_with = "run")]
    pub partial: bool,
    /// Also score where maps are highest (pointing game, rank accuracy, top-k IoU, AUC), how concentrated
    /// they are, and what their score goes along with (a run always has it).
    #[arg(long, conflicts_with = "run")]
    pub localization: bool,
    /// Also score parts of the images, by class, correct (right or wrong diagnosis), or any attribute
    /// of the images (DermX: skin_tone, age); may be given several times.
    #[arg(long, value_name = "VARIABLE", conflicts_with_all = ["run", "baselines"],
          value_parser = choice::<Variable>)]
    pub by: Vec<Variable>,
    /// With --by, say "too few" where fewer images have a mask [default: 20].
    #[arg(long, value_name = "N", requires = "by", value_parser = up_to::<usize>(MAX_IMAGES))]
    pub min_images: Option<usize>,
    /// Also compare with these scores, image by image: a run folder, or a folder that --out wrote. With
    /// --out, this writes comparison.json, comparison.md and comparison_1.csv.
    #[arg(long, value_name = "DIR", conflicts_with = "baselines")]
    pub against: Option<PathBuf>,
    /// The folder to write eval.json, per_image.csv, diagnoses.csv and maps.csv (and by.csv) into. Of a run it gets a
    /// folder for each seed, and the run stays as it is.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also write a page of the scores, OUT/report/index.html, with its tables, figures and maps laid over photos
    /// (of a run: dermx report).
    #[arg(long, requires = "out", conflicts_with_all = ["run", "baselines"])]
    pub report: bool,
    /// With --report, the folder of the photos [otherwise: where the data set says that they are].
    #[arg(long, value_name = "DIR", requires = "report")]
    pub images: Option<PathBuf>,
    #[command(flatten)]
    pub overwrite: OverwriteArg,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which masks are scored, and how their scores are averaged.
#[derive(Debug, Args)]
pub struct ScoredArgs {
    /// Which masks count: kept_evaluations (of evaluations that name exactly one diagnosis), kept_images (all
    /// masks of images with such an evaluation), or all.
    #[arg(long, conflicts_with = "run", value_name = "WHICH", default_value = "kept_images", value_parser = choice::<ScoredRows>)]
    pub rows: ScoredRows,
    /// The same for the union of a rater's masks [otherwise: as --rows].
    #[arg(long, conflicts_with = "run", value_name = "WHICH", value_parser = choice::<ScoredRows>)]
    pub union_rows: Option<ScoredRows>,
    /// What it means that a rater did not mark a concept in an image: nothing (left_out), or that it is
    /// nowhere there (empty: maps are scored with an empty mask, too).
    #[arg(long, conflicts_with = "run", value_name = "RULE", default_value = "left_out", value_parser = choice::<Unmarked>)]
    pub unmarked: Unmarked,
    /// How scores are averaged over masks: mean, median.
    #[arg(long, conflicts_with = "run", value_name = "RULE", default_value = "mean", value_parser = choice::<Average>)]
    pub average: Average,
    /// How scores of unions are averaged: over all masks (rows), or first within each gold class (classes).
    #[arg(long, conflicts_with = "run", value_name = "RULE", default_value = "rows", value_parser = choice::<UnionAverage>)]
    pub union_average: UnionAverage,
    /// Exchange two classes: predictions of one count as the other, as in the code of the DermX study.
    #[arg(long, conflicts_with = "run", num_args = 2, value_names = ["CLASS", "CLASS"])]
    pub class_exchange: Option<Vec<String>>,
}

impl ScoredArgs {
    /// What they choose.
    pub fn choices(&self) -> ScoringChoices {
        ScoringChoices {
            rows: self.rows,
            union_rows: self.union_rows.unwrap_or(self.rows),
            unmarked: self.unmarked,
            average: self.average,
            union_average: self.union_average,
            class_exchange: self.class_exchange.clone().and_then(|pair| pair.try_into().ok()),
            ..ScoringChoices::default()
        }
    }
}
