//! Intervals of shares.

use crate::Score;

/// The 97.5 % quantile of the standard normal distribution.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// The 95 % Wilson interval `[low, high]` of a share of `num` images; `None` without images.
///
/// `(p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)`. Unlike the bootstrap's, it
/// is not a point when all of a few images are right. `num` need not be whole: several networks on the
/// same images count as more of them.
///
/// # Source
/// Wilson, 1927, <https://doi.org/10.2307/2276774>. Parity with statsmodels'
/// `proportion_confint(method="wilson")`.
pub fn wilson_interval(share: f64, num: f64) -> Option<[f64; 2]> {
    if num <= 0.0 || !(0.0..=1.0).contains(&share) {
        return None;
    }
    let scale = 1.0 + Z * Z / num;
    let center = (share + Z * Z / (2.0 * num)) / scale;
    let half = Z * (share * (1.0 - share) / num + Z * Z / (4.0 * num * num)).sqrt() / scale;
    // A share of 0 or 1 is a bound of its interval but for rounding.
    Some([(center - half).clamp(0.0, share), (center + half).clamp(share, 1.0)])
}

/// The 95 % interval of a mean over images of `shares` of `num_seeds` networks that are right.
///
/// Wilson's with as many images as would make the mean of one network's zeros and ones vary as that of
/// these shares does: `n p (1 - p) / var`, from n to n times the number of networks. Of one network, and
/// where all are right or wrong of all images, that is n.
///
/// # Source
/// Franco et al., 2019, <https://doi.org/10.1093/jssam/smy019>.
pub(crate) fn mean_share_interval(shares: &[f64], num_seeds: usize) -> Option<[f64; 2]> {
    let mean = crate::mean(shares)?;
    let variance = crate::population_std(shares)?.powi(2);
    let num = shares.len() as f64;
    let varying = mean * (1.0 - mean);
    let effective = if varying > 0.0 { num * varying / variance } else { num };
    wilson_interval(mean, effective.clamp(num, num * num_seeds.max(1) as f64))
}

impl Score {
    /// This share of `num_images` images, with its interval.
    pub(crate) fn with_share_interval(self, num_images: usize) -> Self {
        let interval = self.mean.and_then(|mean| wilson_interval(mean, num_images as f64));
        Self { interval, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::{Z, mean_share_interval, wilson_interval};

    #[test]
    fn bounds_by_hand() {
        // Of 4 images all: center (1 + z^2 / 8) / (1 + z^2 / 4), half width (z^2 / 8) / (1 + z^2 / 4),
        // so low is 1 / (1 + z^2 / 4) = 0.5101 and high 1.
        let [low, high] = wilson_interval(1.0, 4.0).unwrap();
        assert!((low - 1.0 / (1.0 + Z * Z / 4.0)).abs() < 1e-12 && high == 1.0, "{low} {high}");
        // None of 4 mirrors it.
        let [none, other] = wilson_interval(0.0, 4.0).unwrap();
        assert!(none == 0.0 && (other - (1.0 - low)).abs() < 1e-12, "{none} {other}");
    }

    #[test]
    fn seeds_that_do_not_go_together_count_as_more_images() {
        let assert_counts = |shares: &[f64], num_seeds, expected: f64| {
            let [low, high] = mean_share_interval(shares, num_seeds).unwrap();
            let mean = crate::mean(shares).unwrap();
            let [expected_low, expected_high] = wilson_interval(mean, expected).unwrap();
            let is_same =
                (low - expected_low).abs() < 1e-12 && (high - expected_high).abs() < 1e-12;
            assert!(is_same, "{shares:?}: {low} {high}, expected {expected_low} {expected_high}");
        };
        // One network: variance p (1 - p), so n = 4. Two that say the same are like one.
        assert_counts(&[1.0, 0.0, 1.0, 1.0], 1, 4.0);
        assert_counts(&[1.0, 0.0, 1.0, 1.0], 2, 4.0);
        // Shares 1, .5, .5, 1: variance 1/16, p (1 - p) 3/16: n 12, of two networks at most 8.
        assert_counts(&[1.0, 0.5, 0.5, 1.0], 3, 12.0);
        assert_counts(&[1.0, 0.5, 0.5, 1.0], 2, 8.0);
        assert_counts(&[0.5, 0.5], 2, 4.0);
        assert_counts(&[1.0, 1.0], 5, 2.0);
        assert_eq!(mean_share_interval(&[], 5), None);
    }

    #[test]
    fn no_images_have_no_interval() {
        assert_eq!(wilson_interval(0.5, 0.0), None);
        assert_eq!(wilson_interval(f64::NAN, 3.0), None);
    }
}
