//! Where a map's highest values lie: scores that depend on the order of its pixels alone.

use crate::EvalError;
use crate::fuzzy::wrong_run;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How far the order of a map's pixels agrees with a mask.
///
/// With n the number of pixels in the mask. All scores lie in \[0, 1\], higher is better, and none
/// changes when the map is rescaled. Pixels with the same value (to the precision of `f32`) tie, and
/// a score is then its mean over all orders of the tied pixels, so that a constant map scores what
/// chance does. An empty mask, and an all-zero map, which points nowhere, have none of the scores
/// (`None`); a full mask has no AUC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LocalizationScores {
    /// Pointing game: whether the highest pixel lies in the mask; a share where several tie.
    ///
    /// # Source
    /// Zhang et al., 2018, <https://doi.org/10.1007/s11263-017-1059-x>, without the tolerance of 15
    /// pixels.
    pub pointing: Option<f64>,
    /// Relevance rank accuracy: the share of the n highest pixels that lies in the mask.
    ///
    /// # Source
    /// Arras et al., 2022, <https://doi.org/10.1016/j.inffus.2021.11.008>; it equals the top-k
    /// intersection of Theiner et al., 2022, with k = n.
    pub rank_accuracy: Option<f64>,
    /// Intersection over union of the mask and the n highest pixels: `i / (2 n - i)` with i of them
    /// in the mask, where pixels tie with i as its mean over all orders.
    pub top_k_iou: Option<f64>,
    /// Area under the ROC curve of the pixels' values as a classifier of the mask: the probability
    /// that a pixel inside has a higher value than one outside, ties counting half. Chance is 0.5.
    ///
    /// # Source
    /// Mann and Whitney, 1947; Fawcett, 2006, <https://doi.org/10.1016/j.patrec.2005.10.010>.
    pub auc: Option<f64>,
}

/// A map whose pixels are sorted, ready to be scored against many masks.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedMap {
    /// Pixel by pixel.
    values: Vec<f32>,
    /// From the lowest to the highest.
    sorted: Vec<f32>,
    /// The sum of the doubled ranks (from 1; tied pixels share the mean of theirs) of the first
    /// pixels, from none to all.
    rank_sums: Vec<u64>,
}

impl RankedMap {
    /// Sorts the values of a map, which are not negative.
    pub fn new(values: &[f64]) -> Self {
        // The sum makes -0 a 0, so that the bits are ordered as the values are.
        let values: Vec<f32> = values.iter().map(|&value| value as f32 + 0.0).collect();
        let key = |(idx, value): (usize, &f32)| (u64::from(value.to_bits()) << 32) | idx as u64;
        let mut keys: Vec<u64> = values.iter().enumerate().map(key).collect();
        keys.sort_unstable();
        let mut rank_sums = vec![0; values.len() + 1];
        let mut num_below = 0;
        for tied in keys.chunk_by(|one, other| one >> 32 == other >> 32) {
            let doubled_rank = 2 * num_below + tied.len() as u64 + 1;
            for &key in tied {
                rank_sums[(key as u32) as usize + 1] = doubled_rank;
            }
            num_below += tied.len() as u64;
        }
        let mut sum = 0;
        for rank in &mut rank_sums {
            sum += *rank;
            *rank = sum;
        }
        let sorted = keys.iter().map(|&key| f32::from_bits((key >> 32) as u32)).collect();
        Self { values, sorted, rank_sums }
    }

    /// Scores this map against a mask, given as ascending runs of flat indices.
    ///
    /// # Errors
    /// When the runs are not ascending and apart, or leave the map.
    pub fn scores(
        &self,
        runs: impl IntoIterator<Item = Range<usize>>,
    ) -> Result<LocalizationScores, EvalError> {
        let num_pixels = self.values.len();
        let (mut runs_inside, mut num_inside, mut rank_sum, mut last_end) = (Vec::new(), 0, 0, 0);
        for run in runs {
            if run.start < last_end || run.end < run.start || run.end > num_pixels {
                return Err(wrong_run(&run, last_end, num_pixels));
            }
            rank_sum += self.rank_sums[run.end] - self.rank_sums[run.start];
            num_inside += run.len();
            last_end = run.end;
            runs_inside.push(run);
        }
        let Some(&highest) = self.sorted.last().filter(|&&highest| highest > 0.0) else {
            return Ok(LocalizationScores::default());
        };
        if num_inside == 0 {
            return Ok(LocalizationScores::default());
        }
        let inside = |is_counted: &dyn Fn(f32) -> bool| -> usize {
            let values = runs_inside.iter().map(|run| &self.values[run.clone()]);
            values.map(|values| values.iter().filter(|&&value| is_counted(value)).count()).sum()
        };
        let lowest_chosen = self.sorted[num_pixels - num_inside];
        let above = Tied {
            inside: inside(&|value| value > lowest_chosen),
            all: self.num_above(lowest_chosen),
        };
        let tied = Tied {
            inside: inside(&|value| value == lowest_chosen),
            all: self.num_tied(lowest_chosen),
        };
        let at_top =
            Tied { inside: inside(&|value| value == highest), all: self.num_tied(highest) };
        let num_wins = rank_sum as f64 / 2.0 - triangle(num_inside);
        Ok(from_counts(at_top, above, tied, num_wins, num_inside, num_pixels))
    }

    fn num_above(&self, value: f32) -> usize {
        self.sorted.len() - self.sorted.partition_point(|&one| one <= value)
    }

    fn num_tied(&self, value: f32) -> usize {
        self.sorted.len() - self.sorted.partition_point(|&one| one < value) - self.num_above(value)
    }
}

/// Scores one mask, taken as the map, against another, from pixel counts: those in both, in the
/// map, in the mask, and all.
pub fn binary_localization(
    both: usize,
    map: usize,
    mask: usize,
    num_pixels: usize,
) -> LocalizationScores {
    if map == 0 || mask == 0 {
        return LocalizationScores::default();
    }
    let in_map = Tied { inside: both, all: map };
    let dark = Tied { inside: mask - both, all: num_pixels - map };
    let (above, tied) = if mask <= map { (Tied::default(), in_map) } else { (in_map, dark) };
    // Pairs of a pixel inside and one outside the mask: map against dark wins, equals are halves.
    let [inside, outside] = [(in_map.inside, dark.inside), (map - both, dark.all - dark.inside)]
        .map(|(lit, dark)| (lit as f64, dark as f64));
    let num_wins = inside.0 * outside.1 + (inside.0 * outside.0 + inside.1 * outside.1) / 2.0;
    from_counts(in_map, above, tied, num_wins, mask, num_pixels)
}

/// Pixels of which some lie in the mask.
#[derive(Clone, Copy, Default)]
struct Tied {
    inside: usize,
    all: usize,
}

/// `above` are the pixels that are among the n highest for certain, `tied` those that fill what is
/// left; `num_wins` counts the pairs of a pixel inside and one outside that are in order.
fn from_counts(
    at_top: Tied,
    above: Tied,
    tied: Tied,
    num_wins: f64,
    num_inside: usize,
    num_pixels: usize,
) -> LocalizationScores {
    let inside = num_inside as f64;
    let hits = above.inside as f64
        + (num_inside - above.all) as f64 * tied.inside as f64 / tied.all as f64;
    let num_pairs = inside * (num_pixels - num_inside) as f64;
    LocalizationScores {
        pointing: Some(at_top.inside as f64 / at_top.all as f64),
        rank_accuracy: Some(hits / inside),
        top_k_iou: Some(hits / (2.0 * inside - hits)),
        auc: (num_pairs > 0.0).then(|| num_wins / num_pairs),
    }
}

/// `1 + 2 + ... + num`.
fn triangle(num: usize) -> f64 {
    num as f64 * (num as f64 + 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask_runs;

    fn scores(values: &[f64], mask: &[u8]) -> [Option<f64>; 4] {
        let LocalizationScores { pointing, rank_accuracy, top_k_iou, auc } =
            RankedMap::new(values).scores(mask_runs(mask)).unwrap();
        [pointing, rank_accuracy, top_k_iou, auc]
    }

    #[test]
    fn the_order_of_the_pixels_counts() {
        // The two highest, .9 and .5, are one inside and one outside: 1 of 2, IoU 1 / 3. The highest
        // is outside. Pairs in order: .5 above .2 and .1, .3 above .2 and .1: 4 of 6.
        let found = scores(&[0.9, 0.5, 0.3, 0.2, 0.1], &[0, 1, 1, 0, 0]);
        assert_eq!(found, [Some(0.0), Some(0.5), Some(1.0 / 3.0), Some(4.0 / 6.0)]);
        // The same, three times as large.
        assert_eq!(scores(&[2.7, 1.5, 0.9, 0.6, 0.3], &[0, 1, 1, 0, 0]), found);
        assert_eq!(scores(&[0.0, 1.0], &[0, 1]), [Some(1.0); 4]);
    }

    #[test]
    fn tied_pixels_share() {
        // Two highest tie, one inside: pointing 1/2. Of the three highest one is to be chosen among
        // two, of which one inside: hits 1 + 1/2 of 3, IoU 1.5 / 4.5. Pairs, inside 1, .5, 0 against
        // outside 1, .5: 1/2 + 1, then 0 + 1/2, then 0: 2 of 6.
        let found = scores(&[1.0, 1.0, 0.5, 0.5, 0.0], &[1, 0, 1, 0, 1]);
        assert_eq!(found, [Some(0.5), Some(0.5), Some(1.5 / 4.5), Some(2.0 / 6.0)]);
    }

    #[test]
    fn a_constant_map_scores_what_chance_does() {
        // Hits 1/4 of 1: IoU .25 / 1.75
        let expected = [Some(0.25), Some(0.25), Some(0.25 / 1.75), Some(0.5)];
        assert_eq!(scores(&[0.7; 4], &[0, 0, 1, 0]), expected);
    }

    #[test]
    fn nothing_to_find_and_nothing_pointed_at_have_no_score() {
        assert_eq!(scores(&[0.5, 1.0], &[0, 0]), [None; 4]);
        assert_eq!(scores(&[0.0, -0.0], &[0, 1]), [None; 4]);
        assert_eq!(scores(&[], &[]), [None; 4]);
        assert_eq!(scores(&[0.5, 1.0], &[1, 1]), [Some(1.0), Some(1.0), Some(1.0), None]);
    }

    #[test]
    fn binary_maps_score_as_their_pixels() {
        for map in 0u32..32 {
            for mask in 0u32..32 {
                let pixels = |bits: u32| (0..5).map(move |bit| (bits >> bit & 1) as u8);
                let values: Vec<f64> = pixels(map).map(f64::from).collect();
                let dense: Vec<u8> = pixels(mask).collect();
                let by_pixel = RankedMap::new(&values).scores(mask_runs(&dense)).unwrap();
                let [both, map, mask] =
                    [map & mask, map, mask].map(|bits| bits.count_ones() as usize);
                assert_eq!(binary_localization(both, map, mask, 5), by_pixel);
            }
        }
    }

    #[test]
    fn wrong_runs_are_named() {
        let map = RankedMap::new(&[0.5; 4]);
        let error = map.scores([0..2, 1..3]).unwrap_err();
        assert_eq!(error.to_string(), "mask run 1..3: expected ascending runs inside 2..4");
        assert!(map.scores(std::iter::once(3..5)).is_err());
    }
}
