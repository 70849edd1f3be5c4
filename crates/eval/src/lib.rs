//! Diagnostic and explainability scores on plain slices: no Burn, no images on disk, no other crate of ours.

mod aggregate;
mod agreement;
mod auroc;
mod averaging;
mod baseline;
mod bootstrap;
mod brier;
mod calibration;
mod certainty;
mod collapse;
mod comparison;
mod complexity;
mod diagnosis;
mod error;
mod fuzzy;
mod heatmap;
mod identification;
mod kappa;
mod label_intervals;
mod label_rankings;
mod label_record;
mod labels;
mod least_squares;
mod localization;
mod multilabel;
mod operating_point;
mod outline_shape;
mod paired;
mod parts;
mod probabilities;
mod rank;
mod ranking;
mod record;
mod regression;
mod relative;
mod resize;
mod score;
mod scored_map;
mod seeds;
mod student;
mod table;
mod temperature;
mod thresholds;
mod wilson;

pub use aggregate::aggregate;
pub use agreement::{
    AgreementCounts, Evidence, Judgement, Pairs, Spread, ZeroDivision, class_scores_over, is_pair,
};
pub use auroc::{Auroc, AurocDifference, auroc, auroc_difference, mean_auroc};
pub use averaging::{Average, Averaging, UnionAverage};
pub use baseline::{centre_gaussian, uniform_ones};
pub use bootstrap::{CONFIDENCE, percentile_interval};
pub use brier::brier_scores;
pub use calibration::{
    NUM_BINS, ReliabilityBin, TopProbability, calibration_error, reliability_bins,
};
pub use certainty::{Calibrated, Calibration, Certainty, NetworkOutput, add_certainty_intervals};
pub use collapse::{Collapse, collapse};
pub use comparison::{
    Comparison, Difference, Lead, MIN_INTERVAL_IMAGES, Paired, PairedTest, Side, UNIT, compare,
    correct_for_number, lead,
};
pub use complexity::{ComplexityScores, complexity_scores};
pub use diagnosis::{ConfusionMatrix, OneVsRest};
pub use error::EvalError;
pub use fuzzy::{
    FuzzyScores, binary_scores, fuzzy_scores, fuzzy_scores_by_sums, fuzzy_scores_runs, mask_runs,
    prefix_sums,
};
pub use heatmap::{Border, HeatmapScoring, MapValue, Normalize, PreparedMap, prepare};
pub use identification::{Identification, MassShares, OUTLINED, TYPICAL, mass_shares};
pub use kappa::{cohen_kappa, fleiss_kappa, krippendorff_alpha};
pub use label_intervals::{LabelNetwork, add_label_intervals};
pub use label_rankings::{LabelRankings, label_rankings};
pub use label_record::{LabelRecord, LabelRow};
pub use labels::one_hot;
pub use localization::{LocalizationScores, RankedMap, binary_localization};
pub use multilabel::{MultilabelScores, multilabel_scores};
pub use operating_point::{OperatingPoint, sensitivity_at_specificity};
pub use outline_shape::{OutlineShape, outline_shape};
pub use paired::{Permutation, ROUNDING, SignedRank, holm, mcnemar, permutation, signed_rank};
pub use parts::part_record;
pub use probabilities::{ClassProbabilities, add_probability_intervals};
pub use rank::{mid_ranks, rank_correlation};
pub use ranking::{RankingScores, ranking_scores};
pub use record::{
    ClassScores, CountedConfusions, DiagnosisScores, EvalRecord, FaithfulnessScores, MapScores,
    MapTable, NOTICE, PartRecord, PartRow, RandomizedScores, RelativeScores, RobustnessScores,
    SCHEMA, Schema, Score, ScoredDataset, UNION, read_eval_json,
};
pub use regression::{Coefficient, CoefficientUnits, Predictor, Regression, regression};
pub use relative::{Comparands, add_relative_intervals, drop_intervals_of_few, relative_scores};
pub use score::{mean, population_std, sample_std};
pub use scored_map::{
    ComplexityMeans, F1Regression, MapNumber, OutlineMeans, PREDICTORS, ScoredMap,
    complexity_means, f1_regression, mean_over_networks,
};
pub use seeds::{SeedAgreement, SeedPredictions};
pub use table::{MapRow, diagnosis_scores, map_table};
pub use temperature::{TEMPERATURE_RANGE, Temperature, fit_temperature, softmax_at};
pub use thresholds::{F1Threshold, f1_thresholds, labels_at};
pub use wilson::wilson_interval;
