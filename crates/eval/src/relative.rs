//! Scores of maps beside what experts reach among themselves and what a map reaches that never saw
//! a network.

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
/// rewards neither large nor small maps. Intervals are percentiles over `resamples` of the images
/// (places in `image_ids`), in which all three means are taken anew.
///
/// A skill is undefined where the experts do not do better than the baseline.
pub fn relative_scores(
    comparands: Comparands<'_>,
    image_ids: &[&str],
    resamples: &[Vec<u32>],
) -> BTreeMap<String, RelativeScores> {
    let network = Sums::by_characteristic(comparands.network, image_ids);
    let experts = Sums::by_characteristic(comparands.experts, image_ids);
    let baselines: Vec<(&String, BTreeMap<&str, Sums>)> = comparands
        .baselines
        .iter()
        .map(|(name, rows)| (name, Sums::by_characteristic(rows, image_ids)))
        .collect();
    let once = vec![1.0; image_ids.len()];
    let resamples: Vec<Vec<f64>> =
        resamples.iter().map(|resample| multiplicities(resample, image_ids.len())).collect();
    // Each on its own, so that threads change nothing.
    let related = network.par_iter().filter_map(|(characteristic, network)| {
        let experts = experts.get(characteristic)?;
        let baselines: Vec<(&String, &Sums)> = baselines
            .iter()
            .filter_map(|(name, sums)| Some((*name, sums.get(characteristic)?)))
            .collect();
        let related = relate(network, experts, &baselines, &once, &resamples);
        Some(((*characteristic).to_owned(), related))
    });
    related.collect()
}

/// How often each of `num_images` images was drawn.
fn multiplicities(resample: &[u32], num_images: usize) -> Vec<f64> {
    let mut times = vec![0.0; num_images];
    for &image in resample {
        times[image as usize] += 1.0;
    }
    times
}

fn relate(
    network: &Sums,
    experts: &Sums,
    baselines: &[(&String, &Sums)],
    once: &[f64],
    resamples: &[Vec<f64>],
) -> RelativeScores {
    let statistics = |times: &[f64]| -> [Option<f64>; 4] {
        let (network, experts) = (network.means(times), experts.means(times));
        let share = |score_idx: usize| ratio(network[score_idx]?, experts[score_idx]?);
        let skill = || {
            let means = baselines.iter().filter_map(|(_, sums)| sums.mean(F1, times));
            let baseline = means.max_by(f64::total_cmp)?;
            ratio(network[F1]? - baseline, experts[F1]? - baseline)
        };
        [share(F1), share(1), share(2), skill()]
    };
    let whole = statistics(once);
    let resampled: Vec<[Option<f64>; 4]> =
        resamples.iter().map(|times| statistics(times)).collect();
    let over = |place: usize| Score {
        n: usize::from(whole[place].is_some()),
        undefined: usize::from(whole[place].is_none()),
        mean: whole[place],
        interval: percentile_interval(&resampled.iter().map(|one| one[place]).collect::<Vec<_>>()),
        ..Score::default()
    };
    let best_baseline = baselines
        .iter()
        .filter_map(|(name, sums)| Some((sums.mean(F1, once)?, *name)))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name.clone());
    let [f1_share, sensitivity_share, specificity_share, skill] = [0, 1, 2, 3].map(over);
    RelativeScores { f1_share, sensitivity_share, specificity_share, skill, best_baseline }
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
        // Network (.5 + .3) / 2 = .4, experts (.9 + .7 + .8) / 3 = .8, baselines .2 and .1:
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
