//! Two networks on the same images.

use crate::{
    EvalError, FuzzyScores, MapRow, Permutation, UNION, holm, mcnemar, percentile_interval,
    permutation, signed_rank,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The fewest images that a difference has an interval over. Where five images all point the same way,
/// their signs alone have p = 2 / 2^5 = 0.06; resampling one or two images says nothing of others.
pub const MIN_INTERVAL_IMAGES: usize = 6;

/// What differences are taken of, intervals resample and tests count.
pub const UNIT: &str = "image";

/// Where the numbers of seeds differ, F1 is compared in steps of this size.
const F1_STEP: f64 = 1.0 / 4096.0;

/// One network, or one method, trained or run once for each seed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Side {
    /// What to call it.
    pub name: String,
    /// The rows of each seed.
    pub rows: Vec<Vec<MapRow>>,
    /// For each seed whether the diagnosis of each image is right; empty without predictions.
    pub correct: Vec<BTreeMap<String, bool>>,
}

/// Two sides compared image by image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Names of the two sides; differences are the first less the second.
    pub sides: [String; 2],
    /// Number of seeds of each side.
    #[serde(default)]
    pub seeds: [usize; 2],
    /// The unit of analysis, [`UNIT`].
    #[serde(default)]
    pub unit: String,
    /// Fuzzy F1 by characteristic.
    pub f1: BTreeMap<String, Paired>,
    /// Accuracy: the mean over the images of the share of seeds whose diagnosis is right, which is
    /// the mean of the seeds' accuracies; absent without predictions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accuracy: Option<Paired>,
}

/// A test of paired differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairedTest {
    /// McNemar's exact test: of diagnoses, one seed against one.
    Mcnemar,
    /// Wilcoxon's signed-rank test: as many seeds against as many.
    SignedRank,
    /// A permutation test of the mean difference: other numbers of seeds on both sides.
    Permutation,
}

/// One score of both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Mean over the images of the first side.
    pub first: Option<f64>,
    /// Mean over the same images of the second side.
    pub second: Option<f64>,
    /// Mean difference.
    pub difference: Option<f64>,
    /// 95 % bootstrap interval of the difference, over images; none over fewer than six.
    pub interval: Option<[f64; 2]>,
    /// Number of images where both sides have the score.
    pub images: usize,
    /// Images where one side alone has it: they are left out.
    pub unpaired: usize,
    /// Which test was taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test: Option<PairedTest>,
    /// Effect size from -1 to 1: the share of ranks (signed-rank test), or of differences (the
    /// others), in favor of the first side, less that in favor of the second.
    pub effect: Option<f64>,
    /// Two-sided p of the test; none where the sides do not differ on any image.
    pub p: Option<f64>,
    /// p after Holm's correction over the family.
    pub p_holm: Option<f64>,
}

/// Compares two sides.
///
/// The unit is the image: its F1 is the mean over its raters' masks and over the seeds, since masks
/// of one photo are not independent; so means differ a little from those of the table, whose unit is the mask.
/// Its diagnosis is the share of seeds that are right, of images that every seed of the side has a
/// diagnosis of. `resamples` are places in `image_ids`.
///
/// What is inferred is about other images, for the seeds at hand. Means over as many seeds are tested
/// by [`signed_rank`], but for diagnoses of one seed against one, which are [`mcnemar`]'s. Where the
/// numbers of seeds differ, the differences of equal networks are no longer as likely up as down, and
/// the signed-rank test finds equal networks different; so their mean is tested by [`permutation`].
///
/// # Errors
/// No image that both sides have a mask or a diagnosis of.
pub fn compare(
    first: &Side,
    second: &Side,
    image_ids: &[&str],
    resamples: &[Vec<u32>],
) -> Result<Comparison, EvalError> {
    let seeds = [first, second].map(|side| side.rows.len().max(side.correct.len()));
    let values =
        [first, second].map(|side| by_image(side.rows.iter().flatten(), |scores| scores.f1));
    let no_images = BTreeMap::new();
    let names = values[0].keys().chain(values[1].keys());
    let rows = names.map(|name| {
        let of_side = |side: usize| values[side].get(name).unwrap_or(&no_images);
        let pairs = Pairs::new(of_side(0), of_side(1), image_ids);
        ((*name).to_string(), pairs.paired(resamples, pairs.test_f1(seeds)))
    });
    let f1: BTreeMap<String, Paired> = rows.collect();
    let has_predictions = !first.correct.is_empty() && !second.correct.is_empty();
    let accuracy = has_predictions.then(|| {
        let shares = [first, second].map(|side| right_shares(&side.correct));
        let pairs = Pairs::new(&shares[0], &shares[1], image_ids);
        pairs.paired(resamples, pairs.test_shares(seeds))
    });
    if f1.values().chain(&accuracy).all(|paired| paired.images == 0) {
        let message = format!(
            "found no image that `{}` and `{}` both have a score of, expected the same test images",
            first.name, second.name
        );
        return Err(EvalError::new("comparison", message));
    }
    let sides = [first.name.clone(), second.name.clone()];
    Ok(Comparison { sides, seeds, unit: UNIT.to_string(), f1, accuracy })
}

/// Corrects the p values of all comparisons as one family.
pub fn correct_for_number(comparisons: &mut [Comparison]) {
    let mut tested: Vec<&mut Paired> = comparisons
        .iter_mut()
        .flat_map(|comparison| comparison.f1.values_mut().chain(comparison.accuracy.as_mut()))
        .filter(|paired| paired.p.is_some())
        .collect();
    let p: Vec<f64> = tested.iter().filter_map(|paired| paired.p).collect();
    for (paired, p_holm) in tested.iter_mut().zip(holm(&p)) {
        paired.p_holm = Some(p_holm);
    }
}

/// One of the scores.
type Pick = fn(&FuzzyScores) -> Option<f64>;

/// By characteristic and image: the mean over raters and seeds of the defined scores.
fn by_image<'a>(
    rows: impl IntoIterator<Item = &'a MapRow>,
    pick: Pick,
) -> BTreeMap<&'a str, BTreeMap<&'a str, f64>> {
    let mut sums: BTreeMap<&str, BTreeMap<&str, (f64, f64)>> = BTreeMap::new();
    for row in rows {
        if let Some(score) = pick(&row.scores) {
            let images = sums.entry(&row.characteristic).or_default();
            let sum = images.entry(&row.image_id).or_default();
            *sum = (sum.0 + score, sum.1 + 1.0);
        }
    }
    let means = |images: BTreeMap<_, (f64, f64)>| {
        images.into_iter().map(|(image_id, (sum, num))| (image_id, sum / num)).collect()
    };
    sums.into_iter().map(|(characteristic, images)| (characteristic, means(images))).collect()
}

/// By image: the share of seeds that are right, where all have a diagnosis.
fn right_shares(seeds: &[BTreeMap<String, bool>]) -> BTreeMap<&str, f64> {
    let Some(first) = seeds.first() else { return BTreeMap::new() };
    let share = |image_id: &String| {
        let diagnoses: Option<Vec<&bool>> = seeds.iter().map(|seed| seed.get(image_id)).collect();
        let num_right = diagnoses?.into_iter().filter(|is_right| **is_right).count();
        Some(num_right as f64 / seeds.len() as f64)
    };
    first.keys().filter_map(|image_id| Some((image_id.as_str(), share(image_id)?))).collect()
}

/// Maps of a network less maps that never saw one, on the union of each rater's outlines.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// Of fuzzy F1.
    pub f1: Difference,
    /// Of the share of the map's mass inside the union.
    pub mass: Difference,
}

/// A mean difference over images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The mean; `None` without images.
    pub mean: Option<f64>,
    /// Its 95 % bootstrap interval, over images; none over fewer than six.
    pub interval: Option<[f64; 2]>,
    /// Number of images.
    pub images: usize,
}

/// By how much the maps of a network, of one or several seeds, are ahead of those of a baseline, image
/// by image: as in [`compare`], an image's score is the mean over its raters and the seeds.
///
/// `resamples` are places in `image_ids`.
pub fn lead(
    seeds: &[&[MapRow]],
    baseline: &[MapRow],
    image_ids: &[&str],
    resamples: &[Vec<u32>],
) -> Lead {
    let is_union = |row: &&MapRow| row.characteristic == UNION;
    let over = |pick: Pick| {
        let network = by_image(seeds.iter().copied().flatten().filter(is_union), pick);
        let other = by_image(baseline.iter().filter(is_union), pick);
        let no_images = BTreeMap::new();
        let [network, other] = [&network, &other].map(|of| of.get(UNION).unwrap_or(&no_images));
        let pairs = Pairs::new(network, other, image_ids);
        Difference {
            mean: crate::mean(&pairs.differences()),
            interval: pairs.interval(resamples),
            images: pairs.values.len(),
        }
    };
    Lead { f1: over(|scores| scores.f1), mass: over(|scores| scores.mass) }
}

/// A test with what came out of it, where the sides differ.
struct Tested {
    test: PairedTest,
    p_and_effect: Option<(f64, f64)>,
}

impl Tested {
    fn signed_rank(differences: &[f64]) -> Self {
        let found = signed_rank(differences).map(|found| (found.p, found.effect));
        Self { test: PairedTest::SignedRank, p_and_effect: found }
    }

    fn permutation(differences: &[i64]) -> Self {
        let found = permutation(differences).map(|Permutation { p, effect }| (p, effect));
        Self { test: PairedTest::Permutation, p_and_effect: found }
    }

    fn mcnemar(differences: &[i64]) -> Self {
        let count = |sign| differences.iter().filter(|value| **value == sign).count() as u64;
        let [only_first, only_second] = [count(1), count(-1)];
        let num = (only_first + only_second) as f64;
        let effect = (only_first as f64 - only_second as f64) / num;
        let found = (num > 0.0).then(|| (mcnemar(only_first, only_second), effect));
        Self { test: PairedTest::Mcnemar, p_and_effect: found }
    }
}

/// The values of both sides, by place of the image.
struct Pairs {
    values: BTreeMap<u32, [f64; 2]>,
    unpaired: usize,
}

impl Pairs {
    fn new(first: &BTreeMap<&str, f64>, second: &BTreeMap<&str, f64>, image_ids: &[&str]) -> Self {
        let mut pairs = Self { values: BTreeMap::new(), unpaired: 0 };
        for (place, image_id) in (0u32..).zip(image_ids) {
            match (first.get(image_id), second.get(image_id)) {
                (Some(&first), Some(&second)) => {
                    pairs.values.insert(place, [first, second]);
                }
                (None, None) => {}
                _ => pairs.unpaired += 1,
            }
        }
        pairs
    }

    fn differences(&self) -> Vec<f64> {
        self.values.values().map(|[first, second]| first - second).collect()
    }

    /// The differences as whole numbers of steps.
    fn steps(&self, step: f64) -> Vec<i64> {
        self.differences().iter().map(|difference| (difference / step).round() as i64).collect()
    }

    fn test_f1(&self, seeds: [usize; 2]) -> Tested {
        match seeds[0] == seeds[1] {
            true => Tested::signed_rank(&self.differences()),
            false => Tested::permutation(&self.steps(F1_STEP)),
        }
    }

    /// Differences of shares are whole numbers of the numbers of seeds' product.
    fn test_shares(&self, seeds: [usize; 2]) -> Tested {
        match seeds {
            [1, 1] => Tested::mcnemar(&self.steps(1.0)),
            [one, other] if one == other => Tested::signed_rank(&self.differences()),
            [one, other] => Tested::permutation(&self.steps(1.0 / (one * other) as f64)),
        }
    }

    /// Of the mean difference; none over too few images.
    fn interval(&self, resamples: &[Vec<u32>]) -> Option<[f64; 2]> {
        if self.values.len() < MIN_INTERVAL_IMAGES { None } else { self.resampled(resamples) }
    }

    fn resampled(&self, resamples: &[Vec<u32>]) -> Option<[f64; 2]> {
        // By place: half a million look-ups in a map would take longer than all the rest.
        let num_places = self.values.last_key_value().map_or(0, |(&last, _)| last as usize + 1);
        let mut differences = vec![None; num_places];
        for (&place, [first, second]) in &self.values {
            differences[place as usize] = Some(first - second);
        }
        let mean_of = |places: &Vec<u32>| {
            let at = |&place: &u32| differences.get(place as usize).copied().flatten();
            crate::mean(&places.iter().filter_map(at).collect::<Vec<f64>>())
        };
        percentile_interval(&resamples.par_iter().map(mean_of).collect::<Vec<_>>())
    }

    fn paired(&self, resamples: &[Vec<u32>], tested: Tested) -> Paired {
        let mean = |values: Vec<f64>| crate::mean(&values);
        let side = |side: usize| mean(self.values.values().map(|values| values[side]).collect());
        Paired {
            first: side(0),
            second: side(1),
            difference: mean(self.differences()),
            interval: self.interval(resamples),
            images: self.values.len(),
            unpaired: self.unpaired,
            test: Some(tested.test),
            effect: tested.p_and_effect.map(|(_, effect)| effect),
            p: tested.p_and_effect.map(|(p, _)| p),
            p_holm: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval that the differences of the images `a`, `b`, `c` have by `resamples` alone.
    fn resampled(differences: &[(&str, f64)], resamples: &[Vec<u32>]) -> [f64; 2] {
        let first = differences.iter().copied().collect();
        let second = differences.iter().map(|(image_id, _)| (*image_id, 0.0)).collect();
        Pairs::new(&first, &second, &["a", "b", "c"]).resampled(resamples).unwrap()
    }

    fn row(image_id: &str, rater: &str, f1: f64) -> MapRow {
        let scores = FuzzyScores { f1: Some(f1), ..FuzzyScores::default() };
        let [image_id, rater, characteristic] = [image_id, rater, "Plaque"].map(String::from);
        MapRow { image_id, rater, characteristic, scores, localization: None }
    }

    fn side(rows: Vec<Vec<MapRow>>, correct: &[&[(&str, bool)]]) -> Side {
        let seed = |images: &&[(&str, bool)]| {
            images.iter().map(|(image, is_correct)| (image.to_string(), *is_correct)).collect()
        };
        Side { name: "side".into(), rows, correct: correct.iter().map(seed).collect() }
    }

    #[test]
    fn images_are_compared_over_raters_and_seeds() {
        // First: a (.5 + .7) / 2 = .6 over raters, b .5 + .7 over seeds / 2 = .6; second .5 and .75.
        // Differences .1 and -.15: ranks 1 and 2, R+ 1, R- 2, effect -1/3, p 2 * 2 / 4 = 1.
        let first = side(
            vec![
                vec![row("a", "r", 0.5), row("a", "s", 0.7), row("b", "r", 0.5)],
                vec![row("b", "r", 0.7)],
            ],
            &[],
        );
        let second = side(
            vec![vec![row("a", "r", 0.5), row("b", "r", 0.75), row("c", "r", 0.1)], vec![]],
            &[],
        );
        let resamples = [vec![0, 0, 2], vec![1, 1, 2]];
        let found = compare(&first, &second, &["a", "b", "c"], &resamples).unwrap();
        assert_eq!((found.unit.as_str(), found.seeds), ("image", [2, 2]));
        let plaque = &found.f1["Plaque"];
        assert_eq!((plaque.images, plaque.unpaired), (2, 1));
        assert!((plaque.difference.unwrap() + 0.025).abs() < 1e-12);
        assert!((plaque.first.unwrap() - 0.6).abs() < 1e-12);
        assert_eq!((plaque.effect, plaque.p), (Some(-1.0 / 3.0), Some(1.0)));
        assert_eq!(plaque.test, Some(PairedTest::SignedRank));
        // Resampled differences .1 and -.15, 2.5 % of the way in; two images are too few to show it.
        assert_eq!(plaque.interval, None);
        let [low, high] = resampled(&[("a", 0.1), ("b", -0.15)], &resamples);
        assert!((low + 0.15 - 0.00625).abs() < 1e-12 && (high - 0.1 + 0.00625).abs() < 1e-12);
        assert_eq!(found.accuracy, None);
    }

    #[test]
    fn what_is_called_accuracy_is_the_mean_of_the_seeds_accuracies() {
        // Right of a, b, c by seed: 3/3, 1/3 and 2/3 (mean 2/3) against 0/3: shares 1, 2/3 and 1/3.
        let first = [
            &[("a", true), ("b", true), ("c", true)][..],
            &[("a", true), ("b", false), ("c", false)],
            &[("a", true), ("b", true), ("c", false)],
        ];
        let first = side(vec![], &first);
        let second = side(vec![], &[&[("a", false), ("b", false), ("c", false)]]);
        let found = compare(&first, &second, &["a", "b", "c"], &[]).unwrap();
        let accuracy = found.accuracy.unwrap();
        assert!((accuracy.first.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!((accuracy.second, accuracy.images), (Some(0.0), 3));
        // Three seeds against one: differences of 3, 2 and 1 thirds, all up: p 2 / 8.
        assert_eq!(accuracy.test, Some(PairedTest::Permutation));
        assert_eq!((accuracy.effect, accuracy.p), (Some(1.0), Some(0.25)));
    }

    #[test]
    fn mcnemars_test_is_for_one_seed_against_one() {
        let images = ["a", "b", "c", "d"];
        let seed =
            |right: [bool; 4]| -> Vec<(&str, bool)> { images.into_iter().zip(right).collect() };
        let [one, other] = [seed([true, true, true, false]), seed([false, false, true, false])];
        let of = |first: &[&[(&str, bool)]], second: &[&[(&str, bool)]]| {
            let sides = [first, second].map(|correct| side(vec![], correct));
            compare(&sides[0], &sides[1], &images, &[]).unwrap().accuracy.unwrap()
        };
        // Two images that the first alone gets right: p 2 / 4.
        let single = of(&[&one], &[&other]);
        assert_eq!((single.test, single.p), (Some(PairedTest::Mcnemar), Some(0.5)));
        // Two seeds against two: shares 1, 1, 1, 0 against 0, .5, 1, 0; ranks 2 and 1: p 2 / 4.
        let mixed = seed([false, true, true, false]);
        let double = of(&[&one, &one], &[&other, &mixed]);
        assert_eq!((double.test, double.p), (Some(PairedTest::SignedRank), Some(0.5)));
        assert_eq!((double.first, double.second), (Some(0.75), Some(0.375)));
    }

    #[test]
    fn images_that_a_seed_has_no_diagnosis_of_are_left_out() {
        let first = side(vec![], &[&[("a", true), ("b", true)], &[("a", true)]]);
        let second = side(vec![], &[&[("a", true), ("b", true)]]);
        let accuracy = compare(&first, &second, &["a", "b"], &[]).unwrap().accuracy.unwrap();
        assert_eq!((accuracy.images, accuracy.unpaired, accuracy.first), (1, 1, Some(1.0)));
    }

    #[test]
    fn sides_without_a_common_image_are_an_error() {
        let one = side(vec![vec![row("a", "r", 0.5)]], &[&[("a", true)]]);
        let other = side(vec![vec![row("b", "r", 0.5)]], &[&[("b", true)]]);
        let error = compare(&one, &other, &["a", "b"], &[]).unwrap_err().to_string();
        assert!(error.contains("no image that `side` and `side` both have"), "{error}");
        let nothing = compare(&side(vec![], &[]), &side(vec![], &[]), &[], &[]);
        assert!(nothing.is_err());
    }

    #[test]
    fn differences_of_six_images_have_an_interval_and_of_five_none() {
        let rows =
            |images: &[&str], f1: f64| vec![images.iter().map(|id| row(id, "r", f1)).collect()];
        let images = ["a", "b", "c", "d", "e", "f"];
        let resamples = [(0..6).collect(), vec![0; 6]];
        for (num, expected) in [(5, false), (6, true)] {
            let sides = [0.75, 0.5].map(|f1| side(rows(&images[..num], f1), &[]));
            let found = compare(&sides[0], &sides[1], &images, &resamples).unwrap();
            let plaque = &found.f1["Plaque"];
            assert_eq!((plaque.difference, plaque.interval.is_some()), (Some(0.25), expected));
        }
    }

    #[test]
    fn leads_are_over_images_by_hand() {
        // Image a: raters .5 and .7, second seed .9: mean .7; b .2. Less .4 and .3: .3 and -.1.
        let union = |image: &str, rater: &str, f1: f64| MapRow {
            characteristic: UNION.to_string(),
            ..row(image, rater, f1)
        };
        let seeds = [
            vec![union("a", "r", 0.5), union("a", "s", 0.7), union("b", "r", 0.2)],
            vec![union("a", "r", 0.9), row("a", "r", 0.0), union("c", "r", 0.9)],
        ];
        let seeds: Vec<&[MapRow]> = seeds.iter().map(Vec::as_slice).collect();
        let baseline = [union("a", "r", 0.4), union("b", "r", 0.3)];
        let resamples = [vec![0, 0, 2], vec![1, 1, 0]];
        let found = lead(&seeds, &baseline, &["a", "b", "c"], &resamples);
        assert_eq!((found.f1.images, found.mass.images), (2, 0));
        assert!((found.f1.mean.unwrap() - 0.1).abs() < 1e-12, "{found:?}");
        // Resampled means .3 and (-.1 - .1 + .3) / 3 = 1/30, 2.5 % of the way in.
        assert_eq!(found.f1.interval, None);
        let [low, high] = resampled(&[("a", 0.3), ("b", -0.1)], &resamples);
        let inwards = 0.025 * (0.3 - 1.0 / 30.0);
        assert!((low - 1.0 / 30.0 - inwards).abs() < 1e-12 && (high - 0.3 + inwards).abs() < 1e-12);
        assert_eq!((found.mass.mean, found.mass.interval), (None, None));
    }

    #[test]
    fn a_side_does_not_differ_from_itself() {
        let one = side(vec![vec![row("a", "r", 0.5)]], &[&[("a", true)]]);
        let mut found = [compare(&one, &one, &["a"], &[vec![0]]).unwrap()];
        correct_for_number(&mut found);
        let plaque = &found[0].f1["Plaque"];
        assert_eq!((plaque.difference, plaque.p, plaque.p_holm), (Some(0.0), None, None));
        assert_eq!(found[0].accuracy.as_ref().unwrap().p, None);
    }

    #[test]
    fn all_tests_are_one_family() {
        let paired = |p| Paired { p: Some(p), ..Paired::default() };
        let comparison = |name: &str, p, accuracy| Comparison {
            f1: BTreeMap::from([(name.to_string(), paired(p))]),
            accuracy: Some(paired(accuracy)),
            ..Comparison::default()
        };
        let mut found = [comparison("Plaque", 0.01, 0.5), comparison("Scale", 0.02, 0.9)];
        correct_for_number(&mut found);
        // Sorted .01 .02 .5 .9, times 4 3 2 1.
        assert_eq!(found[0].f1["Plaque"].p_holm, Some(0.04));
        assert_eq!(found[1].f1["Scale"].p_holm, Some(0.06));
        assert_eq!(found[0].accuracy.as_ref().unwrap().p_holm, Some(1.0));
    }
}
