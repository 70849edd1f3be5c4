//! Heat maps, masks of several raters, and predictions to scores. Files of maps, predictions and scores
//! of single images are read and written here; who made them does not matter.

mod choices;
mod comparands;
mod counts;
mod diagnoses;
mod error;
mod heatmaps;
mod image_masks;
mod join;
mod json;
mod label_predictions;
mod label_scores;
mod left_out;
mod map_source;
mod map_view;
mod npy;
mod per_image;
mod predictions;
mod probabilities;
mod sanity;
mod score;
mod score_parts;
mod scorecard;
mod scored_maps;
mod typical;

pub use choices::{ScoredRows, ScoringChoices, Unmarked};
pub use counts::counts;
pub use diagnoses::{DIAGNOSES, Diagnosis, diagnoses_csv};
pub use error::{ScoreError, ScoreResult};
pub use heatmaps::{RANDOMIZED, RawMap, npy_file, read_map, write_npy};
pub use join::map_files;
pub use json::to_json;
pub use label_predictions::{
    LABEL_SEPARATOR, LabelPrediction, LabelPredictions, label_predictions_csv, labels_given,
    sigmoid,
};
pub use label_scores::{label_scores_over_seeds, score_labels};
pub use left_out::{more, warn_of_left_out};
pub use map_source::{MapFolder, MapSource};
pub use map_view::MapView;
pub use per_image::{PER_IMAGE, per_image_csv, read_per_image};
pub use predictions::{
    ImageLogits, Prediction, Predictions, argmax, predictions_csv, read_predictions, softmax,
};
pub use sanity::{FAITHFULNESS, FAITHFULNESS_COLUMNS, ROBUSTNESS, ROBUSTNESS_COLUMNS};
pub use score::{BOOTSTRAP, Benchmark, check_outlines, read_annotations};
pub use score_parts::{MIN_IMAGES, Variable};
pub use scorecard::{EVAL, Scorecard, remove, write_record};
pub use scored_maps::{MAPS, maps_csv};
