//! The affine map and the flips, bilinearly and in one pass.

use super::AugmentParams;
use image::RgbImage;

/// Three colors and an unused fourth value: four lanes of a vector.
type Pixel = [u8; 4];

/// `image` as `params` turn, shear, zoom and mirror it, interleaved and row by row.
///
/// A flip reads the same place for the mirrored pixel, so it costs nothing.
pub fn warp(image: &RgbImage, params: &AugmentParams, center_offset: f64) -> Vec<f32> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let center = [height as f64 / 2.0 + center_offset, width as f64 / 2.0 + center_offset];
    let Affine { matrix, offset } = Affine::new(params, center);
    let source = Source::new(image);
    // A pixel is written with its fourth value, which the next one overwrites.
    let mut values = vec![0.0; height * width * 3 + 1];
    let (first, step) =
        if params.flip_horizontal { (width as f64 - 1.0, -1.0) } else { (0.0, 1.0) };
    for row_idx in 0..height {
        let row = if params.flip_vertical { height - 1 - row_idx } else { row_idx } as f64;
        let start = [offset[0] + row * matrix[0][0], offset[1] + row * matrix[1][0]];
        let row_values = &mut values[row_idx * width * 3..][..width * 3 + 1];
        for column_idx in 0..width {
            let column = first + step * column_idx as f64;
            let place = [start[0] + column * matrix[0][1], start[1] + column * matrix[1][1]];
            row_values[column_idx * 3..][..4].copy_from_slice(&source.at(place));
        }
    }
    values.truncate(height * width * 3);
    values
}

/// A map from output to input coordinates (row, column): `matrix * p + offset`.
struct Affine {
    matrix: [[f64; 2]; 2],
    offset: [f64; 2],
}

impl Affine {
    fn new(params: &AugmentParams, center: [f64; 2]) -> Self {
        let (sin, cos) = libm::sincos(params.rotation_radians);
        let (shear_sin, shear_cos) = libm::sincos(params.shear_radians);
        let zoomed =
            |[row, column]: [f64; 2]| [row * params.zoom_rows, column * params.zoom_columns];
        let matrix = [
            zoomed([cos, cos * -shear_sin - sin * shear_cos]),
            zoomed([sin, sin * -shear_sin + cos * shear_cos]),
        ];
        let offset =
            [0, 1].map(|i| center[i] - (matrix[i][0] * center[0] + matrix[i][1] * center[1]));
        Self { matrix, offset }
    }
}

/// An image whose last row and column are there twice, so that each place has four neighbors.
struct Source {
    pixels: Vec<Pixel>,
    stride: usize,
    /// The largest row and column.
    last: [f64; 2],
}

impl Source {
    fn new(image: &RgbImage) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let stride = width + 1;
        let mut pixels: Vec<Pixel> = Vec::with_capacity(stride * (height + 1));
        for row in image.as_raw().chunks_exact((width * 3).max(1)) {
            let (row, _) = row.as_chunks::<3>();
            pixels.extend(row.iter().map(|&[red, green, blue]| [red, green, blue, 0]));
            pixels.extend(pixels.last().copied());
        }
        pixels.extend_from_within(pixels.len().saturating_sub(stride)..);
        Self { pixels, stride, last: [height as f64 - 1.0, width as f64 - 1.0] }
    }

    /// The value at a place that is clamped to the image.
    #[inline(always)]
    fn at(&self, [row, column]: [f64; 2]) -> [f32; 4] {
        let (row, down) = split(row, self.last[0]);
        let (column, right) = split(column, self.last[1]);
        let first = row * self.stride + column;
        let second = first + self.stride;
        let (above, below) = (&self.pixels[first..first + 2], &self.pixels[second..second + 2]);
        let above = between(floats(above[0]), floats(above[1]), right);
        between(above, between(floats(below[0]), floats(below[1]), right), down)
    }
}

/// The whole part and the rest of a coordinate in `0..=last`.
#[inline(always)]
fn split(coordinate: f64, last: f64) -> (usize, f32) {
    let clamped = coordinate.max(0.0).min(last);
    let whole = clamped as i32;
    (whole as usize, (clamped - f64::from(whole)) as f32)
}

#[inline(always)]
fn floats(pixel: Pixel) -> [f32; 4] {
    pixel.map(f32::from)
}

/// `a + weight (b - a)`: exact where `a` is `b`.
#[inline(always)]
fn between(a: [f32; 4], b: [f32; 4], weight: f32) -> [f32; 4] {
    std::array::from_fn(|lane| a[lane] + weight * (b[lane] - a[lane]))
}
