//! Agreement of raters with a gold standard and with each other.

use crate::diagnosis::ratio;
use crate::{ClassScores, OneVsRest, Score, mean};
use serde::{Deserialize, Serialize};

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

    /// Adds what was counted elsewhere.
    fn merge(&mut self, more: &Self) {
        self.both += more.both;
        self.only_reference += more.only_reference;
        self.only_other += more.only_other;
        self.neither += more.neither;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
        ..ClassScores::default()
    }
}

/// What an F1 or a sensitivity of 0/0 counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroDivision {
    /// 0: rare labels are then mostly zeros by this rule.
    Zero,
    /// Undefined: left out and counted.
    Undefined,
}

/// Which pairs of raters are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairs {
    /// Each of two raters once as the reference.
    Ordered,
    /// Each two raters once; the first is the reference.
    Unordered,
}

/// What one rater said of an image, as a yes or no; raters are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// The rater.
    pub rater_idx: usize,
    /// Whether the rater said yes.
    pub is_positive: bool,
}

/// How the counts of an image make units, over which a table takes mean and spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Units {
    /// Every entry of every image is a unit of its own.
    PerImage,
    /// Entries with one number are one unit, summed over images.
    AcrossImages,
}

/// Everything that one row of an agreement table rests on, image by image: so that the row can be
/// computed for any selection of images, or for images drawn with replacement.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    units: Units,
    /// For each image the number of the unit and its counts.
    images: Vec<Vec<(usize, AgreementCounts)>>,
}

impl Evidence {
    /// Counts whose unit is one comparison in one image, `images[image][comparison]`.
    pub fn per_image(images: Vec<Vec<AgreementCounts>>) -> Self {
        let numbered = |counts: Vec<AgreementCounts>| counts.into_iter().enumerate().collect();
        Self { units: Units::PerImage, images: images.into_iter().map(numbered).collect() }
    }

    /// Counts whose unit is a number given beside them, summed over images.
    pub fn across_images(images: Vec<Vec<(usize, AgreementCounts)>>) -> Self {
        Self { units: Units::AcrossImages, images }
    }

    /// Raters against each other: the unit is the pair of raters, counted over the images that both
    /// judged.
    pub fn of_pairs(images: &[Vec<Judgement>], pairs: Pairs) -> Self {
        let num_raters = images.iter().flatten().map(|one| one.rater_idx + 1).max().unwrap_or(0);
        let entries = |judgements: &Vec<Judgement>| {
            let mut entries = Vec::new();
            for reference in judgements {
                for other in judgements {
                    if is_pair(reference.rater_idx, other.rater_idx, pairs) {
                        let unit = reference.rater_idx * num_raters + other.rater_idx;
                        let counts = one_thing(reference.is_positive, other.is_positive);
                        entries.push((unit, counts));
                    }
                }
            }
            entries
        };
        Self::across_images(images.iter().map(entries).collect())
    }

    /// Each rater against the majority of the others: the unit is the rater.
    ///
    /// The reference of an image says yes when more than half of its other raters do. Images where
    /// nobody else judged, or where as many say yes as no, have no reference: they are left out,
    /// and the second value counts them for each image (once for each rater).
    pub fn of_leave_one_out(images: &[Vec<Judgement>]) -> (Self, Vec<usize>) {
        let entries = |judgements: &Vec<Judgement>| {
            let num_yes = judgements.iter().filter(|one| one.is_positive).count();
            let mut entries = Vec::new();
            for one in judgements {
                let num_others_yes = num_yes - usize::from(one.is_positive);
                if let Some(reference) = majority(num_others_yes, judgements.len() - 1) {
                    entries.push((one.rater_idx, one_thing(reference, one.is_positive)));
                }
            }
            entries
        };
        let entries: Vec<Vec<_>> = images.iter().map(entries).collect();
        let undecided =
            images.iter().zip(&entries).map(|(image, entries)| image.len() - entries.len());
        let undecided = undecided.collect();
        (Self::across_images(entries), undecided)
    }

    /// Number of images.
    pub fn num_images(&self) -> usize {
        self.images.len()
    }

    /// The counts of every unit over the images `image_idxs`, of which one may come several times;
    /// in the order of the images, or by number.
    ///
    /// # Panics
    /// When an index is not below [`Self::num_images`].
    pub fn unit_counts(&self, image_idxs: &[u32]) -> Vec<AgreementCounts> {
        match self.units {
            Units::PerImage => self.entries(image_idxs).map(|(_, counts)| *counts).collect(),
            Units::AcrossImages => {
                let mut units = self.sums(image_idxs);
                units.retain(|counts| *counts != AgreementCounts::default());
                units
            }
        }
    }

    fn entries(&self, image_idxs: &[u32]) -> impl Iterator<Item = &(usize, AgreementCounts)> {
        image_idxs.iter().flat_map(|&image_idx| &self.images[image_idx as usize])
    }

    /// The counts of every unit by its number, those without any thing included.
    fn sums(&self, image_idxs: &[u32]) -> Vec<AgreementCounts> {
        let mut units: Vec<AgreementCounts> = Vec::new();
        for (unit, counts) in self.entries(image_idxs) {
            if *unit >= units.len() {
                units.resize(unit + 1, AgreementCounts::default());
            }
            units[*unit].merge(counts);
        }
        units
    }

    /// Mean and spread over the units in the images `image_idxs`.
    ///
    /// # Panics
    /// As [`Self::unit_counts`].
    ///
    /// # Source
    /// Jalaboi et al., 2021, Tables 2a, 2b, 3a, 3b; the rules were found on the data.
    pub fn scores(
        &self,
        image_idxs: &[u32],
        zero_division: ZeroDivision,
        spread: Spread,
    ) -> ClassScores {
        let units: Vec<OneVsRest> = self
            .unit_counts(image_idxs)
            .iter()
            .map(|counts| scores_with(counts, zero_division))
            .collect();
        class_scores_over(&units, spread)
    }

    /// The means of F1, sensitivity and specificity in each of `resamples` of `image_idxs`.
    ///
    /// A unit can lose all its positive things to chance in a resample. Its 0/0 is then undefined
    /// under either rule: only units that are 0/0 over all images count by `zero_division`. Else
    /// the resampled means would lie below the mean that they are to give an interval for.
    ///
    /// # Panics
    /// As [`Self::unit_counts`].
    pub fn resampled_means(
        &self,
        image_idxs: &[u32],
        resamples: &[Vec<u32>],
        zero_division: ZeroDivision,
    ) -> Vec<[Option<f64>; 3]> {
        let whole = self.sums(image_idxs);
        let units = |resample: &Vec<u32>| -> Vec<OneVsRest> {
            match self.units {
                Units::PerImage => self
                    .entries(resample)
                    .map(|(_, counts)| scores_with(counts, zero_division))
                    .collect(),
                Units::AcrossImages => self
                    .sums(resample)
                    .iter()
                    .zip(&whole)
                    .filter(|(counts, _)| **counts != AgreementCounts::default())
                    .map(|(counts, whole)| resampled_scores(counts, whole, zero_division))
                    .collect(),
            }
        };
        resamples.iter().map(|resample| means(&units(resample))).collect()
    }
}

/// [`Evidence::resampled_means`] of one unit, with its counts over all images.
fn resampled_scores(
    counts: &AgreementCounts,
    whole: &AgreementCounts,
    zero_division: ZeroDivision,
) -> OneVsRest {
    let (scores, plain, by_rule) =
        (counts.scores(), whole.scores(), scores_with(whole, zero_division));
    OneVsRest {
        f1: scores.f1.or(if plain.f1.is_none() { by_rule.f1 } else { None }),
        sensitivity: scores.sensitivity.or(if plain.sensitivity.is_none() {
            by_rule.sensitivity
        } else {
            None
        }),
        specificity: scores.specificity,
    }
}

/// The scores, with the rule for 0/0; a specificity of 0/0 is undefined under either.
fn scores_with(counts: &AgreementCounts, zero_division: ZeroDivision) -> OneVsRest {
    let scores = counts.scores();
    match zero_division {
        ZeroDivision::Undefined => scores,
        ZeroDivision::Zero => OneVsRest {
            f1: scores.f1.or(Some(0.0)),
            sensitivity: scores.sensitivity.or(Some(0.0)),
            specificity: scores.specificity,
        },
    }
}

/// Whether a table compares these two raters.
pub fn is_pair(reference_idx: usize, other_idx: usize, pairs: Pairs) -> bool {
    match pairs {
        Pairs::Ordered => reference_idx != other_idx,
        Pairs::Unordered => reference_idx < other_idx,
    }
}

/// What more than half of `num` say; `None` when there is no such half.
fn majority(num_yes: usize, num: usize) -> Option<bool> {
    (2 * num_yes != num).then_some(2 * num_yes > num)
}

fn means(units: &[OneVsRest]) -> [Option<f64>; 3] {
    let scores: [fn(&OneVsRest) -> Option<f64>; 3] =
        [|unit| unit.f1, |unit| unit.sensitivity, |unit| unit.specificity];
    scores.map(|score| mean(&units.iter().filter_map(score).collect::<Vec<f64>>()))
}

fn one_thing(reference: bool, other: bool) -> AgreementCounts {
    let mut counts = AgreementCounts::default();
    counts.add(reference, other);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: ZeroDivision = ZeroDivision::Zero;
    const POPULATION: Spread = Spread::Population;

    /// `(rater, said yes)` of each image.
    fn images(said: &[&[(usize, bool)]]) -> Vec<Vec<Judgement>> {
        let judgement = |&(rater_idx, is_positive)| Judgement { rater_idx, is_positive };
        said.iter().map(|image| image.iter().map(judgement).collect()).collect()
    }

    /// Rater 0 judges images 1, 2, 3 as yes, yes, no; 1 judges 1, 2, 4 as yes, no, yes; 2 judges 5.
    fn two_and_one() -> Vec<Vec<Judgement>> {
        images(&[
            &[(0, true), (1, true)],
            &[(0, true), (1, false)],
            &[(0, false)],
            &[(1, true)],
            &[(2, true)],
        ])
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
        // On images 1 and 2: 0 says yes, yes; 1 says yes, no. 2 shares no image with anybody.
        let evidence = Evidence::of_pairs(&two_and_one(), Pairs::Ordered);
        let a_then_b = AgreementCounts { both: 1, only_reference: 1, only_other: 0, neither: 0 };
        let b_then_a = AgreementCounts { both: 1, only_reference: 0, only_other: 1, neither: 0 };
        assert_eq!(evidence.unit_counts(&[0, 1, 2, 3, 4]), [a_then_b, b_then_a]);
        // F1 is 2/3 in both orders; sensitivity 1/2 and 1; specificity undefined and 0/1.
        let scores = evidence.scores(&[0, 1, 2, 3, 4], ZERO, POPULATION);
        assert_eq!((scores.f1.mean, scores.f1.std), (Some(2.0 / 3.0), Some(0.0)));
        assert_eq!((scores.sensitivity.mean, scores.sensitivity.std), (Some(0.75), Some(0.25)));
        assert_eq!((scores.specificity.mean, scores.specificity.undefined), (Some(0.0), 1));
        let evidence = Evidence::of_pairs(&two_and_one(), Pairs::Unordered);
        assert_eq!(evidence.unit_counts(&[0, 1, 2, 3, 4]), [a_then_b]);
    }

    #[test]
    fn an_image_drawn_twice_counts_twice() {
        let evidence = Evidence::of_pairs(&two_and_one(), Pairs::Unordered);
        let twice = AgreementCounts { both: 2, only_reference: 1, only_other: 0, neither: 0 };
        assert_eq!(evidence.unit_counts(&[0, 1, 0]), [twice]);
        let pixels = AgreementCounts { both: 5, only_reference: 0, only_other: 1, neither: 3 };
        let evidence = Evidence::per_image(vec![vec![pixels, pixels], vec![]]);
        assert_eq!(evidence.unit_counts(&[1, 0, 0]), [pixels; 4]);
        assert_eq!(evidence.unit_counts(&[1]), []);
    }

    #[test]
    fn a_reference_without_a_yes_counts_by_the_rule_for_0_by_0() {
        let evidence = Evidence::of_pairs(&images(&[&[(0, false), (1, true)]]), Pairs::Ordered);
        // 0 then 1: F1 0/1 and sensitivity 0/0; 1 then 0: F1 0/1, sensitivity 0/1.
        let zero = evidence.scores(&[0], ZERO, POPULATION).sensitivity;
        assert_eq!((zero.mean, zero.n, zero.undefined), (Some(0.0), 2, 0));
        let undefined = evidence.scores(&[0], ZeroDivision::Undefined, POPULATION).sensitivity;
        assert_eq!((undefined.mean, undefined.n, undefined.undefined), (Some(0.0), 1, 1));
    }

    #[test]
    fn a_unit_that_loses_its_positives_to_a_resample_is_left_out() {
        // Raters 0 and 1 agree on yes in image 1 and on no in image 2; 0 and 2 only ever say no.
        let judgements = images(&[&[(0, true), (1, true)], &[(0, false), (1, false), (2, false)]]);
        let evidence = Evidence::of_pairs(&judgements, Pairs::Unordered);
        let resamples = [vec![0, 1], vec![0, 0], vec![1, 1]];
        let means = evidence.resampled_means(&[0, 1], &resamples, ZERO);
        // Pairs (0, 1), (0, 2), (1, 2): F1 of 1, and 0 by the rule twice.
        assert_eq!(means[0][0], Some(1.0 / 3.0));
        assert_eq!(means[1][0], Some(1.0)); // rater 2 is not there
        assert_eq!(means[2][0], Some(0.0)); // (0, 1) is left out
        let means = evidence.resampled_means(&[0, 1], &resamples, ZeroDivision::Undefined);
        assert_eq!([means[0][0], means[1][0], means[2][0]], [Some(1.0), Some(1.0), None]);
        assert_eq!(means[2][2], Some(1.0)); // specificity
    }

    #[test]
    fn the_others_majority_is_the_reference() {
        // Image 1: for rater 0 the others say yes and no (no reference), for 1 they say yes and no,
        // for 2 they say yes and yes. Image 2: one other each. Image 3: nobody else.
        let judgements =
            images(&[&[(0, true), (1, true), (2, false)], &[(0, false), (2, false)], &[(1, true)]]);
        let (evidence, undecided) = Evidence::of_leave_one_out(&judgements);
        assert_eq!(undecided, [2, 0, 1]);
        let rater_0 = AgreementCounts { neither: 1, ..AgreementCounts::default() };
        let rater_2 = AgreementCounts { only_reference: 1, neither: 1, ..rater_0 };
        assert_eq!(evidence.unit_counts(&[0, 1, 2]), [rater_0, rater_2]);
    }

    #[test]
    fn the_spread_is_the_one_asked_for() {
        let unit = |both, only_reference| AgreementCounts {
            both,
            only_reference,
            only_other: 0,
            neither: 1,
        };
        // Sensitivities 1 and 1/2: population 1/4, sample sqrt(2 * (1/4)^2 / 1).
        let evidence = Evidence::per_image(vec![vec![unit(1, 0), unit(1, 1)]]);
        let population = evidence.scores(&[0], ZERO, Spread::Population).sensitivity;
        let sample = evidence.scores(&[0], ZERO, Spread::Sample).sensitivity;
        assert_eq!(population.std, Some(0.25));
        assert_eq!(sample.std, Some(0.125_f64.sqrt()));
    }
}
