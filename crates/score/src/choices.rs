//! What is scored, and how.

use crate::error::ScoreResult;
use crate::score_parts::{MIN_IMAGES, Variable};
use dermx_data::Dataset;
use dermx_eval::{Average, HeatmapScoring, UnionAverage};
use dermx_study::{SCORING, exchanged};
use serde::{Deserialize, Serialize};

/// Which masks are scored.
///
/// A reading is kept if it is not discarded and does not name several classes; an image is kept if one of its
/// readings is, or nobody read it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoredRows {
    /// Every mask of a kept image, also of its discarded evaluations.
    #[default]
    KeptImages,
    /// The masks of kept evaluations.
    KeptEvaluations,
    /// Every mask.
    All,
}

impl ScoredRows {
    /// Whether the masks of an evaluation are scored.
    pub fn contains(self, is_kept_image: bool, is_kept_evaluation: bool) -> bool {
        match self {
            Self::KeptImages => is_kept_image,
            Self::KeptEvaluations => is_kept_evaluation,
            Self::All => true,
        }
    }
}

/// What a rater who looked at an image says of a concept that was not marked in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmarked {
    /// Nothing: only what was marked is scored.
    #[default]
    LeftOut,
    /// That it is nowhere: maps are scored with an empty mask, too.
    Empty,
}

/// What is scored, and how; the default is the study's way, without scores that the study does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoringChoices {
    /// Names of the classes, in the order of confusion matrices; none for those of the data set.
    pub classes: Vec<String>,
    /// How maps are prepared, and the size that maps and masks are brought to.
    pub maps: HeatmapScoring,
    /// Which masks of characteristics are scored.
    pub rows: ScoredRows,
    /// Which unions of a rater's masks are scored.
    pub union_rows: ScoredRows,
    /// What is not marked.
    pub unmarked: Unmarked,
    /// How scores are averaged.
    pub average: Average,
    /// Over what scores of unions are averaged.
    pub union_average: UnionAverage,
    /// Two classes whose predictions are counted as each other's.
    pub class_exchange: Option<[String; 2]>,
    /// Whether the scores of where maps are highest are wanted; they take sorting every map.
    pub localization: bool,
    /// The variables whose values split the images into parts, each scored on its own.
    pub by: Vec<Variable>,
    /// In a part, rows of fewer images have no score.
    pub min_images: usize,
    /// Whether images without a map or prediction are left out; else they are errors.
    pub partial: bool,
}

impl Default for ScoringChoices {
    fn default() -> Self {
        Self {
            classes: Vec::new(),
            maps: SCORING,
            rows: ScoredRows::default(),
            union_rows: ScoredRows::default(),
            unmarked: Unmarked::default(),
            average: Average::default(),
            union_average: UnionAverage::default(),
            class_exchange: None,
            localization: false,
            by: Vec::new(),
            min_images: MIN_IMAGES,
            partial: false,
        }
    }
}

impl ScoringChoices {
    /// Checks that `dataset` has what is asked for.
    ///
    /// # Errors
    /// An attribute that its images do not have.
    pub fn check(&self, dataset: &Dataset) -> ScoreResult<()> {
        self.by.iter().try_for_each(|variable| variable.check(dataset))
    }

    /// The class as which `class` is counted.
    pub fn exchanged<'a>(&'a self, class: &'a str) -> &'a str {
        exchanged(self.class_exchange.as_ref(), class)
    }
}
