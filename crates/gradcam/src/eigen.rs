//! The first principal component of feature maps.

use crate::heatmap::Heatmap;
use crate::host::values;
use burn::tensor::Tensor;

/// Enough for neighbouring eigenvalues that differ by a thousandth.
const MAX_ITERATIONS: usize = 20_000;

/// The change of a unit vector in one iteration at which it counts as found.
const TOLERANCE: f64 = 1e-12;

/// The map of each image; see [`crate::Method::EigenCam`].
///
/// # Shapes
/// - `features`: `[batch, channels, height, width]`
pub(crate) fn eigen_cam(features: Tensor<4>) -> Vec<Heatmap> {
    let [_, num_channels, height, width] = features.dims();
    values(features)
        .chunks(num_channels * height * width)
        .map(|features| {
            let projection = first_component(features, num_channels, height * width);
            let values = projection.into_iter().map(|value| value.max(0.0) as f32).collect();
            Heatmap { height, width, values }
        })
        .collect()
}

/// The cells' features, without their mean, along the direction in which they vary most.
fn first_component(features: &[f32], num_channels: usize, num_cells: usize) -> Vec<f64> {
    let centred: Vec<f64> = features
        .chunks(num_cells)
        .flat_map(|map| {
            let mean = map.iter().map(|&value| f64::from(value)).sum::<f64>() / num_cells as f64;
            map.iter().map(move |&value| f64::from(value) - mean)
        })
        .collect();
    // With X = `centred` as `[channels, cells]`, the projection is the first eigenvector of X^T X,
    // times the root of its eigenvalue. X^T (X v) costs no matrix of cells by cells.
    let step = |vector: &[f64]| {
        let mut next = vec![0.0; num_cells];
        for map in centred.chunks(num_cells).take(num_channels) {
            let product: f64 = map.iter().zip(vector).map(|(x, v)| x * v).sum();
            next.iter_mut().zip(map).for_each(|(next, x)| *next += product * x);
        }
        next
    };
    let (vector, eigenvalue) = leading_eigenvector(step, start(&centred, num_cells));
    let scale = eigenvalue.sqrt();
    let projection: Vec<f64> = vector.into_iter().map(|value| value * scale).collect();
    let largest = projection.iter().fold(0.0_f64, |max, value| max.max(*value));
    let smallest = projection.iter().fold(0.0_f64, |min, value| min.min(*value));
    let sign = if -smallest > largest { -1.0 } else { 1.0 };
    projection.into_iter().map(|value| sign * value).collect()
}

/// The feature map with the largest values: it is never at a right angle to the component unless
/// all maps are.
fn start(centred: &[f64], num_cells: usize) -> Vec<f64> {
    let square_sum = |map: &[f64]| map.iter().map(|value| value * value).sum::<f64>();
    let maps = centred.chunks(num_cells);
    maps.max_by(|one, other| square_sum(one).total_cmp(&square_sum(other)))
        .map(<[f64]>::to_vec)
        .unwrap_or_default()
}

/// The eigenvector of the largest eigenvalue, of length 1, and the eigenvalue (power iteration).
fn leading_eigenvector(step: impl Fn(&[f64]) -> Vec<f64>, start: Vec<f64>) -> (Vec<f64>, f64) {
    let length = |vector: &[f64]| vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    let unit = |vector: Vec<f64>| {
        let length = length(&vector);
        match length > 0.0 {
            true => vector.into_iter().map(|value| value / length).collect(),
            false => vector,
        }
    };
    let mut vector: Vec<f64> = unit(start);
    let mut eigenvalue = 0.0;
    for _ in 0..MAX_ITERATIONS {
        let next = step(&vector);
        eigenvalue = length(&next);
        let next: Vec<f64> = unit(next);
        let change: Vec<f64> = next.iter().zip(&vector).map(|(one, other)| one - other).collect();
        vector = next;
        if length(&change) < TOLERANCE {
            break;
        }
    }
    (vector, eigenvalue)
}

#[cfg(test)]
mod tests {
    use super::first_component;

    #[test]
    fn the_component_by_hand() {
        // Cells (1, 2), (3, 2), (5, 2): they vary in the first channel only; mean 3.
        let found = first_component(&[1.0, 3.0, 5.0, 2.0, 2.0, 2.0], 2, 3);
        for (found, expected) in found.iter().zip([-2.0, 0.0, 2.0]) {
            assert!((found - expected).abs() < 1e-9, "{found}");
        }
        // Both channels alike: along (1, 1) / sqrt 2, so -2 sqrt 2 ...; the largest absolute value,
        // that of the third cell, is positive.
        let found = first_component(&[1.0, 1.0, 4.0, 1.0, 1.0, 4.0], 2, 3);
        let root = std::f64::consts::SQRT_2;
        for (found, expected) in found.iter().zip([-root, -root, 2.0 * root]) {
            assert!((found - expected).abs() < 1e-9, "{found}");
        }
    }

    #[test]
    fn features_that_do_not_vary_have_a_map_of_zeros() {
        assert_eq!(first_component(&[2.0, 2.0, 5.0, 5.0], 2, 2), [0.0, 0.0]);
    }
}
