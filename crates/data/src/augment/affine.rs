//! The affine map of a draw: where each pixel of the augmented image is read.

use super::AugmentParams;
use crate::ImageSize;

/// A map from output to input coordinates (row, column): `matrix * p + offset`.
pub struct Affine {
    pub matrix: [[f64; 2]; 2],
    pub offset: [f64; 2],
}

impl Affine {
    /// The turn, shear, zoom and translation of `params` on an image of `size`, without the flips.
    pub fn new(params: &AugmentParams, size: ImageSize, center_offset: f64) -> Self {
        let [height, width] = [size.height, size.width].map(f64::from);
        let center = [height / 2.0 + center_offset, width / 2.0 + center_offset];
        let moved = [
            center[0] + params.translation_rows * height,
            center[1] + params.translation_columns * width,
        ];
        let (sin, cos) = libm::sincos(params.rotation_radians);
        let (shear_sin, shear_cos) = libm::sincos(params.shear_radians);
        let zoomed =
            |[row, column]: [f64; 2]| [row * params.zoom_rows, column * params.zoom_columns];
        let matrix = [
            zoomed([cos, cos * -shear_sin - sin * shear_cos]),
            zoomed([sin, sin * -shear_sin + cos * shear_cos]),
        ];
        let offset =
            [0, 1].map(|i| center[i] - (matrix[i][0] * moved[0] + matrix[i][1] * moved[1]));
        Self { matrix, offset }
    }

    /// The value nearest to where each pixel is read, and the default outside of the image.
    ///
    /// Halves go to the even neighbor, as in PyTorch's `grid_sample`. `flips` are (vertical, horizontal).
    pub fn nearest<T: Copy + Default>(
        &self,
        pixels: &[T],
        size: ImageSize,
        flips: (bool, bool),
    ) -> Vec<T> {
        let Self { matrix, offset } = self;
        let mirrored = |idx, side: u32, is_flipped| match is_flipped {
            true => f64::from(side - 1 - idx),
            false => f64::from(idx),
        };
        let mut values = Vec::with_capacity(size.num_pixels());
        for row in 0..size.height {
            let row = mirrored(row, size.height, flips.0);
            let start = [0, 1].map(|axis| offset[axis] + row * matrix[axis][0]);
            values.extend((0..size.width).map(|column| {
                let column = mirrored(column, size.width, flips.1);
                let [row, column] =
                    [0, 1].map(|axis| (start[axis] + column * matrix[axis][1]).round_ties_even());
                let rows = 0.0..f64::from(size.height);
                let columns = 0.0..f64::from(size.width);
                let is_inside = rows.contains(&row) && columns.contains(&column);
                let idx = row as usize * size.width as usize + column as usize;
                pixels.get(idx).filter(|_| is_inside).copied().unwrap_or_default()
            }));
        }
        values
    }
}
