//! Embeddings of places for other grids of patches than the learned one.

use burn::tensor::{Tensor, TensorData};
use dermx_kernels::conv2d;

use crate::layers::POINTWISE;

/// The embeddings of the cells of the grid `from` for those of the grid `to`, both row by row.
///
/// Bicubic with the coefficient -0.5 and, where there are fewer cells than before, over as many more of
/// them, as PyTorch's `interpolate` does with `mode="bicubic", antialias=True`.
///
/// # Shapes
/// - `places`: `[1, from[0] * from[1], channels]`
/// - output: `[1, to[0] * to[1], channels]`
///
/// # Source
/// Keys, 1981, <https://doi.org/10.1109/TASSP.1981.1163711>, equation 15; timm, `resample_abs_pos_embed`
/// in `timm/layers/pos_embed.py`.
pub(super) fn resized(places: Tensor<3>, from: [usize; 2], to: [usize; 2]) -> Tensor<3> {
    if from == to {
        return places;
    }
    let [_, num_places, channels] = places.dims();
    let [rows, columns] = [weights(from[0], to[0]), weights(from[1], to[1])];
    let mut shares = Vec::with_capacity(to[0] * to[1] * num_places);
    for row in rows.chunks(from[0]) {
        for column in columns.chunks(from[1]) {
            for row in row {
                shares.extend(column.iter().map(|column| (row * column) as f32));
            }
        }
    }
    // A linear layer of each new cell, whose inputs are the old ones.
    let shape = [1, 1, to[0] * to[1], num_places];
    let shares = Tensor::from_data(TensorData::new(shares, shape), &places.device());
    let kernel = places.swap_dims(1, 2).reshape([channels, num_places, 1, 1]);
    conv2d(shares, kernel, POINTWISE).reshape([1, -1, channels as i32])
}

/// What each of `to` cells takes of each of `from` cells of the same length in all: `[to][from]`.
fn weights(from: usize, to: usize) -> Vec<f64> {
    let scale = from as f64 / to as f64;
    let width = scale.max(1.0);
    let mut all = Vec::with_capacity(to * from);
    for idx in 0..to {
        let center = scale * (idx as f64 + 0.5);
        let first = (center - 2.0 * width + 0.5).max(0.0) as usize;
        let end = ((center + 2.0 * width + 0.5) as usize).min(from);
        let weight = |cell: usize| match (first..end).contains(&cell) {
            true => cubic((cell as f64 + 0.5 - center) / width),
            false => 0.0,
        };
        let row: Vec<f64> = (0..from).map(weight).collect();
        let sum: f64 = row.iter().sum();
        all.extend(row.into_iter().map(|one| one / sum));
    }
    all
}

/// Keys' cubic convolution kernel with a = -1/2.
fn cubic(x: f64) -> f64 {
    match x.abs() {
        x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        x if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::weights;

    #[test]
    fn weights_by_hand() {
        let found = weights(4, 8);
        // Cell 2 lies at 1.25 of the old ones, whose centers are 0.5, 1.5, 2.5 and 3.5: distances 0.75,
        // 0.25, 1.25 and 2.25. One more, before the first, is not there.
        let expected = [0.226_562_5, 0.867_187_5, -0.070_312_5, 0.0];
        let sum: f64 = expected.iter().sum();
        for (found, expected) in found[8..12].iter().zip(expected) {
            assert!((found - expected / sum).abs() < 1e-12, "{found} {expected}");
        }
        // The same grid, and a constant, stay.
        assert_eq!(weights(3, 3), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        for (from, to) in [(14, 5), (14, 25), (3, 1)] {
            for row in weights(from, to).chunks(from) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }
}
