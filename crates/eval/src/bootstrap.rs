//! Intervals from resampled images.

use crate::labels::times_of;
use crate::{EvalError, Score};

/// The share of resampled values that lies inside an interval.
pub const CONFIDENCE: f64 = 0.95;

/// The percentile bootstrap interval `[low, high]` of a statistic, at [`CONFIDENCE`].
///
/// `values` are the statistic of each resample (as many images as there are, drawn with
/// replacement). Between two values a percentile is interpolated linearly. Resamples where the
/// statistic is undefined are left out; `None` when fewer than half are defined, since what is left
/// is then no longer the distribution of the statistic.
///
/// # Source
/// Efron, 1981, <https://doi.org/10.2307/3314608>; percentiles as NumPy's `quantile`.
pub fn percentile_interval(values: &[Option<f64>]) -> Option<[f64; 2]> {
    let mut defined: Vec<f64> = values.iter().copied().flatten().collect();
    if defined.is_empty() || 2 * defined.len() < values.len() {
        return None;
    }
    defined.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some([tail, 1.0 - tail].map(|share| quantile(&defined, share)))
}

impl Score {
    /// As [`Score::over`], with the interval of the mean when images are resampled, by [`percentile_interval`];
    /// without `resamples` there is none.
    ///
    /// # Shapes
    /// `values[image]`, `resamples[resample][image]` are indices of images.
    ///
    /// # Errors
    /// An index that is not of an image.
    pub fn over_resampled(
        values: &[Option<f64>],
        resamples: &[Vec<u32>],
    ) -> Result<Self, EvalError> {
        let times = times_of(resamples, values.len())?;
        let mean_of = |times: &Vec<u32>| {
            let defined = values.iter().zip(times).filter_map(|(value, &times)| {
                let value = value.filter(|value| value.is_finite())?;
                Some((value, f64::from(times)))
            });
            let add = |(sum, num), (value, times)| (sum + value * times, num + times);
            let (sum, num) = defined.fold((0.0, 0.0), add);
            (num > 0.0).then(|| sum / num)
        };
        let means: Vec<Option<f64>> = times.iter().map(mean_of).collect();
        Ok(Self { interval: percentile_interval(&means), ..Self::over(values) })
    }
}

/// The value below which a `share` of the sorted values lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    below + (above - below) * (position - position.floor())
}

#[cfg(test)]
mod tests {
    use super::percentile_interval;
    use crate::Score;

    #[test]
    fn percentiles_by_hand() {
        // 0 to 40: 2.5 % of the way is 1, 97.5 % is 39.
        let values: Vec<Option<f64>> = (0..=40).rev().map(|value| Some(f64::from(value))).collect();
        let [low, high] = percentile_interval(&values).unwrap();
        assert!((low - 1.0).abs() < 1e-12 && (high - 39.0).abs() < 1e-12);
        // Two values: 0.025 and 0.975 of the way from 1 to 3.
        let [low, high] = percentile_interval(&[Some(3.0), None, Some(1.0)]).unwrap();
        assert!((low - 1.05).abs() < 1e-12 && (high - 2.95).abs() < 1e-12);
        assert_eq!(percentile_interval(&[Some(2.0)]), Some([2.0, 2.0]));
    }

    #[test]
    fn mostly_undefined_has_no_interval() {
        assert_eq!(percentile_interval(&[]), None);
        assert_eq!(percentile_interval(&[None, None, Some(1.0)]), None);
    }

    #[test]
    fn images_count_as_often_as_they_are_drawn() {
        // Means 1, (1 + 3) / 2, none of the third image; of two of three 0.025 and 0.975 between 1 and 2.
        let values = [Some(1.0), Some(3.0), None];
        let resamples = [vec![0, 0, 2], vec![1, 0, 2], vec![2, 2, 2]];
        let found = Score::over_resampled(&values, &resamples).unwrap();
        assert_eq!((found.mean, found.n, found.undefined), (Some(2.0), 2, 1));
        let [low, high] = found.interval.unwrap();
        assert!((low - 1.025).abs() < 1e-12 && (high - 1.975).abs() < 1e-12, "{low} {high}");
        assert_eq!(Score::over_resampled(&values, &[]), Ok(Score::over(&values)));
        assert!(Score::over_resampled(&values, &[vec![3]]).is_err());
    }
}
