//! Which evaluations of a release take part, and in which table.

use crate::Reading;
use serde::{Deserialize, Serialize};

/// Which evaluations take part; by default those of the study: images with a gold standard, first
/// rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Selection {
    /// Which images.
    pub images: ImageScope,
    /// Which rounds of annotation.
    pub rounds: Rounds,
}

/// Which images take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageScope {
    /// Those that have a row in `metadata.csv`, so a gold standard.
    #[default]
    Metadata,
    /// All.
    All,
}

/// Which rounds of annotation take part, see [`Reading::round`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounds {
    /// The first.
    #[default]
    First,
    /// All but the first.
    Repeated,
    /// All.
    All,
}

impl Rounds {
    /// Whether `evaluation` belongs to these rounds.
    pub fn contains(self, evaluation: &Reading) -> bool {
        match self {
            Self::First => evaluation.round == 1,
            Self::Repeated => evaluation.round > 1,
            Self::All => true,
        }
    }
}

/// Which of the selected evaluations a table takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cohort {
    /// Every evaluation.
    All,
    /// A discard tag, even beside a diagnosis, or no diagnosis.
    Discarded,
    /// At least one diagnosis and no discard tag.
    Accepted,
    /// Accepted, with exactly one diagnosis.
    Single,
}

impl Cohort {
    /// Whether `evaluation` takes part.
    pub fn contains(self, evaluation: &Reading) -> bool {
        match self {
            Self::All => true,
            Self::Discarded => evaluation.is_discarded(),
            Self::Accepted => evaluation.is_accepted(),
            Self::Single => evaluation.is_single(),
        }
    }
}
