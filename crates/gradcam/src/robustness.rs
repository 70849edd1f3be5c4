//! Whether a map stays as it is when its image changes a little.

use crate::attribution::Noise;
use crate::error::ExplainError;
use crate::explainer::Explainer;
use crate::host::values;
use burn::tensor::{Tensor, TensorData};

/// Noisy copies of an image.
const NUM_NOISY: usize = 10;

/// The most that noise changes a value of the image, in units of the network's input.
const RADIUS: f32 = 0.2;

/// How far the map of an image moves when uniform noise from -0.2 to 0.2 is added to each value of the standardized
/// image, over ten noisy copies.
///
/// From 0, which is good, upwards; a map that never saw the image has 0, too. `None` where the map of the image points
/// nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Robustness {
    /// The largest `|map' - map| / |map|`, with the maps as they are and the Euclidean norm over their cells.
    ///
    /// # Source
    /// Yeh et al., 2019, <https://arxiv.org/abs/1901.09392>; Quantus' `MaxSensitivity`, whose noise it is.
    pub max_sensitivity: Option<f64>,
    /// The mean of the same.
    ///
    /// # Source
    /// As [`Self::max_sensitivity`]; Quantus' `AvgSensitivity`.
    pub avg_sensitivity: Option<f64>,
    /// The largest `|map' - map| / |image' - image|`, with each map divided by its largest value.
    ///
    /// # Source
    /// Alvarez-Melis and Jaakkola, 2018, <https://arxiv.org/abs/1806.08049>; Quantus' `LocalLipschitzEstimate`, whose
    /// noise is another.
    pub local_lipschitz: Option<f64>,
}

/// An image and its map.
struct Pair {
    image: Vec<f32>,
    map: Vec<f32>,
}

impl Robustness {
    fn over(whole: &Pair, noisy: &[Pair]) -> Self {
        let length = norm(&whole.map, &vec![0.0; whole.map.len()]);
        if length == 0.0 || noisy.is_empty() {
            return Self::default();
        }
        let unit = divided_by_largest(&whole.map);
        let (mut largest, mut sum, mut steepest) = (0.0_f64, 0.0, 0.0_f64);
        for one in noisy {
            let sensitivity = norm(&one.map, &whole.map) / length;
            largest = largest.max(sensitivity);
            sum += sensitivity;
            let moved = norm(&divided_by_largest(&one.map), &unit);
            let distance = norm(&one.image, &whole.image);
            // Noise may be lost in the rounding of large values.
            steepest = steepest.max(if distance > 0.0 { moved / distance } else { 0.0 });
        }
        Self {
            max_sensitivity: Some(largest),
            avg_sensitivity: Some(sum / noisy.len() as f64),
            local_lipschitz: Some(steepest),
        }
    }
}

impl Explainer {
    /// Explains noisy copies of `image`, no more than `batch_size` at once, and says how far its map moves.
    ///
    /// `uniform` draws numbers from 0 to 1, one for each value of each copy; `noise` makes the stream that the method
    /// draws from for one copy: the same for each, so that what the method itself draws moves nothing.
    ///
    /// # Shapes
    /// - `image`: `[1, 3, height, width]` on a plain device, standardized
    ///
    /// # Errors
    /// As [`Self::explain`].
    pub fn robustness<N: FnMut() -> f32>(
        &self,
        image: &Tensor<4>,
        target: usize,
        batch_size: usize,
        uniform: &mut dyn FnMut() -> f32,
        noise: &dyn Fn() -> N,
    ) -> Result<Robustness, ExplainError> {
        let plain = values(image.clone());
        let mut images = vec![plain.clone()];
        images.extend((0..NUM_NOISY).map(|_| {
            plain.iter().map(|value| value + RADIUS * (2.0 * uniform() - 1.0)).collect::<Vec<f32>>()
        }));
        let [_, planes, height, width] = image.dims();
        let mut pairs = Vec::with_capacity(images.len());
        for batch in images.chunks(batch_size.max(1)) {
            let data = TensorData::new(batch.concat(), [batch.len(), planes, height, width]);
            let mut streams: Vec<N> = batch.iter().map(|_| noise()).collect();
            let draw: Noise<'_> = &mut |idx| streams[idx]();
            let changed = Tensor::from_data(data, &image.device());
            let explanation = self.explain(changed, &vec![target; batch.len()], draw)?;
            let maps = explanation.heatmaps.into_iter().map(|map| map.values);
            pairs.extend(
                batch.iter().zip(maps).map(|(image, map)| Pair { image: image.clone(), map }),
            );
        }
        let Some((whole, noisy)) = pairs.split_first() else { return Ok(Robustness::default()) };
        Ok(Robustness::over(whole, noisy))
    }
}

/// The Euclidean distance.
fn norm(one: &[f32], other: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    one.iter().zip(other).map(square).sum::<f64>().sqrt()
}

fn divided_by_largest(map: &[f32]) -> Vec<f32> {
    let largest = map.iter().copied().fold(0.0_f32, f32::max);
    map.iter().map(|value| if largest > 0.0 { value / largest } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(image: [f32; 2], map: [f32; 2]) -> Pair {
        Pair { image: image.into(), map: map.into() }
    }

    #[test]
    fn distances_by_hand() {
        // |map| = 5. Moves by (3, 4) / 5 = 1 and (0, 2.5) / 5 = 1/2.
        // Divided by 4: (3/4, 1); by 8 (6/8, 1): no move. By 4 (3/4, 1.5/4): 5/8, over a distance of 1/4.
        let whole = pair([0.0, 0.0], [3.0, 4.0]);
        let noisy = [pair([0.1, 0.0], [6.0, 8.0]), pair([0.0, 0.25], [4.0, 1.5])];
        let found = Robustness::over(&whole, &noisy);
        let second = (1.0_f64 + 6.25).sqrt() / 5.0;
        assert_eq!(found.max_sensitivity, Some(1.0));
        assert!((found.avg_sensitivity.unwrap() - (1.0 + second) / 2.0).abs() < 1e-12);
        let moved = (0.25_f64.powi(2) + 0.625_f64.powi(2)).sqrt();
        assert!((found.local_lipschitz.unwrap() - 4.0 * moved).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn a_map_that_points_nowhere_has_no_robustness_and_one_that_stays_has_zero() {
        let blank = pair([0.0, 0.0], [0.0, 0.0]);
        let noisy = [pair([0.1, 0.0], [1.0, 0.0])];
        assert_eq!(Robustness::over(&blank, &noisy), Robustness::default());
        let still = Robustness::over(&noisy[0], &[pair([0.2, 0.0], [1.0, 0.0])]);
        let zero = Some(0.0);
        assert_eq!(
            (still.max_sensitivity, still.avg_sensitivity, still.local_lipschitz),
            (zero, zero, zero)
        );
        // A map that vanishes has moved by its whole length.
        let lost = Robustness::over(&noisy[0], &[pair([0.2, 0.0], [0.0, 0.0])]);
        assert_eq!(lost.max_sensitivity, Some(1.0));
    }
}
