//! What an evaluation says: the shape of `eval.json`.

use crate::{Collapse, Comparison, Identification, Lead, SeedAgreement};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A mean with its spread and with the count of what went into it.
///
/// For one network `n` counts the rows (images, or masks) whose score is defined, `undefined`
/// those whose score is not, and `std` is the sample standard deviation over the rows.
/// Over several seeds `mean`, `std` (sample) and `population_std` are over the seeds' means, which
/// `seeds` lists, and `n` and `undefined` count seeds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean of the defined values; `None` when there is none.
    pub mean: Option<f64>,
    /// Sample standard deviation (n - 1); `None` below two values.
    pub std: Option<f64>,
    /// Population standard deviation (n), when this score is over seeds; the study prints it for the
    /// accuracy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population_std: Option<f64>,
    /// Number of defined values.
    pub n: usize,
    /// Number of undefined values.
    pub undefined: usize,
    /// The mean of each seed, when this score is over seeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<Option<f64>>,
    /// The 95 % interval of the mean over images, where there is one: Wilson's of shares of images,
    /// the bootstrap's of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// F1, sensitivity and specificity of one class, one against the rest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// `2 TP / (2 TP + FP + FN)`.
    pub f1: Score,
    /// `TP / (TP + FN)`.
    pub sensitivity: Score,
    /// `TN / (TN + FP)`.
    pub specificity: Score,
}

/// Agreement of heat maps with experts' masks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MapScores {
    /// Fuzzy F1 (soft Dice).
    pub f1: Score,
    /// Fuzzy sensitivity.
    pub sensitivity: Score,
    /// Fuzzy specificity.
    pub specificity: Score,
    /// Share of the map's mass that lies inside the mask.
    pub mass: Score,
}

/// Table 6: map scores by characteristic, and under [`UNION`] for each rater's union.
pub type MapTable = BTreeMap<String, MapScores>;

/// Scores beyond Table 6 by characteristic and name; see [`crate::MapRow::localization`].
pub type LocalizationTable = BTreeMap<String, BTreeMap<String, Score>>;

/// The scores on a part of the images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Number of images; over seeds the smallest.
    pub images: usize,
    /// Share of images whose predicted class is the gold class; absent without predictions, and
    /// where there are too few images.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accuracy: Option<Score>,
    /// Table 6 on these images.
    pub table_6: BTreeMap<String, PartRow>,
}

/// A row of Table 6 on a part of the images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PartRow {
    /// None where too few images have a mask.
    #[serde(flatten)]
    pub scores: Option<MapScores>,
    /// Whether too few images have a mask for a score.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub too_few: bool,
    /// Number of images that have a mask; over seeds the smallest.
    pub images: usize,
}

/// Maps of a network beside what experts reach among themselves and what a map reaches that never
/// saw a network; see [`crate::relative_scores`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RelativeScores {
    /// F1 divided by the experts'.
    pub f1_share: Score,
    /// Sensitivity divided by the experts'.
    pub sensitivity_share: Score,
    /// Specificity divided by the experts'.
    pub specificity_share: Score,
    /// `(F1 - baseline) / (experts' F1 - baseline)`: 0 is the best baseline, 1 the experts.
    pub skill: Score,
    /// The baseline with the best F1; over seeds none where they differ.
    pub best_baseline: Option<String>,
}

/// Maps of the network with the stages nearest to its output made random.
///
/// Maps that the weights have made score less the more of them are random; maps that only follow the
/// image, or the shape of the network, do not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RandomizedScores {
    /// Scores against each rater's union.
    pub union: MapScores,
    /// Spearman's correlation of the cells of each image's map with those of the trained network's.
    pub rank_correlation: Score,
}

/// What the probability of the explained class does when pixels go and come in a map's order; a row
/// for each image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FaithfulnessScores {
    /// Mean probability while the most relevant pixels go; low is good.
    pub deletion: Score,
    /// Mean probability while the most relevant pixels come; high is good.
    pub insertion: Score,
    /// Half the difference of the probabilities without the least and without the most relevant
    /// pixels; high is good.
    pub road: Score,
}

/// What every result file and report says about itself.
pub const NOTICE: &str = "Research output; not a medical device and not for diagnosis.";

/// The row of Table 6 that joins all characteristics that one rater outlined in one image.
pub const UNION: &str = "Union";

/// The shape of `eval.json`, for one network or over seeds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalRecord {
    /// [`NOTICE`].
    pub notice: String,
    /// Class names in the order of the confusion matrices.
    pub classes: Vec<String>,
    /// Seeds that this record is over; one entry for one trained network, none for outside maps.
    pub seeds: Vec<u64>,
    /// Share of images whose predicted class is the gold class; absent without predictions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accuracy: Option<Score>,
    /// Mean of the classes' F1; absent without predictions. Its rows are classes: `undefined` counts
    /// those with neither a gold nor a predicted image, which are left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub macro_f1: Option<Score>,
    /// Diagnosis scores by class name.
    pub table_5: BTreeMap<String, ClassScores>,
    /// Explanation scores by characteristic.
    pub table_6: MapTable,
    /// The same table for maps that never saw a network (`random`, `centre_gaussian`,
    /// `uniform_ones`).
    pub baselines: BTreeMap<String, MapTable>,
    /// The experts among themselves, in the units of Table 6: each rater's mask as the map against
    /// the mask of each other rater who outlined the same characteristic in the image.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub ceiling: MapTable,
    /// Table 6 in relation to `ceiling` and the best of `baselines`, by characteristic.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub relative: BTreeMap<String, RelativeScores>,
    /// By baseline: how far the network's maps are ahead of it, over images; over seeds, of the mean
    /// over the seeds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub leads: BTreeMap<String, Lead>,
    /// By how many stages are random, counted from the output: `01-head`, `02-layer4`, ...
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub randomization: BTreeMap<String, RandomizedScores>,
    /// By map: `network`, and `random` and `centre_gaussian` on the same images.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub faithfulness: BTreeMap<String, FaithfulnessScores>,
    /// Scores beyond Table 6 of the network's maps, where they were asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub localization: LocalizationTable,
    /// The same for `baselines`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub localization_baselines: BTreeMap<String, LocalizationTable>,
    /// The same for `ceiling`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub localization_ceiling: LocalizationTable,
    /// On what the maps lie, for the network's and for baselines; where it was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub identification: Identification,
    /// The scores on parts of the images, by variable and value, where they were asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub by: BTreeMap<String, BTreeMap<String, PartRecord>>,
    /// Beside other scores, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub comparisons: Vec<Comparison>,
    /// One matrix per network: `matrix[gold][predicted]` counts images.
    pub confusion_matrices: Vec<Vec<Vec<u64>>>,
    /// By seed, why its network counts as collapsed: those that do, among the seeds of this record.
    /// Absent without predictions, and for one network.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub collapsed: Option<BTreeMap<u64, Vec<Collapse>>>,
    /// How far the seeds agree on single images; absent below two seeds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed_agreement: Option<SeedAgreement>,
    /// How the maps were prepared and which rows were counted.
    pub scoring: BTreeMap<String, serde_json::Value>,
}
