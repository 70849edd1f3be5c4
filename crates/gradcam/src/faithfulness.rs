//! Whether a network's output depends on the pixels that a map marks as relevant.

use crate::error::ExplainError;
use crate::host::values;
use crate::imputation::impute;
use crate::method::Output;
use crate::probe::{BATCH, Probe};
use burn::tensor::Tensor;
use dermx_model::Network;
use rayon::prelude::*;

/// Steps from the whole image to an image without any of its pixels.
const NUM_STEPS: usize = 20;

/// Percent of the pixels that ROAD removes.
const ROAD_PERCENT: [usize; 9] = [10, 20, 30, 40, 50, 60, 70, 80, 90];

/// Standard deviation of the noise on pixels that ROAD fills in, as in the paper.
const ROAD_NOISE: f32 = 0.01;

/// Blur of the image that insertion starts from: standard deviation and reach in pixels.
const BLUR: (f64, usize) = (5.0, 5);

/// How the probability of the target class changes when pixels are removed or inserted in the order
/// of a map.
///
/// A number alone says little: compare it with that of a random order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faithfulness {
    /// Mean probability while pixels become the mean color, the most relevant first, in 20 equal
    /// steps (area under the curve, trapezoids). From 0 to 1; low for a faithful map.
    ///
    /// # Source
    /// Petsiuk et al., 2018, <https://arxiv.org/abs/1806.07421>, section 3.3.
    pub deletion: f64,
    /// Mean probability while the pixels of a blurred image (Gaussian, standard deviation 5 pixels,
    /// 11x11, mean color beyond the border) become those of the image, the most relevant first.
    /// From 0 to 1; high for a faithful map.
    ///
    /// # Source
    /// As [`Self::deletion`].
    pub insertion: f64,
    /// Half the difference of probabilities without the least and without the most relevant 10, 20,
    /// ..., 90 percent of the pixels, on average. Removed pixels are filled in from their
    /// surroundings, with a little noise, so that the shape of the removed area does not show. From
    /// -1/2 to 1/2; high for a faithful map.
    ///
    /// # Source
    /// Rong et al., 2022, <https://arxiv.org/abs/2202.00449>; combined as in pytorch-grad-cam.
    pub road: f64,
}

/// Pixels from the most to the least relevant. Equally relevant ones are ordered by the numbers of
/// `tie_break`.
///
/// With random numbers, a map of many zeros does not remove the image row by row from the top.
pub fn relevance_order(map: &[f32], tie_break: &mut dyn FnMut() -> u64) -> Vec<usize> {
    let mut pixels: Vec<(u64, usize)> = (0..map.len()).map(|idx| (tie_break(), idx)).collect();
    pixels.sort_by(|(tie, idx), (other_tie, other_idx)| {
        map[*other_idx].total_cmp(&map[*idx]).then(tie.cmp(other_tie)).then(idx.cmp(other_idx))
    });
    pixels.into_iter().map(|(_, idx)| idx).collect()
}

/// Removes and inserts the pixels of `image` in the given order.
///
/// # Shapes
/// - `image`: `[1, 3, height, width]` on a plain device, standardized
/// - `order`: each of the `height * width` pixels once, the most relevant first; see
///   [`relevance_order`]
///
/// `noise` gives numbers of a standard normal distribution. The network is used in inference mode;
/// it computes 58 images.
///
/// # Errors
/// A class that does not exist, or an order of another length.
pub fn faithfulness(
    network: &Network,
    image: Tensor<4>,
    target: usize,
    order: &[usize],
    noise: &mut dyn FnMut() -> f32,
) -> Result<Faithfulness, ExplainError> {
    let [_, _, height, width] = image.dims();
    if order.len() != height * width {
        return Err(ExplainError::Order { found: order.len(), expected: height * width });
    }
    let test = Test { probe: Probe::new(network, Output::Probability), image: &image, target };
    let pixels = values(image.clone());
    let nothing = vec![0.0; pixels.len()];
    let blurred: Vec<f32> = pixels
        .par_chunks(height * width)
        .flat_map_iter(|plane| blur(plane, [height, width]))
        .collect();
    let deletion = test.curve(&pixels, &nothing, order)?;
    let insertion = test.curve(&blurred, &pixels, order)?;
    let road = test.road(&pixels, order, noise)?;
    Ok(Faithfulness { deletion, insertion, road })
}

/// The probability of one class for changed copies of one image.
struct Test<'a> {
    probe: Probe,
    image: &'a Tensor<4>,
    target: usize,
}

impl Test<'_> {
    /// The area under the probabilities from `start` to `end`.
    fn curve(&self, start: &[f32], end: &[f32], order: &[usize]) -> Result<f64, ExplainError> {
        let num_pixels = order.len();
        let images = (0..=NUM_STEPS).map(|step| {
            let mut image = start.to_vec();
            for &pixel in &order[..num_pixels * step / NUM_STEPS] {
                for idx in (pixel..image.len()).step_by(num_pixels) {
                    image[idx] = end[idx];
                }
            }
            image
        });
        let probabilities = self.probabilities(images)?;
        let pairs = probabilities.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
        Ok(pairs.sum::<f64>() / NUM_STEPS as f64)
    }

    /// See [`Faithfulness::road`].
    fn road(
        &self,
        image: &[f32],
        order: &[usize],
        noise: &mut dyn FnMut() -> f32,
    ) -> Result<f64, ExplainError> {
        let [_, _, height, width] = self.image.dims();
        let num_pixels = order.len();
        let least_first: Vec<usize> = order.iter().rev().copied().collect();
        let removals: Vec<&[usize]> = [least_first.as_slice(), order]
            .into_iter()
            .flat_map(|order| ROAD_PERCENT.map(|percent| &order[..num_pixels * percent / 100]))
            .collect();
        let impute_all = |removed: &&[usize]| {
            let mut is_removed = vec![false; num_pixels];
            removed.iter().for_each(|&pixel| is_removed[pixel] = true);
            let mut image = image.to_vec();
            for plane in image.chunks_exact_mut(num_pixels) {
                impute(plane, [height, width], &is_removed);
            }
            image
        };
        // A batch at a time, in parallel; noise is drawn in the order of the images.
        let images = removals.chunks(BATCH).flat_map(|removals| {
            let mut images: Vec<Vec<f32>> = removals.par_iter().map(impute_all).collect();
            for (image, removed) in images.iter_mut().zip(removals) {
                for plane in image.chunks_exact_mut(num_pixels) {
                    removed.iter().for_each(|&pixel| plane[pixel] += ROAD_NOISE * noise());
                }
            }
            images
        });
        let probabilities = self.probabilities(images)?;
        let (least, most) = probabilities.split_at(ROAD_PERCENT.len());
        let differences = least.iter().zip(most).map(|(least, most)| (least - most) / 2.0);
        Ok(differences.sum::<f64>() / ROAD_PERCENT.len() as f64)
    }

    fn probabilities(
        &self,
        images: impl Iterator<Item = Vec<f32>>,
    ) -> Result<Vec<f64>, ExplainError> {
        let found = self.probe.outputs_of_changed(self.image, self.target, images)?;
        Ok(found.into_iter().map(f64::from).collect())
    }
}

/// A Gaussian blur with zeros beyond the border.
fn blur(plane: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let (sigma, reach) = BLUR;
    let weight = |distance: usize| (-0.5 * (distance as f64 / sigma).powi(2)).exp();
    let total: f64 = weight(0) + 2.0 * (1..=reach).map(weight).sum::<f64>();
    let weights: Vec<f64> = (0..=reach).map(|distance| weight(distance) / total).collect();
    let mean = |values: &dyn Fn(usize) -> f64, place: usize, len: usize| -> f64 {
        let range = place.saturating_sub(reach)..(place + reach + 1).min(len);
        range.map(|other| weights[other.abs_diff(place)] * values(other)).sum()
    };
    let along: Vec<f64> = (0..height * width)
        .map(|idx| {
            let row = &plane[idx / width * width..][..width];
            mean(&|column| f64::from(row[column]), idx % width, width)
        })
        .collect();
    (0..height * width)
        .map(|idx| mean(&|row| along[row * width + idx % width], idx / width, height) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{blur, relevance_order};

    #[test]
    fn equal_pixels_follow_the_tie_break() {
        let mut ties = [5, 9, 3, 4].into_iter();
        let order = relevance_order(&[0.0, 1.0, 0.0, 0.0], &mut || ties.next().unwrap());
        assert_eq!(order, [1, 2, 3, 0]);
    }

    #[test]
    fn a_blur_keeps_what_is_far_from_the_border() {
        let blurred = blur(&[2.0; 21 * 15], [21, 15]);
        assert!((blurred[10 * 15 + 7] - 2.0).abs() < 1e-6);
        assert!(blurred[0] < 1.0);
        let mut point = vec![0.0; 21 * 15];
        point[10 * 15 + 7] = 1.0;
        let blurred = blur(&point, [21, 15]);
        assert!((blurred.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        // One row down, the weight is exp(-1 / 50) of that in the middle.
        assert!((blurred[11 * 15 + 7] / blurred[10 * 15 + 7] - (-0.02_f32).exp()).abs() < 1e-5);
    }
}
