//! The six diagnoses: their names, how many photos each gets, where on the body it sits.

use super::finding::Finding;
use super::scene::{Age, Scene, Site};
use super::{acne, keratosis, psoriasis, seborrheic, vitiligo, wart};
use crate::Random;

/// A diagnosis and what the generator has to know about it.
pub(super) struct Disease {
    /// The label in metadata.csv and in annotations.
    pub(super) name: &'static str,
    /// The training folder of the study.
    pub(super) folder: &'static str,
    /// Beginning of file names (no `_`, which separates rater and image).
    pub(super) stem: &'static str,
    /// Photos in the study's training set.
    num_study_images: usize,
    /// What raters take it for when they are wrong.
    pub(super) mistaken_for: &'static [&'static str],
    /// Weights of face, trunk, limb and palm.
    sites: [f64; 4],
    /// Weights of young, adult and elderly.
    ages: [f64; 3],
    pub(super) paint: fn(&mut Scene, &mut Random) -> Vec<Finding>,
}

/// The folders of the study's training set, and of synthetic ones, with the diagnosis that each holds.
pub fn study_folders() -> [(&'static str, &'static str); 6] {
    DISEASES.map(|disease| (disease.folder, disease.name))
}

/// All diagnoses, in the alphabetical order of their names.
pub(super) const DISEASES: [Disease; 6] = [
    Disease {
        name: "Acne",
        folder: "acne",
        stem: "acne",
        num_study_images: 1177,
        mistaken_for: &["Seborrheic dermatitis"],
        sites: [0.7, 0.25, 0.05, 0.0],
        ages: [0.6, 0.4, 0.0],
        paint: acne::paint,
    },
    Disease {
        name: "Actinic keratosis",
        folder: "actinic_keratosis",
        stem: "actinic-keratosis",
        num_study_images: 165,
        mistaken_for: &["Seborrheic dermatitis", "Psoriasis"],
        sites: [0.6, 0.1, 0.3, 0.0],
        ages: [0.0, 0.3, 0.7],
        paint: keratosis::paint,
    },
    Disease {
        name: "Psoriasis",
        folder: "psoriasis_no_pustular",
        stem: "psoriasis",
        num_study_images: 975,
        mistaken_for: &["Seborrheic dermatitis"],
        sites: [0.25, 0.3, 0.35, 0.1],
        ages: [0.2, 0.6, 0.2],
        paint: psoriasis::paint,
    },
    Disease {
        name: "Seborrheic dermatitis",
        folder: "seborrheic_dermatitis",
        stem: "seborrheic-dermatitis",
        num_study_images: 113,
        mistaken_for: &["Psoriasis", "Actinic keratosis"],
        sites: [0.75, 0.25, 0.0, 0.0],
        ages: [0.2, 0.6, 0.2],
        paint: seborrheic::paint,
    },
    Disease {
        name: "Viral warts",
        folder: "wart",
        stem: "viral-warts",
        num_study_images: 606,
        mistaken_for: &["Actinic keratosis"],
        sites: [0.25, 0.1, 0.3, 0.35],
        ages: [0.5, 0.4, 0.1],
        paint: wart::paint,
    },
    Disease {
        name: "Vitiligo",
        folder: "vitiligo",
        stem: "vitiligo",
        num_study_images: 178,
        mistaken_for: &["Seborrheic dermatitis"],
        sites: [0.4, 0.25, 0.3, 0.05],
        ages: [0.3, 0.5, 0.2],
        paint: vitiligo::paint,
    },
];

impl Disease {
    /// A body site and an age group that go with the diagnosis.
    pub(super) fn draw_setting(&self, random: &mut Random) -> (Site, Age) {
        let sites = [Site::Face, Site::Trunk, Site::Limb, Site::Palm];
        let ages = [Age::Young, Age::Adult, Age::Elderly];
        (weighted(random, &sites, &self.sites), weighted(random, &ages, &self.ages))
    }
}

/// `total` test photos, divided as evenly as possible.
pub(super) fn test_counts(total: usize) -> [usize; 6] {
    std::array::from_fn(|index| total / 6 + usize::from(index < total % 6))
}

/// `total` training photos, divided as in the study (largest remainder), but at least
/// `min(8, total / 6)` of each, taken from the most frequent.
pub(super) fn train_counts(total: usize) -> [usize; 6] {
    let weights = DISEASES.map(|disease| disease.num_study_images);
    let sum: usize = weights.iter().sum();
    let mut counts = weights.map(|weight| total * weight / sum);
    let mut by_remainder: Vec<usize> = (0..6).collect();
    by_remainder.sort_by_key(|&index| std::cmp::Reverse(total * weights[index] % sum));
    let num_missing = total - counts.iter().sum::<usize>();
    for &index in by_remainder.iter().take(num_missing) {
        counts[index] += 1;
    }
    let floor = (total / 6).min(8);
    while let Some(short) = (0..6).find(|&index| counts[index] < floor) {
        let largest = (0..6).max_by_key(|&index| counts[index]).unwrap_or(short);
        counts[largest] -= 1;
        counts[short] += 1;
    }
    counts
}

fn weighted<T: Copy>(random: &mut Random, items: &[T], weights: &[f64]) -> T {
    let mut rest = random.uniform(0.0, weights.iter().sum());
    for (&item, &weight) in items.iter().zip(weights) {
        rest -= weight;
        if rest < 0.0 {
            return item;
        }
    }
    items[items.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::{test_counts, train_counts};

    #[test]
    fn the_studys_total_gives_the_studys_counts() {
        assert_eq!(train_counts(3214), [1177, 165, 975, 113, 606, 178]);
    }

    #[test]
    fn the_largest_remainders_are_rounded_up() {
        // 720 * counts / 3214 = 263.67, 36.96, 218.42, 25.31, 135.76, 39.88: the floors sum to
        // 716, and the four largest remainders are those of .96, .88, .76 and .67.
        assert_eq!(train_counts(720), [264, 37, 218, 25, 136, 40]);
    }

    #[test]
    fn no_diagnosis_is_left_with_too_few_training_images() {
        assert_eq!(train_counts(6), [1; 6]);
        assert_eq!(train_counts(48), [8; 6]);
        for total in 6..400 {
            let counts = train_counts(total);
            assert_eq!(counts.iter().sum::<usize>(), total);
            assert!(counts.iter().all(|&count| count >= (total / 6).min(8)), "{counts:?}");
        }
    }

    #[test]
    fn test_images_are_spread_evenly() {
        assert_eq!(test_counts(150), [25; 6]);
        assert_eq!(test_counts(8), [2, 2, 1, 1, 1, 1]);
    }
}
