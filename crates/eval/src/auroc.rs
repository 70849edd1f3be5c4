//! How sure an area under the ROC curve is, and whether two of them differ.

use crate::paired::two_sided;
use crate::ranking::{check_finite, check_lengths};
use crate::wilson::Z;
use crate::{EvalError, mid_ranks, sample_std};
use serde::{Deserialize, Serialize};

/// An area under the ROC curve with what chance of the images does to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Auroc {
    /// The area, as of [`crate::ranking_scores`]: from 0 to 1, higher is better, chance is 0.5.
    pub auroc: f64,
    /// DeLong's variance of it; `None` where the class or the rest has fewer than two images.
    pub variance: Option<f64>,
    /// The 95 % interval: `auroc -+ 1.96 sqrt(variance)`, within 0 to 1. It is a point where the variance is 0,
    /// as of a perfect order, however few the images are.
    pub interval: Option<[f64; 2]>,
}

/// How far the areas under two ROC curves of the same images are apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AurocDifference {
    /// The first area less the second, from -1 to 1.
    pub difference: f64,
    /// DeLong's variance of it; `None` where the class or the rest has fewer than two images.
    pub variance: Option<f64>,
    /// The 95 % interval: `difference -+ 1.96 sqrt(variance)`, within -1 to 1.
    pub interval: Option<[f64; 2]>,
    /// `difference / sqrt(variance)`, and 0 of no difference; `None` where the variance is 0 or undefined.
    pub z: Option<f64>,
    /// Two-sided p of that z, taken as standard normal, if both areas were the same.
    pub p: Option<f64>,
}

/// The area under the ROC curve of `values`, with DeLong's variance.
///
/// With the m images of the class and the n others, `a_i` the share of the others that image i of the class is
/// above (ties half), and `b_j` the share of the class that is above other image j (ties half): the area is the
/// mean of the `a_i`, its variance `var(a) / m + var(b) / n` with sample variances. `None` without an image of
/// the class, and without another one.
///
/// # Shapes
/// `values[image]`, `is_of_class[image]`.
///
/// # Errors
/// Other numbers of images, a value that is not finite.
///
/// # Source
/// DeLong et al., 1988, <https://doi.org/10.2307/2531595>, by ranks as in Sun and Xu, 2014,
/// <https://doi.org/10.1109/LSP.2014.2337313>.
pub fn auroc(values: &[f64], is_of_class: &[bool]) -> Result<Option<Auroc>, EvalError> {
    mean_auroc(&[values], is_of_class)
}

/// The mean of the areas under the ROC curves of several networks on the same images, with DeLong's variance.
///
/// As [`auroc`], with the mean of the networks' shares in place of the shares: areas of the same images vary together,
/// so that their mean varies more than means of independent areas would. `None` without networks, too.
///
/// # Shapes
/// `networks[network][image]`, `is_of_class[image]`.
///
/// # Errors
/// As [`auroc`].
///
/// # Source
/// DeLong et al., 1988, <https://doi.org/10.2307/2531595>, of the linear contrast of equal weights.
pub fn mean_auroc(networks: &[&[f64]], is_of_class: &[bool]) -> Result<Option<Auroc>, EvalError> {
    let wins: Option<Vec<Wins>> = networks
        .iter()
        .map(|values| Wins::new(values, is_of_class))
        .collect::<Result<_, EvalError>>()?;
    let Some(wins) = wins.and_then(|wins| Wins::mean(&wins)) else { return Ok(None) };
    let (auroc, variance) = (wins.area(), wins.variance());
    let interval = variance.map(|variance| normal_interval(auroc, variance, [0.0, 1.0]));
    Ok(Some(Auroc { auroc, variance, interval }))
}

/// Compares the areas under the ROC curves of two networks on the same images by DeLong's paired test.
///
/// As [`auroc`], with the differences of the shares in place of the shares. `None` without an image of the class,
/// and without another one.
///
/// # Shapes
/// `one[image]` and `other[image]` are the values of two networks, `is_of_class[image]`.
///
/// # Errors
/// As [`auroc`].
///
/// # Source
/// DeLong et al., 1988, <https://doi.org/10.2307/2531595>.
pub fn auroc_difference(
    one: &[f64],
    other: &[f64],
    is_of_class: &[bool],
) -> Result<Option<AurocDifference>, EvalError> {
    let Some((one, other)) = Wins::new(one, is_of_class)?.zip(Wins::new(other, is_of_class)?)
    else {
        return Ok(None);
    };
    let wins = one.less(&other);
    let (difference, variance) = (wins.area(), wins.variance());
    let z = variance.and_then(|variance| match variance {
        _ if difference == 0.0 => Some(0.0),
        0.0 => None,
        variance => Some(difference / variance.sqrt()),
    });
    Ok(Some(AurocDifference {
        difference,
        variance,
        interval: variance.map(|variance| normal_interval(difference, variance, [-1.0, 1.0])),
        z,
        p: z.map(two_sided),
    }))
}

/// Of each image, how many of the other side it beats (of the class) or is beaten by (of the rest), ties half.
///
/// Halves of whole numbers, so that sums are exact.
struct Wins {
    inside: Vec<f64>,
    outside: Vec<f64>,
}

impl Wins {
    fn new(values: &[f64], is_of_class: &[bool]) -> Result<Option<Self>, EvalError> {
        check_lengths(values, is_of_class)?;
        check_finite(values)?;
        let ranks = mid_ranks(values);
        // What an image's rank among all is above that among its own side counts the other side below it.
        let below = |side: bool| -> Vec<f64> {
            let of_side = |idx: &usize| is_of_class[*idx] == side;
            let images: Vec<usize> = (0..values.len()).filter(of_side).collect();
            let own: Vec<f64> = images.iter().map(|&image| values[image]).collect();
            images.iter().zip(mid_ranks(&own)).map(|(&image, own)| ranks[image] - own).collect()
        };
        let (inside, outside) = (below(true), below(false));
        if inside.is_empty() || outside.is_empty() {
            return Ok(None);
        }
        let num_inside = inside.len() as f64;
        let outside = outside.into_iter().map(|below| num_inside - below).collect();
        Ok(Some(Self { inside, outside }))
    }

    fn less(&self, other: &Self) -> Self {
        let less = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(a, b)| a - b).collect();
        Self {
            inside: less(&self.inside, &other.inside),
            outside: less(&self.outside, &other.outside),
        }
    }

    /// `None` of nothing.
    fn mean(all: &[Self]) -> Option<Self> {
        let mean = |side: fn(&Self) -> &Vec<f64>| -> Option<Vec<f64>> {
            let of_image = |image: usize| {
                let sum: f64 = all.iter().map(|one| side(one)[image]).sum();
                sum / all.len() as f64
            };
            Some((0..side(all.first()?).len()).map(of_image).collect())
        };
        Some(Self { inside: mean(|one| &one.inside)?, outside: mean(|one| &one.outside)? })
    }

    fn area(&self) -> f64 {
        let num_pairs = self.inside.len() as f64 * self.outside.len() as f64;
        self.inside.iter().sum::<f64>() / num_pairs
    }

    fn variance(&self) -> Option<f64> {
        let of_side = |wins: &[f64], num_others: usize| {
            let std = sample_std(wins)? / num_others as f64;
            Some(std * std / wins.len() as f64)
        };
        let inside = of_side(&self.inside, self.outside.len())?;
        Some(inside + of_side(&self.outside, self.inside.len())?)
    }
}

fn normal_interval(estimate: f64, variance: f64, [lowest, highest]: [f64; 2]) -> [f64; 2] {
    let half = Z * variance.sqrt();
    [(estimate - half).max(lowest), (estimate + half).min(highest)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_CLASS: [bool; 5] = [true, true, false, false, false];

    #[test]
    fn the_variance_by_hand() {
        // Class .8 and .4, others .6, .4, .2. Shares below: 1 and (1 + 1/2) / 3 = 1/2; area 3/4.
        // Shares of the class above the others: 1/2, 3/4, 1. var(a) = 1/8, var(b) = 1/16.
        // 1/8 / 2 + 1/16 / 3 = 1/12
        let found = auroc(&[0.8, 0.4, 0.6, 0.4, 0.2], &OF_CLASS).unwrap().unwrap();
        assert_eq!(found.auroc, 0.75);
        assert!((found.variance.unwrap() - 1.0 / 12.0).abs() < 1e-15, "{found:?}");
        let [low, high] = found.interval.unwrap();
        assert!((low - (0.75 - Z / 12f64.sqrt())).abs() < 1e-15 && high == 1.0, "{found:?}");
    }

    #[test]
    fn the_mean_of_networks_by_hand() {
        // Shares of the class 1, 1/2 and 0, 0: means 1/2, 1/4. Of the others 1/2, 3/4, 1 and 0, 0, 0: 1/4, 3/8, 1/2.
        // Area 3/8; var(a) = 1/32, var(b) = 1/64: 1/64 + 1/192 = 1/48.
        let (one, last) = ([0.8, 0.4, 0.6, 0.4, 0.2], [0.1, 0.1, 0.3, 0.3, 0.3]);
        let found = mean_auroc(&[&one, &last], &OF_CLASS).unwrap().unwrap();
        assert_eq!(found.auroc, 0.375);
        assert!((found.variance.unwrap() - 1.0 / 48.0).abs() < 1e-15, "{found:?}");
        // A network twice is as sure as once.
        let once = auroc(&one, &OF_CLASS).unwrap();
        assert_eq!(mean_auroc(&[&one, &one], &OF_CLASS).unwrap(), once);
        assert_eq!(mean_auroc(&[], &OF_CLASS), Ok(None));
    }

    #[test]
    fn a_paired_difference_by_hand() {
        // The first as above; the second puts the class last: shares 0 and 0. Differences 1, 1/2 and 1/2, 3/4, 1.
        let one = [0.8, 0.4, 0.6, 0.4, 0.2];
        let found = auroc_difference(&one, &[0.1, 0.1, 0.3, 0.3, 0.3], &OF_CLASS).unwrap().unwrap();
        assert_eq!(found.difference, 0.75);
        assert!((found.z.unwrap() - 0.75 * 12f64.sqrt()).abs() < 1e-14, "{found:?}");
        assert_eq!(found.p, found.z.map(two_sided));
        assert_eq!(found.interval.unwrap()[1], 1.0);
        let same = auroc_difference(&one, &one, &OF_CLASS).unwrap().unwrap();
        assert_eq!((same.difference, same.z, same.p), (0.0, Some(0.0), Some(1.0)));
    }

    #[test]
    fn what_has_no_variance_has_no_p() {
        // Perfect against reversed: every share is 1 apart, so nothing varies.
        let (up, down) = ([0.9, 0.8, 0.1, 0.1, 0.1], [0.1, 0.2, 0.9, 0.9, 0.9]);
        let found = auroc_difference(&up, &down, &OF_CLASS).unwrap().unwrap();
        assert_eq!((found.difference, found.variance), (1.0, Some(0.0)));
        assert_eq!((found.z, found.p, found.interval), (None, None, Some([1.0, 1.0])));
        let perfect = auroc(&up, &OF_CLASS).unwrap().unwrap();
        assert_eq!((perfect.auroc, perfect.interval), (1.0, Some([1.0, 1.0])));
        // One image of the class alone.
        let single = auroc(&[0.3, 0.3, 0.1], &[true, false, false]).unwrap().unwrap();
        assert_eq!((single.auroc, single.variance, single.interval), (0.75, None, None));
    }

    #[test]
    fn one_side_alone_has_no_area_and_wrong_input_is_named() {
        assert_eq!(auroc(&[], &[]), Ok(None));
        assert_eq!(auroc(&[0.5, 0.1], &[true, true]), Ok(None));
        assert_eq!(auroc_difference(&[0.5], &[0.1], &[false]), Ok(None));
        let error = auroc(&[0.5], &[true, false]).unwrap_err().to_string();
        assert_eq!(error, "ranking: found 1 values for 2 images");
        let error = auroc(&[f64::NAN], &[true]).unwrap_err().to_string();
        assert_eq!(error, "value of image 0: found NaN, expected a finite number");
    }
}
