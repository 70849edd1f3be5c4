//! Whether a network is right as often as its probabilities say.

use crate::{percentile_interval, wilson_interval};
use serde::{Deserialize, Serialize};

/// Number of bins that the probabilities from 0 to 1 are parted into.
pub const NUM_BINS: usize = 15;

/// What a network says of an image: the largest of its probabilities, and whether that is the gold class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopProbability {
    /// The largest probability, in \[0, 1\].
    pub probability: f64,
    /// Whether its class is the gold class.
    pub is_right: bool,
}

/// The images whose largest probability lies in one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The bin is above this probability, ...
    pub low: f64,
    /// ... up to this one; the first bin has 0, too.
    pub high: f64,
    /// Number of images; over seeds each as often as a network puts it here.
    pub n: usize,
    /// Mean of the largest probabilities; `None` without images.
    pub probability: Option<f64>,
    /// Share of the images of which the class of the largest probability is the gold class; `None` without
    /// images.
    pub accuracy: Option<f64>,
    /// Wilson's interval of that share; over seeds with each image once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interval: Option<[f64; 2]>,
}

/// The index of the bin of a probability.
pub(crate) fn bin_of(probability: f64) -> usize {
    (1..NUM_BINS).filter(|&bin| probability > edge(bin)).count()
}

/// The lower end of a bin.
fn edge(bin: usize) -> f64 {
    bin as f64 / NUM_BINS as f64
}

/// The expected calibration error: `sum_b n_b / n |accuracy_b - probability_b|`, over bins of equal width of the
/// largest probability.
///
/// From 0, which is good, to 1; `None` without images.
///
/// # Source
/// Guo et al., 2017, <https://proceedings.mlr.press/v70/guo17a.html>, with their 15 bins; a bin holds its upper
/// end.
pub fn calibration_error(images: &[TopProbability]) -> Option<f64> {
    let bins: Vec<usize> = images.iter().map(|image| bin_of(image.probability)).collect();
    weighted_error(images, &bins, &vec![1; images.len()])
}

/// The same where image `i` lies in bin `bins[i]` and is there `times[i]` times.
pub(crate) fn weighted_error(
    images: &[TopProbability],
    bins: &[usize],
    times: &[u32],
) -> Option<f64> {
    let mut gaps = [0.0; NUM_BINS];
    let mut num = 0.0;
    for ((image, &bin), &times) in images.iter().zip(bins).zip(times) {
        let right = if image.is_right { 1.0 } else { 0.0 };
        gaps[bin] += f64::from(times) * (right - image.probability);
        num += f64::from(times);
    }
    (num > 0.0).then(|| gaps.iter().map(|gap| gap.abs()).sum::<f64>() / num)
}

/// The 95 % interval of a calibration error from that of each resample: the basic bootstrap's, within 0 to 1.
///
/// With few images in a bin its accuracy lies off by chance, so the error comes out too large, and that of a
/// resample again by as much. The basic interval turns that around, `[2 e - high, 2 e - low]`, where the
/// percentiles would lie above the error. It holds the estimate itself in any case.
///
/// # Source
/// Davison and Hinkley, 1997, <https://doi.org/10.1017/CBO9780511802843>, section 5.2.
pub(crate) fn error_interval(estimate: f64, values: &[Option<f64>]) -> Option<[f64; 2]> {
    let [low, high] = percentile_interval(values)?;
    Some([
        (2.0 * estimate - high).max(0.0).min(estimate),
        (2.0 * estimate - low).min(1.0).max(estimate),
    ])
}

/// All bins, for a reliability diagram: what each network says of each image, `[network][image]`.
///
/// # Source
/// DeGroot and Fienberg, 1983, <https://doi.org/10.2307/2987588>.
pub fn reliability_bins(networks: &[&[TopProbability]]) -> Vec<ReliabilityBin> {
    let of_bin = |bin: usize| {
        let all = networks.iter().flat_map(|images| images.iter().enumerate());
        let inside: Vec<(usize, &TopProbability)> =
            all.filter(|(_, image)| bin_of(image.probability) == bin).collect();
        let n = inside.len();
        let share = |sum: f64| (n > 0).then(|| sum / n as f64);
        let num_right = inside.iter().filter(|(_, image)| image.is_right).count();
        let accuracy = share(num_right as f64);
        let mut distinct: Vec<usize> = inside.iter().map(|(image, _)| *image).collect();
        distinct.sort_unstable();
        distinct.dedup();
        ReliabilityBin {
            low: edge(bin),
            high: edge(bin + 1),
            n,
            probability: share(inside.iter().map(|(_, image)| image.probability).sum()),
            accuracy,
            interval: accuracy.and_then(|share| wilson_interval(share, distinct.len() as f64)),
        }
    };
    (0..NUM_BINS).map(of_bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(probability: f64, is_right: bool) -> TopProbability {
        TopProbability { probability, is_right }
    }

    #[test]
    fn a_bin_holds_its_upper_end() {
        let found =
            [0.0, 1e-300, 1.0 / 15.0, 0.067, 0.2, 3.0 / 15.0 + 1e-9, 14.0 / 15.0, 0.95, 1.0];
        assert_eq!(found.map(bin_of), [0, 0, 0, 1, 2, 3, 13, 14, 14]);
    }

    #[test]
    fn the_error_is_the_mean_gap_of_the_bins() {
        // Bin 14 (above 14/15): 0.95 right, 0.97 wrong: accuracy 0.5, probability 0.96, gap 0.46.
        // Bin 7 (above 7/15 = 0.467, up to 0.533): 0.5 right twice: gap 0.5.
        // (2 * 0.46 + 2 * 0.5) / 4 = 0.48
        let images = [image(0.95, true), image(0.5, true), image(0.97, false), image(0.5, true)];
        let error = calibration_error(&images).unwrap();
        assert!((error - 0.48).abs() < 1e-15, "{error}");
        assert_eq!(calibration_error(&[]), None);
        // Sure and right of all.
        assert_eq!(calibration_error(&[image(1.0, true), image(1.0, true)]), Some(0.0));
    }

    #[test]
    fn the_interval_is_turned_around_the_error() {
        // Resamples from 0.2 to 0.24: percentiles 0.201 and 0.239, turned around 0.21 0.181 and 0.219.
        let values: Vec<Option<f64>> =
            (0..=40).map(|step| Some(0.2 + f64::from(step) / 1e3)).collect();
        let [low, high] = error_interval(0.21, &values).unwrap();
        assert!((low - 0.181).abs() < 1e-12 && (high - 0.219).abs() < 1e-12, "{low} {high}");
        // Never below 0, and never without the error itself.
        let [low, high] = error_interval(0.1, &values).unwrap();
        assert!(low == 0.0 && high == 0.1, "{low} {high}");
        assert_eq!(error_interval(0.1, &[]), None);
    }

    #[test]
    fn bins_of_two_networks_count_an_image_once_for_their_interval() {
        let (one, other) =
            ([image(0.99, true), image(0.4, false)], [image(0.97, false), image(0.99, true)]);
        let bins = reliability_bins(&[&one, &other]);
        assert_eq!(bins.len(), NUM_BINS);
        let last = bins[14];
        // Image 0 twice and image 1 once; 2 of 3 right, of 2 images.
        assert_eq!((last.n, last.accuracy), (3, Some(2.0 / 3.0)));
        assert!((last.probability.unwrap() - 2.95 / 3.0).abs() < 1e-15);
        assert_eq!(last.interval, wilson_interval(2.0 / 3.0, 2.0));
        assert_eq!((last.low, last.high), (14.0 / 15.0, 1.0));
        let empty = ReliabilityBin { high: 1.0 / 15.0, ..ReliabilityBin::default() };
        assert_eq!(bins[0], empty);
        assert_eq!(bins.iter().map(|bin| bin.n).sum::<usize>(), 4);
    }
}
