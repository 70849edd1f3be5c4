//! Random changes of a training image: turn, shear, zoom, mirror, darken.

use crate::Random;
use image::RgbImage;
use serde::{Deserialize, Serialize};

/// How far images are changed at random; the default changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// Largest turn to either side, in degrees.
    pub rotation_degrees: f64,
    /// Largest shear to either side, in degrees.
    pub shear_degrees: f64,
    /// Rows and columns are zoomed by independent factors in `1 - zoom ..= 1 + zoom`.
    pub zoom: f64,
    /// Lowest and highest brightness factor; none leaves the brightness and the contrast alone.
    #[serde(default)]
    pub brightness: Option<[f64; 2]>,
    /// Mirror left and right, for half of the images.
    pub horizontal_flip: bool,
    /// Mirror top and bottom, for half of the images.
    pub vertical_flip: bool,
    /// Before the brightness factor, stretch the values so that they span 0 to 255, as Keras does.
    pub minmax_stretch: bool,
    /// The fixed point of turn, shear and zoom is at half the size plus this, in pixels.
    ///
    /// Keras 1.1.2 uses 0.5 (the default); the true center is at -0.5.
    #[serde(default = "keras_center_offset")]
    pub center_offset: f64,
}

fn keras_center_offset() -> f64 {
    0.5
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            rotation_degrees: 0.0,
            shear_degrees: 0.0,
            zoom: 0.0,
            brightness: None,
            horizontal_flip: false,
            vertical_flip: false,
            minmax_stretch: false,
            center_offset: keras_center_offset(),
        }
    }
}

/// The changes drawn for one image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AugmentParams {
    /// Turn, in radians.
    pub rotation_radians: f64,
    /// Shear, in radians.
    pub shear_radians: f64,
    /// Zoom of the rows; above 1 shows more of the image, below 1 less.
    pub zoom_rows: f64,
    /// Zoom of the columns, likewise.
    pub zoom_columns: f64,
    /// Mirror left and right.
    pub flip_horizontal: bool,
    /// Mirror top and bottom.
    pub flip_vertical: bool,
    /// Brightness factor.
    pub brightness: Option<f64>,
}

impl AugmentParams {
    /// Changes nothing.
    pub const IDENTITY: Self = Self {
        rotation_radians: 0.0,
        shear_radians: 0.0,
        zoom_rows: 1.0,
        zoom_columns: 1.0,
        flip_horizontal: false,
        flip_vertical: false,
        brightness: None,
    };
}

impl AugmentConfig {
    /// Every value that makes no sense, as messages that begin with the field's name.
    pub fn problems(&self) -> Vec<String> {
        let brightness = self.brightness.unwrap_or([1.0, 1.0]);
        let [low, high] = brightness;
        let rules = [
            ((0.0..=180.0).contains(&self.rotation_degrees), "rotation_degrees", "0 to 180"),
            ((0.0..90.0).contains(&self.shear_degrees), "shear_degrees", "0 to below 90"),
            ((0.0..1.0).contains(&self.zoom), "zoom", "0 to below 1"),
            (
                0.0 <= low && low <= high && high.is_finite(),
                "brightness",
                "[low, high] with 0 <= low <= high",
            ),
            (self.center_offset.is_finite(), "center_offset", "a finite number of pixels"),
        ];
        let found = [
            self.rotation_degrees.to_string(),
            self.shear_degrees.to_string(),
            self.zoom.to_string(),
            format!("{brightness:?}"),
            self.center_offset.to_string(),
        ];
        std::iter::zip(rules, found)
            .filter(|((holds, _, _), _)| !holds)
            .map(|((_, field, allowed), found)| format!("{field}: is {found}; allowed: {allowed}"))
            .collect()
    }

    /// Draws the changes of one image.
    ///
    /// Uniform in their ranges, in Keras's order: rotation, shear, zoom of rows, zoom of columns,
    /// horizontal flip, vertical flip, brightness. All seven are always drawn, so that switching
    /// one off leaves the others as they are.
    pub fn draw(&self, random: &mut Random) -> AugmentParams {
        let mut within = |range: f64, center: f64| random.uniform(center - range, center + range);
        let rotation_radians = within(self.rotation_degrees, 0.0).to_radians();
        let shear_radians = within(self.shear_degrees, 0.0).to_radians();
        let zoom_rows = within(self.zoom, 1.0);
        let zoom_columns = within(self.zoom, 1.0);
        let flip_horizontal = random.chance(0.5) && self.horizontal_flip;
        let flip_vertical = random.chance(0.5) && self.vertical_flip;
        let [low, high] = self.brightness.unwrap_or_default();
        let brightness = random.uniform(low, high);
        AugmentParams {
            rotation_radians,
            shear_radians,
            zoom_rows,
            zoom_columns,
            flip_horizontal,
            flip_vertical,
            brightness: self.brightness.map(|_| brightness),
        }
    }
}

/// Applies `params` to `image`; of `config` only `minmax_stretch` and `center_offset` matter.
///
/// In this order: the value at row and column `p` is read at `M p` in the image,
///
/// ```text
/// M = T(o) R(rotation) S(shear) Z(zoom) T(-o),   o = (height, width) / 2 + center_offset
/// R = [cos -sin; sin cos],  S = [1 -sin; 0 cos],  Z = [zoom_rows 0; 0 zoom_columns]
/// ```
///
/// bilinearly, with coordinates clamped to the image; then the flips; then, if there is a
/// brightness `b`, `trunc(b * trunc(x))` clipped to 0..=255, after the optional stretch
/// `x = 255 (x - min) / (max - min)` over all values of the image.
///
/// # Shapes
/// `height * width * 3` values in 0..=255, row by row with interleaved channels.
///
/// # Source
/// keras-preprocessing 1.1.2, `ImageDataGenerator.apply_transform` with nearest fill.
pub fn augment(image: &RgbImage, params: &AugmentParams, config: &AugmentConfig) -> Vec<f32> {
    let mut values = warp(image, params, config.center_offset);
    if let Some(brightness) = params.brightness {
        if config.minmax_stretch {
            stretch(&mut values);
        }
        dim(&mut values, brightness as f32);
    }
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

/// Two neighboring places on one axis and the weight of the second.
struct Between {
    low: usize,
    high: usize,
    weight: f64,
}

impl Between {
    fn new(coordinate: f64, last: usize) -> Self {
        let clamped = coordinate.clamp(0.0, last as f64);
        let low = clamped as usize;
        Self { low, high: (low + 1).min(last), weight: clamped - low as f64 }
    }
}

/// The affine map and the flips in one pass: a flip reads the same place for the mirrored pixel.
fn warp(image: &RgbImage, params: &AugmentParams, center_offset: f64) -> Vec<f32> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let center = [height as f64 / 2.0 + center_offset, width as f64 / 2.0 + center_offset];
    let Affine { matrix, offset } = Affine::new(params, center);
    let (pixels, _) = image.as_raw().as_chunks::<3>();
    let mut values = Vec::with_capacity(height * width * 3);
    for row in 0..height {
        let row = if params.flip_vertical { height - 1 - row } else { row } as f64;
        let start = [offset[0] + row * matrix[0][0], offset[1] + row * matrix[1][0]];
        for column in 0..width {
            let column = if params.flip_horizontal { width - 1 - column } else { column } as f64;
            let rows = Between::new(start[0] + column * matrix[0][1], height - 1);
            let columns = Between::new(start[1] + column * matrix[1][1], width - 1);
            values.extend_from_slice(&bilinear(pixels, width, &rows, &columns));
        }
    }
    values
}

#[inline]
fn bilinear(pixels: &[[u8; 3]], width: usize, rows: &Between, columns: &Between) -> [f32; 3] {
    let corners = [
        (rows.low, columns.low, (1.0 - rows.weight) * (1.0 - columns.weight)),
        (rows.low, columns.high, (1.0 - rows.weight) * columns.weight),
        (rows.high, columns.low, rows.weight * (1.0 - columns.weight)),
        (rows.high, columns.high, rows.weight * columns.weight),
    ];
    let mut sum = [0.0; 3];
    for (row, column, weight) in corners {
        let pixel = pixels[row * width + column];
        for channel in 0..3 {
            sum[channel] += weight * f64::from(pixel[channel]);
        }
    }
    sum.map(|value| value as f32)
}

/// Stretches the values so that they span 0 to 255.
fn stretch(values: &mut [f32]) {
    let min = values.iter().copied().fold(f32::INFINITY, f32::min);
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) - min;
    let divisor = if max > 0.0 { max } else { 1.0 };
    for value in values {
        *value = (*value - min) / divisor * 255.0;
    }
}

/// Multiplies by `brightness` as 8-bit image editors do: both factors and product are cut to bytes.
fn dim(values: &mut [f32], brightness: f32) {
    let dimmed: [f32; 256] =
        std::array::from_fn(|byte| f32::from((brightness * byte as f32) as u8));
    for value in values {
        *value = dimmed[usize::from(*value as u8)];
    }
}
