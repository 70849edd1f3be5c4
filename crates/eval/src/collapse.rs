//! Signs that training one network failed where that of others did not.

use crate::ConfusionMatrix;
use serde::{Deserialize, Serialize};

/// Share of the classes' effective number below which predictions count as collapsed.
///
/// On the study's ten published runs the share is 0.41 for the collapsed one, and 0.58 to 0.97 for the
/// others.
const MIN_CLASS_SHARE: f64 = 0.5;

/// Probability at which a network without any skill is told to have one.
const MAX_P_VALUE: f64 = 0.01;

/// Why a network counts as collapsed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "sign", rename_all = "snake_case")]
pub enum Collapse {
    /// It names few classes: their effective number is less than half of that of the gold classes.
    FewClasses {
        /// Effective number of predicted classes.
        predicted: f64,
        /// Effective number of gold classes.
        gold: f64,
    },
    /// Its accuracy cannot be told from that of its predictions dealt to the images at random.
    Chance {
        /// Share of right images.
        accuracy: f64,
        /// What it would be if classes were named as often, but at random.
        by_chance: f64,
        /// Probability of at least as many right images by chance.
        p_value: f64,
    },
}

/// The signs of collapse in the predictions of one network; none for most.
///
/// The effective number of classes is `exp(-sum_c p_c ln p_c)` with `p_c` the share of the images: as
/// many equally frequent classes would be as mixed. By chance the accuracy is `sum_c gold_c predicted_c`
/// (as in Cohen's kappa); `p_value` is the upper tail of the binomial distribution, and counts below
/// 0.01. The first sign finds a network that falls back on one class and still is right more often than
/// chance; the second finds one that always names the most frequent class of a test set that hardly has
/// others. Few images leave a good network indistinguishable from chance, too.
///
/// Accuracies of few seeds do not tell: of five, one that is out by 3.5 robust standard deviations may
/// just mean that the other four happen to be close.
///
/// # Source
/// Hill, 1973, <https://doi.org/10.2307/1934352>; Cohen, 1960,
/// <https://doi.org/10.1177/001316446002000104>.
pub fn collapse(matrix: &ConfusionMatrix) -> Vec<Collapse> {
    [few_classes(matrix), chance(matrix)].into_iter().flatten().collect()
}

fn few_classes(matrix: &ConfusionMatrix) -> Option<Collapse> {
    let [gold, predicted] = totals(matrix);
    let (gold, predicted) = (effective_number(&gold)?, effective_number(&predicted)?);
    (predicted < MIN_CLASS_SHARE * gold).then_some(Collapse::FewClasses { predicted, gold })
}

fn chance(matrix: &ConfusionMatrix) -> Option<Collapse> {
    let accuracy = matrix.accuracy()?;
    let [gold, predicted] = totals(matrix);
    let num_images = matrix.num_images() as f64;
    let by_chance = std::iter::zip(gold, predicted)
        .map(|(gold, predicted)| gold as f64 / num_images * (predicted as f64 / num_images))
        .sum();
    let num_right = (0..matrix.num_classes()).map(|class| matrix.rows()[class][class]).sum();
    let p_value = upper_tail(num_right, matrix.num_images(), by_chance);
    (p_value > MAX_P_VALUE).then_some(Collapse::Chance { accuracy, by_chance, p_value })
}

/// Images of each class: gold, predicted.
fn totals(matrix: &ConfusionMatrix) -> [Vec<u64>; 2] {
    let gold = matrix.rows().iter().map(|row| row.iter().sum()).collect();
    let column = |class: usize| matrix.rows().iter().map(|row| row[class]).sum();
    [gold, (0..matrix.num_classes()).map(column).collect()]
}

/// `exp(-sum p ln p)` over the shares of `counts`; `None` of nothing.
fn effective_number(counts: &[u64]) -> Option<f64> {
    let sum = counts.iter().sum::<u64>() as f64;
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / sum);
    (sum > 0.0).then(|| libm::exp(-shares.map(|share| share * libm::log(share)).sum::<f64>()))
}

/// Probability of `least` or more hits in `num_trials` of probability `chance`.
fn upper_tail(least: u64, num_trials: u64, chance: f64) -> f64 {
    if chance >= 1.0 {
        return 1.0;
    }
    let ln_choose = |hits: f64| {
        let num_trials = num_trials as f64;
        libm::lgamma(num_trials + 1.0)
            - libm::lgamma(hits + 1.0)
            - libm::lgamma(num_trials - hits + 1.0)
    };
    let probability = |hits: u64| {
        let (hits, misses) = (hits as f64, (num_trials - hits) as f64);
        // Not 0 times minus infinity where nothing can be hit.
        let ln_hits = if hits > 0.0 { hits * libm::log(chance) } else { 0.0 };
        libm::exp(ln_choose(hits) + ln_hits + misses * libm::log1p(-chance))
    };
    (least..=num_trials).map(probability).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::{Collapse, collapse, effective_number, upper_tail};
    use crate::ConfusionMatrix;

    fn matrix(rows: &[&[u64]]) -> ConfusionMatrix {
        ConfusionMatrix::from_rows(rows.iter().map(|row| row.to_vec()).collect()).unwrap()
    }

    #[test]
    fn effective_numbers_by_hand() {
        let is_close =
            |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
        assert!(is_close(effective_number(&[7, 7, 7]), 3.0));
        assert!(is_close(effective_number(&[9, 0]), 1.0));
        // Shares 1/2, 1/4, 1/4: entropy 1.5 ln 2.
        assert!(is_close(effective_number(&[2, 1, 1]), 2f64.powf(1.5)));
        assert_eq!(effective_number(&[0, 0]), None);
    }

    #[test]
    fn binomial_tails_by_hand() {
        // Two or more heads of three: (3 + 1) / 8.
        assert!((upper_tail(2, 3, 0.5) - 0.5).abs() < 1e-12);
        assert!((upper_tail(3, 3, 0.1) - 1e-3).abs() < 1e-15);
        assert!((upper_tail(0, 500, 0.3) - 1.0).abs() < 1e-9);
        assert_eq!((upper_tail(0, 4, 0.0), upper_tail(1, 4, 0.0)), (1.0, 0.0));
        assert_eq!(upper_tail(4, 4, 1.0), 1.0);
    }

    #[test]
    fn a_network_that_falls_back_on_one_class_is_found() {
        // 240 of 600 right are 3.5 standard deviations more than the third by chance, but 560 of 600
        // images get class 0. Effective number: exp(-14/15 ln 14/15 - 2 * 1/30 ln 1/30).
        let fallen = matrix(&[&[200, 0, 0], &[180, 20, 0], &[180, 0, 20]]);
        let signs = collapse(&fallen);
        let [Collapse::FewClasses { predicted, gold }] = signs[..] else { panic!("{signs:?}") };
        let expected = (15f64 / 14.0).powf(14.0 / 15.0) * 30f64.powf(1.0 / 15.0);
        assert!((predicted - expected).abs() < 1e-12 && (gold - 3.0).abs() < 1e-12, "{signs:?}");
        let sound = matrix(&[&[20, 0, 0], &[0, 20, 0], &[10, 0, 10]]);
        assert_eq!(collapse(&sound), []);
    }

    #[test]
    fn always_the_most_frequent_class_is_chance() {
        // Gold 18 and 2: effective number 1.38, half of it is below 1. By chance 0.9 * 1 are right.
        let signs = collapse(&matrix(&[&[18, 0], &[2, 0]]));
        let [Collapse::Chance { accuracy, by_chance, p_value }] = signs[..] else {
            panic!("{signs:?}")
        };
        assert_eq!((accuracy, by_chance), (0.9, 0.9));
        // 18, 19 or 20 hits of 20 at 0.9: 190 * .9^18 * .01 + 20 * .9^19 * .1 + .9^20.
        let expected = 190.0 * 0.9f64.powi(18) * 0.01 + 2.0 * 0.9f64.powi(19) + 0.9f64.powi(20);
        assert!((p_value - expected).abs() < 1e-12, "{p_value} {expected}");
    }

    #[test]
    fn without_images_nothing_is_said() {
        assert_eq!(collapse(&ConfusionMatrix::new(3)), []);
    }
}
