//! Which masks are scored, and how their scores are averaged.

use dermx_eval::{Average, UnionAverage};
use serde::{Deserialize, Serialize};

/// Which masks are scored.
///
/// An evaluation is kept if it names a single diagnosis and is not discarded; an image is kept if
/// one of its evaluations is.
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

/// Choices of scoring on which the study's code and text differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScoringChoices {
    /// Which masks of characteristics are scored.
    pub rows: ScoredRows,
    /// Which unions of a rater's masks are scored.
    pub union_rows: ScoredRows,
    /// How scores are averaged.
    pub average: Average,
    /// Over what scores of unions are averaged.
    pub union_average: UnionAverage,
    /// Two classes whose predictions are counted as each other's.
    pub class_exchange: Option<[String; 2]>,
}

impl ScoringChoices {
    /// The class as which `class` is counted.
    pub fn exchanged<'a>(&'a self, class: &'a str) -> &'a str {
        exchanged(self.class_exchange.as_ref(), class)
    }
}

/// `class`, or the other one of `pair` if it is one of them.
pub fn exchanged<'a>(pair: Option<&'a [String; 2]>, class: &'a str) -> &'a str {
    match pair {
        Some([one, other]) if one == class => other,
        Some([one, other]) if other == class => one,
        _ => class,
    }
}

#[cfg(test)]
mod tests {
    use super::exchanged;

    #[test]
    fn the_two_classes_change_places_and_the_others_stay() {
        let pair = ["Viral warts".to_string(), "Vitiligo".to_string()];
        let of = |class| exchanged(Some(&pair), class);
        assert_eq!(
            ["Acne", "Viral warts", "Vitiligo"].map(of),
            ["Acne", "Vitiligo", "Viral warts"]
        );
        assert_eq!(exchanged(None, "Vitiligo"), "Vitiligo");
    }
}
