//! Scores of maps beside what experts reach among themselves and what a map reaches that never saw
//! a network.

use crate::{FuzzyScores, MapRow, RelativeScores, Score, percentile_interval};
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
    let every_image: Vec<u32> = (0..image_ids.len() as u32).collect();
    let related = network.iter().filter_map(|(characteristic, network)| {
        let experts = experts.get(characteristic)?;
        let baselines: Vec<(&String, &Sums)> = baselines
            .iter()
            .filter_map(|(name, sums)| Some((*name, sums.get(characteristic)?)))
            .collect();
        let related = relate(network, experts, &baselines, &every_image, resamples);
        Some(((*characteristic).to_owned(), related))
    });
    related.collect()
}

fn relate(
    network: &Sums,
    experts: &Sums,
    baselines: &[(&String, &Sums)],
    every_image: &[u32],
    resamples: &[Vec<u32>],
) -> RelativeScores {
    let over = |statistic: &dyn Fn(&[u32]) -> Option<f64>| {
        let mean = statistic(every_image);
        let resampled: Vec<Option<f64>> =
            resamples.iter().map(|resample| statistic(resample)).collect();
        Score {
            n: usize::from(mean.is_some()),
            undefined: usize::from(mean.is_none()),
            mean,
            interval: percentile_interval(&resampled),
            ..Score::default()
        }
    };
    let share = |score_idx: usize| {
        over(&|images| ratio(network.mean(score_idx, images)?, experts.mean(score_idx, images)?))
    };
    let best = |images: &[u32]| {
        let means = baselines.iter().filter_map(|(_, sums)| sums.mean(F1, images));
        means.max_by(f64::total_cmp)
    };
    let skill = over(&|images| {
        let (baseline, experts) = (best(images)?, experts.mean(F1, images)?);
        ratio(network.mean(F1, images)? - baseline, experts - baseline)
    });
    let best_baseline = baselines
        .iter()
        .filter_map(|(name, sums)| Some((sums.mean(F1, every_image)?, *name)))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name.clone());
    let [f1_share, sensitivity_share, specificity_share] = [F1, 1, 2].map(share);
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
struct Sums {
    /// `images[image][score]`.
    images: Vec<[(f64, f64); 3]>,
}

impl Sums {
    fn by_characteristic<'a>(rows: &'a [MapRow], image_ids: &[&str]) -> BTreeMap<&'a str, Self> {
        let places: BTreeMap<&str, usize> =
            image_ids.iter().enumerate().map(|(place, image_id)| (*image_id, place)).collect();
        let mut sums: BTreeMap<&str, Self> = BTreeMap::new();
        for row in rows {
            let Some(&place) = places.get(row.image_id.as_str()) else { continue };
            let of_row = sums
                .entry(row.characteristic.as_str())
                .or_insert_with(|| Self { images: vec![[(0.0, 0.0); 3]; image_ids.len()] });
            for (sum, score) in of_row.images[place].iter_mut().zip(scores(row)) {
                if let Some(score) = score {
                    *sum = (sum.0 + score, sum.1 + 1.0);
                }
            }
        }
        sums
    }

    /// The mean over all rows of `images`.
    fn mean(&self, score_idx: usize, images: &[u32]) -> Option<f64> {
        let (mut sum, mut num) = (0.0, 0.0);
        for &image in images {
            let of_image = self.images[image as usize][score_idx];
            sum += of_image.0;
            num += of_image.1;
        }
        ratio(sum, num)
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
