//! What an evaluation says: the shape of `eval.json`.

use crate::{
    Certainty, Collapse, Comparison, ComplexityMeans, EvalError, F1Regression, Identification,
    LabelRecord, Lead, RankingScores, ReliabilityBin, SeedAgreement,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of `eval.json` that is written and read.
pub const SCHEMA: u32 = 2;

/// [`SCHEMA`] in a record: it cannot be another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Schema;

impl From<Schema> for u32 {
    fn from(_: Schema) -> Self {
        SCHEMA
    }
}

impl TryFrom<u32> for Schema {
    type Error = EvalError;

    fn try_from(version: u32) -> Result<Self, EvalError> {
        let message = match version {
            SCHEMA => return Ok(Self),
            0..SCHEMA => format!(
                "eval.json of version {version} is read no more, expected version {SCHEMA}; score \
                 again with `dermx evaluate`"
            ),
            _ => format!(
                "found eval.json of version {version}, expected {SCHEMA}; a newer dermx wrote it: \
                 read it with that one, or score again with this one"
            ),
        };
        Err(EvalError::new("schema", message))
    }
}

/// Reads an `eval.json`, or the part of it that `T` names.
///
/// # Errors
/// Another version (the first had no `schema`), or text that is no such record.
pub fn read_eval_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, EvalError> {
    #[derive(Deserialize)]
    struct Versioned {
        schema: Option<u32>,
    }
    let invalid = |error: serde_json::Error| EvalError::new("eval.json", error.to_string());
    let Versioned { schema } = serde_json::from_slice(json).map_err(invalid)?;
    Schema::try_from(schema.unwrap_or(1))?;
    serde_json::from_slice(json).map_err(invalid)
}

/// Which annotations maps and predictions were scored with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoredDataset {
    /// The name of the data set's folder.
    pub name: String,
    /// Hash of the annotations, wherever they lie; equal for equal annotations.
    pub hash: String,
}

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
    /// Over seeds, the number of rows that are left out of a seed's mean because they are undefined; of
    /// the seeds the largest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub undefined_rows: usize,
    /// The mean of each seed, when this score is over seeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<Option<f64>>,
    /// The 95 % interval of the mean over images, where there is one: Wilson's of shares of images,
    /// the bootstrap's of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
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
    /// How well the probability of the class puts its images before the others; absent without
    /// probabilities. In JSON these scores stand beside the others.
    #[serde(flatten, skip_serializing_if = "Option::is_none", default)]
    pub ranking: Option<RankingScores<Score>>,
    /// DeLong's 95 % interval of the AUROC, beside that of the bootstrap; over seeds, of their mean. Absent without
    /// probabilities, and where the class or the rest has fewer than two images.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub auroc_delong: Option<[f64; 2]>,
}

/// How well diagnoses were predicted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DiagnosisScores {
    /// Share of images whose predicted class is the gold class.
    pub accuracy: Score,
    /// Mean of the classes' sensitivities. Its rows are classes: `undefined` counts those without a
    /// gold image, which are left out.
    pub balanced_accuracy: Score,
    /// Mean of the classes' F1. Its rows are classes: `undefined` counts those with neither a gold nor
    /// a predicted image, which are left out.
    pub macro_f1: Score,
    /// Means of the classes' scores of the same names. Their rows are classes: `undefined` counts those
    /// without an image of the class or of another, which are left out. Absent without probabilities. In
    /// JSON these scores stand beside the others.
    #[serde(flatten, skip_serializing_if = "Option::is_none", default)]
    pub ranking: Option<RankingScores<Score>>,
    /// Expected calibration error, see [`crate::calibration_error`]; absent without probabilities.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ece: Option<Score>,
    /// The bins of the calibration error, of all networks together; none without probabilities.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reliability: Vec<ReliabilityBin>,
    /// What all probabilities score together; absent without probabilities. In JSON these scores stand beside the
    /// others.
    #[serde(flatten, skip_serializing_if = "Option::is_none", default)]
    pub certainty: Option<Certainty>,
    /// Scores by class name.
    pub classes: BTreeMap<String, ClassScores>,
    /// One matrix per network.
    pub confusion_matrices: Vec<CountedConfusions>,
    /// By seed, why its network counts as collapsed: those that do, among the seeds of the record.
    /// Absent for one network.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub collapsed: Option<BTreeMap<u64, Vec<Collapse>>>,
    /// How far the seeds agree on single images; absent below two seeds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed_agreement: Option<SeedAgreement>,
}

/// The confusion matrix of one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedConfusions {
    /// The seed that the network was trained with; `None` for predictions of another program.
    pub seed: Option<u64>,
    /// Class names in the order of rows and columns.
    pub classes: Vec<String>,
    /// `counts[gold][predicted]` counts images.
    pub counts: Vec<Vec<u64>>,
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
    /// Further scores by name, where they were asked for; see [`crate::MapRow::localization`]. In JSON
    /// they stand beside the others.
    #[serde(flatten)]
    pub localization: BTreeMap<String, Score>,
}

/// Map scores by characteristic, and under [`UNION`] for each rater's union.
pub type MapTable = BTreeMap<String, MapScores>;

/// The scores on a part of the images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Number of images; over seeds the smallest.
    pub images: usize,
    /// Share of images whose predicted class is the gold class; absent without predictions, and
    /// where there are too few images.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accuracy: Option<Score>,
    /// Explanation scores by characteristic, without localization.
    pub explanation: BTreeMap<String, PartRow>,
}

/// A characteristic's scores on a part of the images.
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
    /// Number of images that these are over: those on which experts can be compared; over seeds the
    /// smallest.
    #[serde(default)]
    pub images: usize,
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

/// How far maps move when their image changes a little, and whether their mass says how much a probability falls; a row
/// for each image. Undefined where a map points nowhere.
///
/// Of all four low is good; a map that never saw the image does not move, so that its infidelity alone tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RobustnessScores {
    /// The largest relative move of the map over noisy copies of the image.
    pub max_sensitivity: Score,
    /// The mean of the same.
    pub avg_sensitivity: Score,
    /// The largest move of the map, divided by its largest value, for the move of the image.
    pub local_lipschitz: Score,
    /// How badly the mass of the map in a square predicts how much the probability falls without it.
    pub infidelity: Score,
}

/// What every result file and report says about itself.
pub const NOTICE: &str = "Research output; not a medical device and not for diagnosis.";

/// The characteristic that joins all that one rater outlined in one image.
pub const UNION: &str = "Union";

/// The shape of `eval.json`, for one network or over seeds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalRecord {
    /// The version of this shape.
    pub schema: Schema,
    /// [`NOTICE`].
    pub notice: String,
    /// Which annotations were scored with.
    pub dataset: ScoredDataset,
    /// Class names; none where no class was named.
    pub classes: Vec<String>,
    /// Seeds that this record is over; one entry for one trained network, none for outside maps.
    pub seeds: Vec<u64>,
    /// How well diagnoses were predicted; absent without predictions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub diagnosis: Option<DiagnosisScores>,
    /// How well labels were predicted where an image may have several; absent where it has one class.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub labels: Option<LabelRecord>,
    /// How well maps agree with masks, by characteristic.
    pub explanation: MapTable,
    /// The same table for maps that never saw a network (`random`, `centre_gaussian`,
    /// `uniform_ones`).
    pub baselines: BTreeMap<String, MapTable>,
    /// The experts among themselves, in the units of `explanation`: each rater's mask as the map against
    /// the mask of each other rater who outlined the same characteristic in the image.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub ceiling: MapTable,
    /// `explanation` in relation to `ceiling` and the best of `baselines`, by characteristic.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub skill: BTreeMap<String, RelativeScores>,
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
    /// By map, as `faithfulness`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub robustness: BTreeMap<String, RobustnessScores>,
    /// On what the maps lie, for the network's and for baselines; where it was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub identification: Identification,
    /// The scores on parts of the images, by variable and value, where they were asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub by: BTreeMap<String, BTreeMap<String, PartRecord>>,
    /// How concentrated the network's maps are; where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub complexity: Option<ComplexityMeans>,
    /// What the fuzzy F1 of the union goes along with; where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub regression: Option<F1Regression>,
    /// Beside other scores, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub comparisons: Vec<Comparison>,
    /// How the maps were prepared and which rows were counted.
    pub scoring: BTreeMap<String, serde_json::Value>,
}

impl EvalRecord {
    /// Says that this record is of the network trained with `seed`.
    pub fn set_seed(&mut self, seed: u64) {
        self.seeds = vec![seed];
        for matrix in self.diagnosis.iter_mut().flat_map(|one| &mut one.confusion_matrices) {
            matrix.seed = Some(seed);
        }
    }

    /// The confusion matrix of each network; none without predictions.
    pub fn confusion_matrices(&self) -> &[CountedConfusions] {
        self.diagnosis.as_ref().map_or(&[], |one| &one.confusion_matrices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let third = Score { mean: Some(1.0 / 3.0), n: 3, ..Score::default() };
        let scores = MapScores {
            f1: third.clone(),
            localization: [("auc".to_string(), third.clone())].into(),
            ..MapScores::default()
        };
        let part = PartRow { scores: Some(scores.clone()), too_few: false, images: 25 };
        let part = PartRecord {
            images: 30,
            explanation: [(UNION.to_string(), part)].into(),
            ..PartRecord::default()
        };
        let record = EvalRecord {
            diagnosis: Some(DiagnosisScores {
                accuracy: third.clone(),
                ranking: Some([(); 4].map(|()| third.clone()).into()),
                ece: Some(third),
                reliability: vec![ReliabilityBin { n: 3, ..ReliabilityBin::default() }],
                classes: [("cat".to_string(), ClassScores::default())].into(),
                ..DiagnosisScores::default()
            }),
            explanation: [(UNION.to_string(), scores)].into(),
            by: [("age".to_string(), [("old".to_string(), part)].into())].into(),
            ..EvalRecord::default()
        };
        let json = serde_json::to_vec(&record).unwrap();
        assert_eq!(read_eval_json::<EvalRecord>(&json).unwrap(), record);
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["schema"], 2);
        // Beside the other scores, not below a name of their own.
        assert_eq!(json["explanation"][UNION]["auc"]["n"], 3);
        assert_eq!(json["diagnosis"]["auroc"]["n"], 3);
        // Without probabilities nothing is said of them.
        assert_eq!(
            json["diagnosis"]["classes"]["cat"].as_object().map(serde_json::Map::len),
            Some(3)
        );
    }

    #[test]
    fn other_versions_are_refused_with_what_to_do() {
        let error =
            |json: &str| read_eval_json::<EvalRecord>(json.as_bytes()).unwrap_err().to_string();
        for first in [r#"{"notice": "", "table_5": {}}"#, r#"{"schema": 1}"#, r#"{"schema": null}"#]
        {
            let message = error(first);
            assert!(message.contains("eval.json of version 1 is read no more"), "{message}");
            assert!(message.contains("score again with `dermx evaluate`"), "{message}");
        }
        assert!(error(r#"{"schema": 3}"#).contains("found eval.json of version 3, expected 2"));
        assert!(error(r#"{"schema": 2}"#).contains("missing field"));
        assert!(error("[").starts_with("eval.json: "));
    }
}
