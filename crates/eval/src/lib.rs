//! Diagnostic and explainability scores on plain slices: no Burn, no images on disk, no other crate of ours.

mod aggregate;
mod agreement;
mod audit;
mod averaging;
mod baseline;
mod bootstrap;
mod diagnosis;
mod error;
mod fuzzy;
mod heatmap;
mod kappa;
mod record;
mod relative;
mod resize;
mod score;
mod table;

pub use aggregate::aggregate;
pub use agreement::{
    AgreementCounts, Evidence, Judgement, Pairs, Spread, ZeroDivision, class_scores_over, is_pair,
};
pub use audit::{Assignment, MAX_AUDITED_CLASSES, best_assignment};
pub use averaging::{Average, Averaging, UnionAverage};
pub use baseline::{centre_gaussian, uniform_ones};
pub use bootstrap::{CONFIDENCE, percentile_interval};
pub use diagnosis::{ConfusionMatrix, OneVsRest};
pub use error::EvalError;
pub use fuzzy::{
    FuzzyScores, binary_scores, fuzzy_scores, fuzzy_scores_runs, mask_runs, prefix_sums,
};
pub use heatmap::{Border, HeatmapScoring, MapValue, Normalize, PreparedMap, prepare};
pub use kappa::{cohen_kappa, fleiss_kappa, krippendorff_alpha};
pub use record::{
    ClassScores, EvalRecord, MapScores, MapTable, NOTICE, RelativeScores, Score, UNION,
};
pub use relative::{Comparands, relative_scores};
pub use score::{mean, population_std, sample_std};
pub use table::{DiagnosisTable, MapRow, diagnosis_table, map_table};
