//! Agreement of raters with a gold standard and with each other.

use crate::diagnosis::ratio;
use crate::{ClassScores, OneVsRest, Score};
use std::collections::BTreeMap;

/// What one rater said of one image, as a yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement<'a> {
    /// The rater.
    pub rater: &'a str,
    /// The image.
    pub image: &'a str,
    /// Whether the rater said yes.
    pub is_positive: bool,
}

/// Two yes-or-no judgements of the same things (images, or pixels), counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgreementCounts {
    /// Yes by both.
    pub both: u64,
    /// Yes by the reference alone.
    pub only_reference: u64,
    /// Yes by the other alone.
    pub only_other: u64,
    /// No by both.
    pub neither: u64,
}

impl AgreementCounts {
    /// Counts one more thing.
    pub fn add(&mut self, reference: bool, other: bool) {
        *match (reference, other) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.only_reference,
            (false, true) => &mut self.only_other,
            (false, false) => &mut self.neither,
        } += 1;
    }

    /// `F1 = 2 TP / (2 TP + FP + FN)`, `sensitivity = TP / (TP + FN)`,
    /// `specificity = TN / (TN + FP)`; 0/0 is `None`.
    pub fn scores(&self) -> OneVsRest {
        let Self { both, only_reference, only_other, neither } = *self;
        OneVsRest {
            f1: ratio(2 * both, 2 * both + only_reference + only_other),
            sensitivity: ratio(both, both + only_reference),
            specificity: ratio(neither, neither + only_other),
        }
    }

    /// `(TP + TN) / all`.
    pub fn accuracy(&self) -> Option<f64> {
        let num_same = self.both + self.neither;
        let num_all = num_same + self.only_reference + self.only_other;
        ratio(num_same, num_all)
    }
}

/// Which standard deviation a table prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Divided by n.
    Population,
    /// Divided by n - 1.
    Sample,
}

/// Mean and spread of `units`; undefined ones are counted and left out.
pub fn class_scores_over(units: &[OneVsRest], spread: Spread) -> ClassScores {
    let over = |score: fn(&OneVsRest) -> Option<f64>| {
        let values: Vec<Option<f64>> = units.iter().map(score).collect();
        match spread {
            Spread::Population => Score::over_population(&values),
            Spread::Sample => Score::over(&values),
        }
    };
    ClassScores {
        f1: over(|unit| unit.f1),
        sensitivity: over(|unit| unit.sensitivity),
        specificity: over(|unit| unit.specificity),
    }
}

/// Counts for every ordered pair of different raters (reference, other) who share images.
pub fn pair_counts(judgements: &[Judgement<'_>]) -> Vec<AgreementCounts> {
    let mut by_rater: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for judgement in judgements {
        let images = by_rater.entry(judgement.rater).or_default();
        images.insert(judgement.image, judgement.is_positive);
    }
    let mut pairs = Vec::new();
    for (reference, reference_images) in &by_rater {
        for (_, other_images) in by_rater.iter().filter(|(other, _)| *other != reference) {
            let mut counts = AgreementCounts::default();
            for (image, &said) in reference_images {
                if let Some(&other_said) = other_images.get(image) {
                    counts.add(said, other_said);
                }
            }
            if counts != AgreementCounts::default() {
                pairs.push(counts);
            }
        }
    }
    pairs
}

/// Agreement of raters on a label, over ordered pairs of raters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairAgreement {
    /// Mean and population standard deviation over the pairs.
    pub scores: ClassScores,
    /// Number of pairs whose reference said yes to none of the shared images.
    pub num_without_positive: usize,
}

/// Agreement over the ordered pairs of raters, each pair on the images that both judged.
///
/// F1 and sensitivity that are 0/0 (the reference said yes to no shared image) count as **0**, as
/// in the study: rare labels are mostly zeros by this rule. `num_without_positive` says how many.
///
/// # Source
/// Jalaboi et al., 2021, Tables 2b and 3a and appendix Table 1; the rules were found on the data.
pub fn pair_agreement(judgements: &[Judgement<'_>]) -> PairAgreement {
    let pairs = pair_counts(judgements);
    let units: Vec<OneVsRest> = pairs
        .iter()
        .map(|counts| {
            let scores = counts.scores();
            let or_zero = |score: Option<f64>| score.or(Some(0.0));
            OneVsRest {
                f1: or_zero(scores.f1),
                sensitivity: or_zero(scores.sensitivity),
                specificity: scores.specificity,
            }
        })
        .collect();
    let is_without_positive = |counts: &&AgreementCounts| counts.both + counts.only_reference == 0;
    PairAgreement {
        scores: class_scores_over(&units, Spread::Population),
        num_without_positive: pairs.iter().filter(is_without_positive).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        AgreementCounts, Judgement, Spread, class_scores_over, pair_agreement, pair_counts,
    };

    /// `a` judges 1, 2, 3 as yes, yes, no; `b` judges 1, 2, 4 as yes, no, yes; `c` judges 9.
    fn judgements() -> Vec<Judgement<'static>> {
        let said = [
            ("a", "1", true),
            ("a", "2", true),
            ("a", "3", false),
            ("b", "1", true),
            ("b", "2", false),
            ("b", "4", true),
            ("c", "9", true),
        ];
        let judgement = |(rater, image, is_positive)| Judgement { rater, image, is_positive };
        said.map(judgement).to_vec()
    }

    #[test]
    fn scores_by_hand() {
        // F1 = 2 * 3 / (6 + 1 + 2), sensitivity = 3 / 4, specificity = 4 / 6, accuracy = 7 / 10
        let counts = AgreementCounts { both: 3, only_reference: 1, only_other: 2, neither: 4 };
        let scores = counts.scores();
        assert_eq!(scores.f1, Some(6.0 / 9.0));
        assert_eq!(scores.sensitivity, Some(0.75));
        assert_eq!(scores.specificity, Some(4.0 / 6.0));
        assert_eq!(counts.accuracy(), Some(0.7));
        let nothing = AgreementCounts::default();
        assert_eq!((nothing.scores().f1, nothing.accuracy()), (None, None));
    }

    #[test]
    fn pairs_are_ordered_and_share_images() {
        // On images 1 and 2: a says yes, yes; b says yes, no. c shares no image with anybody.
        let pairs = pair_counts(&judgements());
        let a_then_b = AgreementCounts { both: 1, only_reference: 1, only_other: 0, neither: 0 };
        let b_then_a = AgreementCounts { both: 1, only_reference: 0, only_other: 1, neither: 0 };
        assert_eq!(pairs, [a_then_b, b_then_a]);
        // F1 is 2/3 in both orders; sensitivity 1/2 and 1; specificity undefined and 0/1.
        let agreement = pair_agreement(&judgements());
        assert_eq!(agreement.scores.f1.mean, Some(2.0 / 3.0));
        assert_eq!(agreement.scores.f1.std, Some(0.0));
        assert_eq!(agreement.scores.sensitivity.mean, Some(0.75));
        assert_eq!(agreement.scores.sensitivity.std, Some(0.25));
        assert_eq!(agreement.scores.specificity.mean, Some(0.0));
        assert_eq!(agreement.scores.specificity.undefined, 1);
        assert_eq!(agreement.num_without_positive, 0);
    }

    #[test]
    fn a_reference_without_a_yes_counts_as_zero() {
        let said = [("a", "1", false), ("b", "1", true)];
        let judgement = |(rater, image, is_positive)| Judgement { rater, image, is_positive };
        let agreement = pair_agreement(&said.map(judgement));
        // a then b: F1 0/1 and sensitivity 0/0 := 0; b then a: F1 0/1, sensitivity 0/1.
        assert_eq!(agreement.scores.sensitivity.mean, Some(0.0));
        assert_eq!(agreement.scores.sensitivity.n, 2);
        assert_eq!(agreement.num_without_positive, 1);
    }

    #[test]
    fn the_spread_is_the_one_asked_for() {
        let unit = |both, only_reference| {
            AgreementCounts { both, only_reference, only_other: 0, neither: 1 }.scores()
        };
        // Sensitivities 1 and 1/2: population 1/4, sample sqrt(2 * (1/4)^2 / 1).
        let units = [unit(1, 0), unit(1, 1)];
        let population = class_scores_over(&units, Spread::Population).sensitivity;
        let sample = class_scores_over(&units, Spread::Sample).sensitivity;
        assert_eq!(population.std, Some(0.25));
        assert_eq!(sample.std, Some(0.125_f64.sqrt()));
    }
}
