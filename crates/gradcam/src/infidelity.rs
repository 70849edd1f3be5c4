//! Whether the mass of a map says how much a probability falls when a part of the image goes.

use crate::error::ExplainError;
use crate::host::values;
use crate::method::Output;
use crate::probe::Probe;
use burn::tensor::Tensor;
use dermx_model::Network;

/// Squares that are taken away, one after the other.
const NUM_SQUARES: usize = 32;

/// The side of a square is the shorter side of the image divided by this.
const SIDES: usize = 4;

/// How badly the mass of each of `maps` inside a square predicts by how much the probability of `target` falls when
/// the square becomes the mean color: the mean over 32 squares of `(b m - d)^2`, with the mass m in the square, the
/// fall d, and the factor `b = sum(m d) / sum(m m)` for which it is smallest, since maps have no unit.
///
/// From 0, which is good, to 1; a number alone says little: compare it with that of a map without a network. `None`
/// where a map has no mass in any square.
///
/// `below` draws a whole number below the given one: the place of each square, twice. The network is used in
/// inference mode; it computes 33 images.
///
/// # Shapes
/// - `image`: `[1, 3, height, width]` on a plain device, standardized
/// - each of `maps`: `height * width` values, row by row
///
/// # Errors
/// A class that does not exist, or a map of another size.
///
/// # Source
/// Yeh et al., 2019, <https://arxiv.org/abs/1901.09392>, section 2, with the square as its perturbation and the best
/// factor, for attributions that are contributions: the perturbation is divided by the image, as in Captum's
/// `multiply_by_inputs`.
pub fn infidelity(
    network: &Network,
    image: &Tensor<4>,
    target: usize,
    maps: &[&[f32]],
    below: &mut dyn FnMut(usize) -> usize,
) -> Result<Vec<Option<f64>>, ExplainError> {
    let [_, _, height, width] = image.dims();
    if let Some(map) = maps.iter().find(|map| map.len() != height * width) {
        return Err(ExplainError::Order { found: map.len(), expected: height * width });
    }
    let side = (height.min(width) / SIDES).max(1);
    let mut square = || {
        let top = below(height - side + 1);
        Square { top, left: below(width - side + 1), side, width }
    };
    let squares: Vec<Square> = (0..NUM_SQUARES).map(|_| square()).collect();
    let pixels = values(image.clone());
    let without = |square: &Square| {
        let mut changed = pixels.clone();
        for plane in changed.chunks_exact_mut(height * width) {
            square.pixels().for_each(|pixel| plane[pixel] = 0.0);
        }
        changed
    };
    let images = std::iter::once(pixels.clone()).chain(squares.iter().map(without));
    let probe = Probe::new(network, Output::Probability);
    let found = probe.outputs_of_changed(image, target, images)?;
    let Some((&whole, changed)) = found.split_first() else { return Ok(Vec::new()) };
    let falls: Vec<f64> = changed.iter().map(|one| f64::from(whole) - f64::from(*one)).collect();
    let of_map = |map: &&[f32]| {
        let mass = |square: &Square| square.pixels().map(|pixel| f64::from(map[pixel])).sum();
        residual(&squares.iter().map(mass).collect::<Vec<f64>>(), &falls)
    };
    Ok(maps.iter().map(of_map).collect())
}

/// A square of pixels in an image of that width.
struct Square {
    top: usize,
    left: usize,
    side: usize,
    width: usize,
}

impl Square {
    fn pixels(&self) -> impl Iterator<Item = usize> + '_ {
        let rows = self.top..self.top + self.side;
        rows.flat_map(|row| (self.left..self.left + self.side).map(move |column| (row, column)))
            .map(|(row, column)| row * self.width + column)
    }
}

/// The mean square that is left of `falls` by the best multiple of `masses`.
fn residual(masses: &[f64], falls: &[f64]) -> Option<f64> {
    let products = |one: &[f64], other: &[f64]| -> f64 {
        one.iter().zip(other).map(|(one, other)| one * other).sum()
    };
    let squares = products(masses, masses);
    if squares == 0.0 {
        return None;
    }
    let factor = products(masses, falls) / squares;
    let left: Vec<f64> =
        masses.iter().zip(falls).map(|(mass, fall)| factor * mass - fall).collect();
    Some(products(&left, &left) / left.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_by_hand() {
        // Factor (1 * .5 + 1 * .3) / 2 = .4: .1 and .1 are left, and nothing of the square without mass.
        let found = residual(&[1.0, 1.0, 0.0], &[0.5, 0.3, 0.0]).unwrap();
        assert!((found - 0.02 / 3.0).abs() < 1e-15);
        assert_eq!(residual(&[2.0, 4.0], &[0.25, 0.5]), Some(0.0));
        assert_eq!(residual(&[0.0, 0.0], &[0.25, 0.5]), None);
    }

    #[test]
    fn a_square_is_where_it_was_drawn() {
        let square = Square { top: 1, left: 2, side: 2, width: 5 };
        assert_eq!(square.pixels().collect::<Vec<_>>(), [7, 8, 12, 13]);
    }
}
