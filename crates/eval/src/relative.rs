//! Scores of maps beside what experts reach among themselves and what a map reaches that never saw
//! a network.

use crate::comparison::MIN_INTERVAL_IMAGES;
use crate::{FuzzyScores, MapRow, RelativeScores, Score, percentile_interval};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The rows of one network, of the experts among themselves, and of the baselines.
#[derive(Debug, Clone, Copy)]
pub struct Comparands<'a> {
    /// Maps against masks.
    pub network: &'a [MapRow],
    /// Masks against masks of the same characteristic by other raters.
    pub experts: &'a [MapRow],
    /// Maps that never saw a network against masks, by name.
    pub baselines: &'a BTreeMap<String, Vec<MapRow>>,
}

/// Relates every characteristic's scores to the experts' and to the best baseline's.
///
/// With the means N of the network, E of the experts and B of the baseline whose mean is best,
/// `share = N / E` and `skill = (N - B) / (E - B)`: a skill of 0 is what a map without a network
/// reaches, 1 what experts reach. The share is given for each score, the skill for F1, which alone
/// rewards neither large nor small maps. All three means are over the same images, those on which two
/// experts can be compared, and an image weighs in each as much as it has rows of the network: images that
/// one rater alone outlined say nothing about what experts reach. Intervals are percentiles over
/// `resamples` of the images (places in `image_ids`), in which all three means are taken anew.
///
/// A skill is undefined where the experts do not do better than the baseline. A characteristic that no
/// two experts outlined on one image has none.
pub fn relative_scores(
    comparands: Comparands<'_>,
    image_ids: &[&str],
    resamples: &[Vec<u32>],
) -> BTreeMap<String, RelativeScores> {
    let all = Matched::all(comparands, image_ids);
    let once = vec![1.0; image_ids.len()];
    let resamples = multiplicities(resamples, image_ids.len());
    // Each on its own, so that threads change nothing.
    let related = all.into_par_iter().map(|(characteristic, matched)| {
        let resampled: Vec<Statistics> =
            resamples.iter().map(|times| matched.statistics(times)).collect();
        (characteristic, matched.scores(&once, &resampled))
    });
    related.collect()
}

/// Takes the intervals of few images away: below six, images say nothing of others, as in comparisons.
pub fn drop_intervals_of_few(related: &mut BTreeMap<String, RelativeScores>) {
    for scores in related.values_mut().filter(|scores| scores.images < MIN_INTERVAL_IMAGES) {
        let RelativeScores { f1_share, sensitivity_share, specificity_share, skill, .. } = scores;
        for score in [f1_share, sensitivity_share, specificity_share, skill] {
            score.interval = None;
        }
    }
}

/// Gives the scores of `related`, which are means over networks, their intervals: percentiles of the mean
/// over the networks when the images are resampled, the same for all.
///
/// `networks` has the rows of each; `comparands` the others'.
pub fn add_relative_intervals(
    related: &mut BTreeMap<String, RelativeScores>,
    networks: &[&[MapRow]],
    comparands: Comparands<'_>,
    image_ids: &[&str],
    resamples: &[Vec<u32>],
) {
    let matched: Vec<BTreeMap<String, Matched>> = networks
        .iter()
        .map(|network| Matched::all(Comparands { network, ..comparands }, image_ids))
        .collect();
    let resamples = multiplicities(resamples, image_ids.len());
    related.par_iter_mut().for_each(|(characteristic, scores)| {
        let of_each = matched.iter().filter_map(|network| network.get(characteristic));
        let of_each: Vec<&Matched> = of_each.collect();
        let resampled: Vec<Statistics> = resamples
            .iter()
            .map(|times| {
                let each: Vec<Statistics> =
                    of_each.iter().map(|one| one.statistics(times)).collect();
                PLACES.map(|place| {
                    let defined: Option<Vec<f64>> = each.iter().map(|one| one[place]).collect();
                    crate::mean(&defined?)
                })
            })
            .collect();
        let [f1, sensitivity, specificity, skill] = intervals(&resampled);
        scores.f1_share.interval = f1;
        scores.sensitivity_share.interval = sensitivity;
        scores.specificity_share.interval = specificity;
        scores.skill.interval = skill;
    });
}

/// Shares of F1, sensitivity and specificity, and the skill.
type Statistics = [Option<f64>; 4];

const PLACES: [usize; 4] = [0, 1, 2, 3];

fn intervals(resampled: &[Statistics]) -> [Option<[f64; 2]>; 4] {
    PLACES.map(|place| {
        percentile_interval(&resampled.iter().map(|one| one[place]).collect::<Vec<_>>())
    })
}

/// How often each of `num_images` images was drawn, for each resample.
fn multiplicities(resamples: &[Vec<u32>], num_images: usize) -> Vec<Vec<f64>> {
    let times = |resample: &Vec<u32>| {
        let mut times = vec![0.0; num_images];
        for &image in resample {
            times[image as usize] += 1.0;
        }
        times
    };
    resamples.iter().map(times).collect()
}

/// The sums of one characteristic, all of the same images.
struct Matched {
    network: Sums,
    experts: Sums,
    baselines: Vec<(String, Sums)>,
}

impl Matched {
    /// Of each characteristic that the network and two experts have on one image.
    fn all(comparands: Comparands<'_>, image_ids: &[&str]) -> BTreeMap<String, Self> {
        let of = |rows| Sums::by_characteristic(rows, image_ids);
        let (networks, experts) = (of(comparands.network), of(comparands.experts));
        let baselines: Vec<_> =
            comparands.baselines.iter().map(|(name, rows)| (name, of(rows))).collect();
        let matched = networks.iter().filter_map(|(characteristic, network)| {
            let experts = experts.get(characteristic)?;
            let network = network.on_images_of(experts);
            let experts = experts.weighted_as(&network);
            let baselines = baselines.iter().filter_map(|(name, sums)| {
                Some(((*name).clone(), sums.get(characteristic)?.on_images_of(&experts)))
            });
            let baselines = baselines.collect();
            let matched = Self { network, experts, baselines };
            (!matched.network.images.is_empty()).then(|| ((*characteristic).to_owned(), matched))
        });
        matched.collect()
    }

    /// With each image taken so many times.
    fn statistics(&self, times: &[f64]) -> Statistics {
        let (network, experts) = (self.network.means(times), self.experts.means(times));
        let share = |score_idx: usize| ratio(network[score_idx]?, experts[score_idx]?);
        let skill = || {
            let means = self.baselines.iter().filter_map(|(_, sums)| sums.mean(F1, times));
            let baseline = means.max_by(f64::total_cmp)?;
            ratio(network[F1]? - baseline, experts[F1]? - baseline)
        };
        [share(F1), share(1), share(2), skill()]
    }

    fn scores(&self, once: &[f64], resampled: &[Statistics]) -> RelativeScores {
        let (whole, intervals) = (self.statistics(once), intervals(resampled));
        let [f1_share, sensitivity_share, specificity_share, skill] = PLACES.map(|place| Score {
            n: usize::from(whole[place].is_some()),
            undefined: usize::from(whole[place].is_none()),
            mean: whole[place],
            interval: intervals[place],
            ..Score::default()
        });
        let best_baseline = self
            .baselines
            .iter()
            .filter_map(|(name, sums)| Some((sums.mean(F1, once)?, name)))
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, name)| name.clone());
        let images = self.network.images.len();
        RelativeScores {
            f1_share,
            sensitivity_share,
            specificity_share,
            skill,
            best_baseline,
            images,
        }
    }
}

/// The place of F1 in [`scores`].
const F1: usize = 0;

fn scores(row: &MapRow) -> [Option<f64>; 3] {
    let FuzzyScores { f1, sensitivity, specificity, .. } = row.scores;
    [f1, sensitivity, specificity]
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// Sums and numbers of the defined scores, by image.
#[derive(Default)]
struct Sums {
    /// The images with rows, in order, and `[score]` of each; most characteristics are on few images.
    images: Vec<(usize, [(f64, f64); 3])>,
}

impl Sums {
    fn by_characteristic<'a>(rows: &'a [MapRow], image_ids: &[&str]) -> BTreeMap<&'a str, Self> {
        let places: BTreeMap<&str, usize> =
            image_ids.iter().enumerate().map(|(place, image_id)| (*image_id, place)).collect();
        let mut sums: BTreeMap<&str, Self> = BTreeMap::new();
        for row in rows {
            let Some(&place) = places.get(row.image_id.as_str()) else { continue };
            let of_row = sums.entry(row.characteristic.as_str()).or_default();
            let at = match of_row.images.binary_search_by_key(&place, |(image, _)| *image) {
                Ok(at) => at,
                Err(at) => {
                    of_row.images.insert(at, (place, [(0.0, 0.0); 3]));
                    at
                }
            };
            for (sum, score) in of_row.images[at].1.iter_mut().zip(scores(row)) {
                if let Some(score) = score {
                    *sum = (sum.0 + score, sum.1 + 1.0);
                }
            }
        }
        sums
    }

    /// Only the images, and of them the scores, that `others` have, too.
    fn on_images_of(&self, others: &Self) -> Self {
        self.beside(others, |own, num_others| if num_others > 0.0 { own } else { (0.0, 0.0) })
    }

    /// The same mean for each image, weighing as much as the image does in `others`.
    fn weighted_as(&self, others: &Self) -> Self {
        self.beside(others, |(sum, num), weight| match ratio(sum, num) {
            Some(mean) => (mean * weight, weight),
            None => (0.0, 0.0),
        })
    }

    /// Each sum and number of the images that both have, changed by `change`, which gets the number of
    /// `others`.
    fn beside(&self, others: &Self, change: impl Fn((f64, f64), f64) -> (f64, f64)) -> Self {
        let of_both = self.images.iter().filter_map(|(place, own)| {
            let theirs = others.of_image(*place)?;
            let score = |score_idx: usize| change(own[score_idx], theirs[score_idx].1);
            Some((*place, [0, 1, 2].map(score)))
        });
        Self { images: of_both.collect() }
    }

    fn of_image(&self, place: usize) -> Option<&[(f64, f64); 3]> {
        let at = self.images.binary_search_by_key(&place, |(image, _)| *image).ok()?;
        Some(&self.images[at].1)
    }

    /// The mean over all rows of the images, each taken so many times.
    fn mean(&self, score_idx: usize, times: &[f64]) -> Option<f64> {
        let (mut sum, mut num) = (0.0, 0.0);
        for &(image, of_image) in &self.images {
            sum += times[image] * of_image[score_idx].0;
            num += times[image] * of_image[score_idx].1;
        }
        ratio(sum, num)
    }

    fn means(&self, times: &[f64]) -> [Option<f64>; 3] {
        [0, 1, 2].map(|score_idx| self.mean(score_idx, times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(image_id: &str, f1: f64) -> MapRow {
        let scores = FuzzyScores { f1: Some(f1), specificity: Some(1.0), ..Default::default() };
        MapRow {
            image_id: image_id.into(),
            rater: "r".into(),
            characteristic: "Plaque".into(),
            scores,
            ..MapRow::default()
        }
    }

    #[test]
    fn share_and_skill_by_hand() {
        // Network (.5 + .3) / 2 = .4, experts ((.9 + .7) / 2 + .8) / 2 = .8, baselines .2 and .1:
        // share .4 / .8, skill (.4 - .2) / (.8 - .2).
        let baselines = BTreeMap::from([
            ("noise".to_string(), vec![row("a", 0.0), row("b", 0.2)]),
            ("ones".to_string(), vec![row("a", 0.3), row("b", 0.1)]),
        ]);
        let comparands = Comparands {
            network: &[row("a", 0.5), row("b", 0.3)],
            experts: &[row("a", 0.9), row("a", 0.7), row("b", 0.8)],
            baselines: &baselines,
        };
        let found = relative_scores(comparands, &["a", "b"], &[vec![0, 1], vec![1, 1]]);
        let plaque = &found["Plaque"];
        assert!((plaque.f1_share.mean.unwrap() - 0.5).abs() < 1e-12);
        assert!((plaque.skill.mean.unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(plaque.best_baseline.as_deref(), Some("ones"));
        assert_eq!(
            (plaque.specificity_share.mean, plaque.sensitivity_share.mean),
            (Some(1.0), None)
        );
        // Image b twice: network .3, experts .8, best baseline .2 (noise): skill .1 / .6. The two
        // resamples' skills are 1/3 and 1/6; 2.5 % of the way from one to the other.
        let [low, high] = plaque.skill.interval.unwrap();
        assert!((low - (1.0 / 6.0 + 0.025 / 6.0)).abs() < 1e-12, "{low}");
        assert!((high - (1.0 / 3.0 - 0.025 / 6.0)).abs() < 1e-12, "{high}");
    }

    #[test]
    fn all_means_are_over_the_images_on_which_experts_can_be_compared() {
        // Image a was read by one rater, who agrees with the map; b by two, c by three (six rows of the
        // experts, three of the network). Over b and c: network (2 * .1 + 3 * .3) / 5 = .22, experts
        // (2 * .5 + 3 * .6) / 5 = .56, baseline 0: share .22 / .56. With a, and with as many rows as the
        // experts have, it would be (1 + .2 + .9) / 6 = .35 of (2 * .5 + 6 * .6) / 8 = .575.
        let rows = |image_id: &str, f1: f64, num: usize| vec![row(image_id, f1); num];
        let network = [rows("a", 1.0, 1), rows("b", 0.1, 2), rows("c", 0.3, 3)].concat();
        let experts = [rows("b", 0.5, 2), rows("c", 0.6, 6)].concat();
        let zeros = [rows("a", 0.9, 1), rows("b", 0.0, 2), rows("c", 0.0, 3)].concat();
        let baselines = BTreeMap::from([("zeros".to_string(), zeros)]);
        let comparands = Comparands { network: &network, experts: &experts, baselines: &baselines };
        let found = relative_scores(comparands, &["a", "b", "c"], &[]);
        let plaque = &found["Plaque"];
        assert!((plaque.f1_share.mean.unwrap() - 0.22 / 0.56).abs() < 1e-12);
        assert!((plaque.skill.mean.unwrap() - 0.22 / 0.56).abs() < 1e-12);
        assert_eq!(plaque.images, 2);
    }

    #[test]
    fn over_networks_the_interval_is_of_their_mean() {
        // One image each time: of a the skills are .5 and .7, mean .6; of b .1 and .3, mean .2.
        let of = |image_id: &str, f1: f64| row(image_id, f1);
        let first = [of("a", 0.5), of("b", 0.1)];
        let second = [of("a", 0.7), of("b", 0.3)];
        let baselines = BTreeMap::from([("zeros".to_string(), vec![of("a", 0.0), of("b", 0.0)])]);
        let experts = [of("a", 1.0), of("b", 1.0)];
        let comparands = Comparands { network: &[], experts: &experts, baselines: &baselines };
        let resamples = [vec![0, 0], vec![1, 1]];
        let mut found = BTreeMap::from([("Plaque".to_string(), RelativeScores::default())]);
        let networks = [first.as_slice(), second.as_slice()];
        add_relative_intervals(&mut found, &networks, comparands, &["a", "b"], &resamples);
        let [low, high] = found["Plaque"].skill.interval.unwrap();
        assert!((low - (0.2 + 0.025 * 0.4)).abs() < 1e-12, "{low}");
        assert!((high - (0.6 - 0.025 * 0.4)).abs() < 1e-12, "{high}");
    }

    #[test]
    fn five_images_have_no_interval_and_six_have_one() {
        let alone = Score { mean: Some(0.15), ..Score::default() };
        let skill = Score { interval: Some([0.1, 0.2]), ..alone.clone() };
        let of = |images| RelativeScores { images, skill: skill.clone(), ..Default::default() };
        let mut found = BTreeMap::from([("few".to_string(), of(5)), ("enough".to_string(), of(6))]);
        drop_intervals_of_few(&mut found);
        assert_eq!(found["few"].skill, alone);
        assert_eq!(found["enough"].skill, skill);
    }

    #[test]
    fn experts_no_better_than_a_baseline_leave_the_skill_undefined() {
        let baselines = BTreeMap::from([("ones".to_string(), vec![row("a", 0.9)])]);
        let network = [row("a", 0.5)];
        let comparands =
            Comparands { network: &network, experts: &[row("a", 0.8)], baselines: &baselines };
        let found = relative_scores(comparands, &["a"], &[]);
        assert_eq!((found["Plaque"].skill.mean, found["Plaque"].skill.undefined), (None, 1));
        assert!(found["Plaque"].f1_share.mean.is_some());
        // No two experts outlined it: nothing to compare with.
        let comparands = Comparands { experts: &[], ..comparands };
        assert!(relative_scores(comparands, &["a"], &[]).is_empty());
    }
}
