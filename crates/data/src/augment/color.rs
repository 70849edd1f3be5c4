//! Changes of colors: brightness, contrast, saturation and hue.

use crate::Random;
use serde::{Deserialize, Serialize};

/// How far colors are changed at random; the default changes nothing.
///
/// # Source
/// torchvision's `ColorJitter`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColorJitter {
    /// The factor on the brightness is in `max(0, 1 - brightness) ..= 1 + brightness`.
    pub brightness: f64,
    /// The factor on the contrast, likewise.
    pub contrast: f64,
    /// The factor on the saturation, likewise.
    pub saturation: f64,
    /// Largest turn of the hue to either side, in turns: at most 0.5.
    pub hue: f64,
}

/// One change of the colors of a photo.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ColorChange {
    /// Factor on all values.
    Brightness(f64),
    /// Factor on the distances from the mean of the gray image.
    Contrast(f64),
    /// Factor on the distances from each pixel's own gray.
    Saturation(f64),
    /// Turn of the hue, in turns.
    Hue(f64),
}

impl ColorJitter {
    /// The changes of one photo, in their order. As many random numbers are drawn whatever the ranges.
    pub(super) fn draw(&self, random: &mut Random) -> Vec<ColorChange> {
        let mut factor = |range: f64| random.uniform((1.0 - range).max(0.0), 1.0 + range);
        let mut changes = [
            (self.brightness, ColorChange::Brightness(factor(self.brightness))),
            (self.contrast, ColorChange::Contrast(factor(self.contrast))),
            (self.saturation, ColorChange::Saturation(factor(self.saturation))),
            (self.hue, ColorChange::Hue(random.uniform(-self.hue, self.hue))),
        ];
        random.shuffle(&mut changes);
        changes.into_iter().filter(|(range, _)| *range > 0.0).map(|(_, change)| change).collect()
    }
}

impl ColorChange {
    /// Changes interleaved values in 0..=255, which stay there without being rounded.
    pub(super) fn apply(self, values: &mut [f32]) {
        let (pixels, _) = values.as_chunks_mut::<3>();
        match self {
            Self::Brightness(factor) => blend(pixels, factor as f32, |_| 0.0),
            Self::Contrast(factor) => {
                let mean = mean(pixels.iter().map(|&pixel| gray(pixel)));
                blend(pixels, factor as f32, |_| mean);
            }
            Self::Saturation(factor) => blend(pixels, factor as f32, gray),
            Self::Hue(turn) => {
                for pixel in pixels {
                    *pixel = turned(*pixel, turn as f32);
                }
            }
        }
    }
}

/// The gray of a pixel: its luma by the weights of ITU-R BT.601.
pub(super) fn gray([red, green, blue]: [f32; 3]) -> f32 {
    0.2989 * red + 0.587 * green + 0.114 * blue
}

/// The mean, which does not matter where there are no values.
pub(super) fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let num_values = values.len() as f64;
    (values.map(f64::from).sum::<f64>() / num_values) as f32
}

/// `factor x + (1 - factor) other(pixel)`, clipped to 0..=255.
pub(super) fn blend(pixels: &mut [[f32; 3]], factor: f32, other: impl Fn([f32; 3]) -> f32) {
    for pixel in pixels {
        let other = (1.0 - factor) * other(*pixel);
        *pixel = pixel.map(|value| (factor * value + other).clamp(0.0, 255.0));
    }
}

/// `pixel` with its hue turned, by way of hue, saturation and value (Smith, 1978).
fn turned(pixel: [f32; 3], turn: f32) -> [f32; 3] {
    let [red, green, blue] = pixel;
    let value = red.max(green).max(blue);
    let range = value - red.min(green).min(blue);
    if range <= 0.0 {
        return pixel;
    }
    // In sixths of a turn: red is at 0, green at 2, blue at 4.
    let hue = if value == red {
        (green - blue) / range
    } else if value == green {
        2.0 + (blue - red) / range
    } else {
        4.0 + (red - green) / range
    };
    let hue = (hue + 6.0 * turn).rem_euclid(6.0);
    let (sector, part) = (hue.floor(), hue.fract());
    let lowest = value - range;
    let falling = value - range * part;
    let rising = value - range * (1.0 - part);
    match sector as u8 {
        1 => [falling, value, lowest],
        2 => [lowest, value, rising],
        3 => [lowest, falling, value],
        4 => [rising, lowest, value],
        5 => [value, lowest, falling],
        // Where a turn is rounded to a whole one, it is none.
        _ => [value, rising, lowest],
    }
}
