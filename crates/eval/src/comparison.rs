//! Two networks on the same images.

use crate::{MapRow, holm, mcnemar, percentile_interval, signed_rank};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Fuzzy F1 by characteristic, tested with the Wilcoxon signed-rank test.
    pub f1: BTreeMap<String, Paired>,
    /// Share of right diagnoses, tested with the exact McNemar test; absent without predictions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accuracy: Option<Paired>,
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
    /// 95 % bootstrap interval of the difference, over images.
    pub interval: Option<[f64; 2]>,
    /// Number of images where both sides have the score.
    pub images: usize,
    /// Images where one side alone has it: they are left out.
    pub unpaired: usize,
    /// Effect size: the rank-biserial correlation for F1; for diagnoses `(b - c) / (b + c)` with b
    /// and c the numbers of images that the first and the second side alone get right.
    pub effect: Option<f64>,
    /// Two-sided p of the test; none where the sides do not differ on any image.
    pub p: Option<f64>,
    /// p after Holm's correction over the family.
    pub p_holm: Option<f64>,
}

/// Compares two sides.
///
/// The unit is the image: its score is the mean over its raters' masks and over the seeds, since
/// masks of one photo are not independent; so means differ a little from Table 6, whose unit is the
/// mask. A diagnosis counts as right when it is in more than half of the seeds. `resamples` are
/// places in `image_ids`.
pub fn compare(
    first: &Side,
    second: &Side,
    image_ids: &[&str],
    resamples: &[Vec<u32>],
) -> Comparison {
    let values = [first, second].map(|side| f1_by_image(side));
    let no_images = BTreeMap::new();
    let names = values[0].keys().chain(values[1].keys());
    let rows = names.map(|name| {
        let of_side = |side: usize| values[side].get(name).unwrap_or(&no_images);
        let pairs = Pairs::new(of_side(0), of_side(1), image_ids);
        let test = signed_rank(&pairs.differences());
        let tested = test.map(|test| (test.p, test.effect));
        ((*name).to_string(), pairs.paired(resamples, tested))
    });
    let has_predictions = !first.correct.is_empty() && !second.correct.is_empty();
    Comparison {
        sides: [first.name.clone(), second.name.clone()],
        f1: rows.collect(),
        accuracy: has_predictions.then(|| {
            let values = [first, second].map(|side| mostly_correct(side));
            let pairs = Pairs::new(&values[0], &values[1], image_ids);
            let count = |sign: f64| {
                pairs.differences().iter().filter(|difference| **difference == sign).count() as u64
            };
            let [only_first, only_second] = [count(1.0), count(-1.0)];
            let num = (only_first + only_second) as f64;
            let effect = (only_first as f64 - only_second as f64) / num;
            let tested = (num > 0.0).then(|| (mcnemar(only_first, only_second), effect));
            pairs.paired(resamples, tested)
        }),
    }
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

/// By characteristic and image: the mean over raters and seeds of the defined F1.
fn f1_by_image(side: &Side) -> BTreeMap<&str, BTreeMap<&str, f64>> {
    let mut sums: BTreeMap<&str, BTreeMap<&str, (f64, f64)>> = BTreeMap::new();
    for row in side.rows.iter().flatten() {
        if let Some(f1) = row.scores.f1 {
            let images = sums.entry(&row.characteristic).or_default();
            let sum = images.entry(&row.image_id).or_default();
            *sum = (sum.0 + f1, sum.1 + 1.0);
        }
    }
    let means = |images: BTreeMap<_, (f64, f64)>| {
        images.into_iter().map(|(image_id, (sum, num))| (image_id, sum / num)).collect()
    };
    sums.into_iter().map(|(characteristic, images)| (characteristic, means(images))).collect()
}

fn mostly_correct(side: &Side) -> BTreeMap<&str, f64> {
    let mut num_correct: BTreeMap<&str, usize> = BTreeMap::new();
    for (image_id, is_correct) in side.correct.iter().flatten() {
        *num_correct.entry(image_id).or_default() += usize::from(*is_correct);
    }
    let is_most = |num: usize| f64::from(u8::from(2 * num > side.correct.len()));
    num_correct.into_iter().map(|(image_id, num)| (image_id, is_most(num))).collect()
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

    /// `tested` are p and effect.
    fn paired(&self, resamples: &[Vec<u32>], tested: Option<(f64, f64)>) -> Paired {
        let mean = |values: Vec<f64>| crate::mean(&values);
        let side = |side: usize| mean(self.values.values().map(|values| values[side]).collect());
        let resampled: Vec<Option<f64>> = resamples
            .iter()
            .map(|places| {
                let drawn = places.iter().filter_map(|place| self.values.get(place));
                mean(drawn.map(|[first, second]| first - second).collect())
            })
            .collect();
        Paired {
            first: side(0),
            second: side(1),
            difference: mean(self.differences()),
            interval: percentile_interval(&resampled),
            images: self.values.len(),
            unpaired: self.unpaired,
            effect: tested.map(|(_, effect)| effect),
            p: tested.map(|(p, _)| p),
            p_holm: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FuzzyScores;

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
        let second =
            side(vec![vec![row("a", "r", 0.5), row("b", "r", 0.75), row("c", "r", 0.1)]], &[]);
        let found = compare(&first, &second, &["a", "b", "c"], &[vec![0, 0, 2], vec![1, 1, 2]]);
        let plaque = &found.f1["Plaque"];
        assert_eq!((plaque.images, plaque.unpaired), (2, 1));
        assert!((plaque.difference.unwrap() + 0.025).abs() < 1e-12);
        assert!((plaque.first.unwrap() - 0.6).abs() < 1e-12);
        assert_eq!((plaque.effect, plaque.p), (Some(-1.0 / 3.0), Some(1.0)));
        // Resampled differences .1 and -.15, 2.5 % of the way in.
        let [low, high] = plaque.interval.unwrap();
        assert!((low + 0.15 - 0.00625).abs() < 1e-12 && (high - 0.1 + 0.00625).abs() < 1e-12);
        assert_eq!(found.accuracy, None);
    }

    #[test]
    fn diagnoses_are_right_in_most_seeds() {
        let first = side(vec![], &[&[("a", true), ("b", true)], &[("a", true), ("b", false)]]);
        let second = side(vec![], &[&[("a", false), ("b", false)]]);
        let accuracy = compare(&first, &second, &["a", "b"], &[]).accuracy.unwrap();
        // a is right twice of two, b once of two: not more than half.
        assert_eq!((accuracy.first, accuracy.second), (Some(0.5), Some(0.0)));
        assert_eq!((accuracy.effect, accuracy.p), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn a_side_does_not_differ_from_itself() {
        let one = side(vec![vec![row("a", "r", 0.5)]], &[&[("a", true)]]);
        let mut found = [compare(&one, &one, &["a"], &[vec![0]])];
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
