//! The affine map and the flips, bilinearly and in one pass.

use super::AugmentParams;
use super::affine::Affine;
use image::RgbImage;

/// Three colors and an unused fourth value: four lanes of a vector.
type Pixel = [u8; 4];

/// Pixels whose places in the image are found together.
const NUM_TOGETHER: usize = 8;

/// `image` as `params` turn, shear, zoom, move and mirror it, interleaved and row by row.
///
/// A flip reads the same place for the mirrored pixel, so it costs nothing.
#[inline(always)]
pub fn warp(image: &RgbImage, params: &AugmentParams, center_offset: f64) -> Vec<f32> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let size = [image.height(), image.width()].into();
    let Affine { matrix, offset } = Affine::new(params, size, center_offset);
    let source = Source::new(image);
    // A pixel is written with its fourth value, which the next one overwrites.
    let mut values = vec![0.0; height * width * 3 + 1];
    let (first, step) =
        if params.flip_horizontal { (width as f64 - 1.0, -1.0) } else { (0.0, 1.0) };
    for row_idx in 0..height {
        let row = if params.flip_vertical { height - 1 - row_idx } else { row_idx } as f64;
        let start = [offset[0] + row * matrix[0][0], offset[1] + row * matrix[1][0]];
        let row_values = &mut values[row_idx * width * 3..][..width * 3 + 1];
        for begin in (0..width).step_by(NUM_TOGETHER) {
            let columns: [f64; NUM_TOGETHER] =
                std::array::from_fn(|lane| first + step * (begin + lane) as f64);
            let rows = source.split(columns.map(|c| start[0] + c * matrix[0][1]), 0);
            let columns = source.split(columns.map(|c| start[1] + c * matrix[1][1]), 1);
            for lane in 0..NUM_TOGETHER.min(width - begin) {
                let value = source.at(rows.at(lane), columns.at(lane));
                row_values[(begin + lane) * 3..][..4].copy_from_slice(&value);
            }
        }
    }
    values.truncate(height * width * 3);
    values
}

/// An image whose last row and column are there twice, so that each place has four neighbors.
struct Source {
    pixels: Vec<Pixel>,
    stride: usize,
    /// The largest row and column.
    last: [f64; 2],
}

impl Source {
    #[inline(always)]
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

    /// Coordinates along an axis, clamped to the image and split.
    #[inline(always)]
    fn split(&self, coordinates: [f64; NUM_TOGETHER], axis: usize) -> Split {
        let clamped = coordinates.map(|coordinate| coordinate.max(0.0).min(self.last[axis]));
        let whole = clamped.map(|coordinate| coordinate as i32);
        let rest = std::array::from_fn(|lane| (clamped[lane] - f64::from(whole[lane])) as f32);
        Split { whole, rest }
    }

    /// The value at a place.
    #[inline(always)]
    fn at(&self, (row, down): (usize, f32), (column, right): (usize, f32)) -> [f32; 4] {
        let first = row * self.stride + column;
        let second = first + self.stride;
        let (above, below) = (&self.pixels[first..first + 2], &self.pixels[second..second + 2]);
        let above = between(floats(above[0]), floats(above[1]), right);
        between(above, between(floats(below[0]), floats(below[1]), right), down)
    }
}

/// The whole parts of coordinates and the rests.
struct Split {
    whole: [i32; NUM_TOGETHER],
    rest: [f32; NUM_TOGETHER],
}

impl Split {
    #[inline(always)]
    fn at(&self, lane: usize) -> (usize, f32) {
        (self.whole[lane] as usize, self.rest[lane])
    }
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
