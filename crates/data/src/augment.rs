//! Random changes of a training image: of places and of colors.

mod affine;
mod color;
mod levels;
mod light;
mod rand_augment;
mod warp;

pub use color::{ColorChange, ColorJitter};
pub use rand_augment::{RandAugment, RandChange, RandOperation};

use crate::{ImageSize, Random};
use affine::Affine;
use image::RgbImage;
use light::{dim, stretch};
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use warp::warp;

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
    /// Largest translation to either side, as a share of the image's height and width.
    #[serde(default)]
    pub translation: f64,
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
    /// Changes of colors.
    #[serde(default)]
    pub color_jitter: Option<ColorJitter>,
    /// RandAugment.
    #[serde(default)]
    pub rand_augment: Option<RandAugment>,
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
            translation: 0.0,
            brightness: None,
            horizontal_flip: false,
            vertical_flip: false,
            minmax_stretch: false,
            center_offset: keras_center_offset(),
            color_jitter: None,
            rand_augment: None,
        }
    }
}

/// The changes drawn for one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AugmentParams {
    /// Turn, in radians.
    pub rotation_radians: f64,
    /// Shear, in radians.
    pub shear_radians: f64,
    /// Zoom of the rows; above 1 shows more of the image, below 1 less.
    pub zoom_rows: f64,
    /// Zoom of the columns, likewise.
    pub zoom_columns: f64,
    /// Translation downwards, as a share of the height.
    pub translation_rows: f64,
    /// Translation to the right, as a share of the width.
    pub translation_columns: f64,
    /// Mirror left and right.
    pub flip_horizontal: bool,
    /// Mirror top and bottom.
    pub flip_vertical: bool,
    /// Brightness factor.
    pub brightness: Option<f64>,
    /// Changes of colors, in their order.
    pub colors: Vec<ColorChange>,
    /// RandAugment's operations, in their order.
    pub rand_augment: Vec<RandChange>,
}

impl AugmentParams {
    /// Changes nothing.
    pub const IDENTITY: Self = Self {
        rotation_radians: 0.0,
        shear_radians: 0.0,
        zoom_rows: 1.0,
        zoom_columns: 1.0,
        translation_rows: 0.0,
        translation_columns: 0.0,
        flip_horizontal: false,
        flip_vertical: false,
        brightness: None,
        colors: Vec::new(),
        rand_augment: Vec::new(),
    };
}

impl AugmentConfig {
    /// Every value that makes no sense, as messages that begin with the field's name.
    pub fn problems(&self) -> Vec<String> {
        let brightness = self.brightness.unwrap_or([1.0, 1.0]);
        let [low, high] = brightness;
        let jitter = self.color_jitter.unwrap_or_default();
        let magnitude = self.rand_augment.map_or(0, |rand_augment| rand_augment.magnitude);
        let number = |field, value: f64, range: Range<f64>, allowed| {
            (range.contains(&value), field, value.to_string(), allowed)
        };
        let factor = |field, value| number(field, value, 0.0..100.0_f64.next_up(), "0 to 100");
        let rules = [
            number("rotation_degrees", self.rotation_degrees, 0.0..180.0_f64.next_up(), "0 to 180"),
            number("shear_degrees", self.shear_degrees, 0.0..90.0, "0 to below 90"),
            number("zoom", self.zoom, 0.0..1.0, "0 to below 1"),
            number("translation", self.translation, 0.0..1.0, "0 to below 1"),
            (
                0.0 <= low && low <= high && high.is_finite(),
                "brightness",
                format!("{brightness:?}"),
                "[low, high] with 0 <= low <= high",
            ),
            (
                self.center_offset.is_finite(),
                "center_offset",
                self.center_offset.to_string(),
                "a finite number of pixels",
            ),
            factor("color_jitter.brightness", jitter.brightness),
            factor("color_jitter.contrast", jitter.contrast),
            factor("color_jitter.saturation", jitter.saturation),
            number("color_jitter.hue", jitter.hue, 0.0..0.5_f64.next_up(), "0 to 0.5"),
            (
                magnitude <= RandAugment::MAX_MAGNITUDE,
                "rand_augment.magnitude",
                magnitude.to_string(),
                "0 to 30",
            ),
        ];
        let bad = rules.into_iter().filter(|(holds, ..)| !holds);
        bad.map(|(_, field, found, allowed)| format!("{field}: is {found}; allowed: {allowed}"))
            .collect()
    }

    /// Draws the changes of one image.
    ///
    /// Uniform in their ranges, in Keras's order: rotation, shear, zoom of rows, zoom of columns,
    /// horizontal flip, vertical flip, brightness; then translation of rows and of columns, the changes of
    /// colors and their order. All are always drawn, so that switching one off leaves the others as they
    /// are; RandAugment's operations come last.
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
        let mut translation = || random.uniform(-self.translation, self.translation);
        let (translation_rows, translation_columns) = (translation(), translation());
        AugmentParams {
            rotation_radians,
            shear_radians,
            zoom_rows,
            zoom_columns,
            translation_rows,
            translation_columns,
            flip_horizontal,
            flip_vertical,
            brightness: self.brightness.map(|_| brightness),
            colors: self.color_jitter.unwrap_or_default().draw(random),
            rand_augment: self.rand_augment.map_or_else(Vec::new, |config| config.draw(random)),
        }
    }
}

/// Applies `params` to `image`; of `config` only `minmax_stretch` and `center_offset` matter.
///
/// In this order: the value at row and column `p` is read at `M p` in the image,
///
/// ```text
/// M = T(o) R(rotation) S(shear) Z(zoom) T(-o - t),   o = (height, width) / 2 + center_offset
/// R = [cos -sin; sin cos],  S = [1 -sin; 0 cos],  Z = [zoom_rows 0; 0 zoom_columns],
/// t = (translation_rows height, translation_columns width)
/// ```
///
/// bilinearly, with coordinates clamped to the image; then the flips; then, if there is a
/// brightness `b`, `trunc(b * trunc(x))` clipped to 0..=255, after the optional stretch
/// `x = 255 (x - min) / (max - min)` over all values of the image; then the changes of colors; then, of
/// values rounded to bytes, RandAugment's operations, which read nearest pixels and fill with 0.
///
/// # Shapes
/// `height * width * 3` values in 0..=255, row by row with interleaved channels.
///
/// # Source
/// keras-preprocessing 1.1.2, `ImageDataGenerator.apply_transform` with nearest fill; the translation
/// is that of torchvision's `affine`, which moves the turned and zoomed image.
pub fn augment(image: &RgbImage, params: &AugmentParams, config: &AugmentConfig) -> Vec<f32> {
    let mut values = Arch::new().dispatch(Augment { image, params, config });
    for change in &params.colors {
        change.apply(&mut values);
    }
    if params.rand_augment.is_empty() {
        return values;
    }
    let size = [image.height(), image.width()].into();
    let (pixels, _) = values.as_chunks::<3>();
    let bytes =
        pixels.iter().map(|pixel| pixel.map(|value| value.round_ties_even() as u8)).collect();
    let changed =
        params.rand_augment.iter().fold(bytes, |pixels, change| change.apply(pixels, size));
    changed.into_iter().flatten().map(f32::from).collect()
}

/// Places and brightness of [`augment`], compiled for each kind of processor; the values are the same on all.
struct Augment<'a> {
    image: &'a RgbImage,
    params: &'a AugmentParams,
    config: &'a AugmentConfig,
}

impl WithSimd for Augment<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
        let mut values = warp(self.image, self.params, self.config.center_offset);
        if let Some(brightness) = self.params.brightness {
            if self.config.minmax_stretch {
                stretch(&mut values);
            }
            dim(&mut values, brightness as f32);
        }
        values
    }
}

/// Applies what `params` do to places, not to colors, to `mask`: turn, shear, zoom, translation, flips and
/// such operations of RandAugment.
///
/// Each value is that of the nearest pixel to where [`augment`] reads the photo, so that soft masks keep
/// their values; what comes from outside of the photo is 0. Of `config` only `center_offset` matters.
///
/// # Shapes
/// `height * width` values, row by row; what is missing in a shorter `mask` is 0.
///
/// # Source
/// torchvision's `affine` of `tv_tensors.Mask` with fill 0. It refuses masks to RandAugment; here they
/// move as the photo does.
pub fn augment_mask(
    mask: &[f32],
    size: ImageSize,
    params: &AugmentParams,
    config: &AugmentConfig,
) -> Vec<f32> {
    let affine = Affine::new(params, size, config.center_offset);
    let mask = affine.nearest(mask, size, (params.flip_vertical, params.flip_horizontal));
    params.rand_augment.iter().fold(mask, |mask, change| change.moved(mask, size))
}
