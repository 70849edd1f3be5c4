//! RandAugment: some changes at random, all of one magnitude.

use super::affine::Affine;
use super::levels;
use crate::{ImageSize, Random};
use serde::{Deserialize, Serialize};

/// How many of [`RandOperation::ALL`] change each photo, and how much.
///
/// # Source
/// Cubuk et al., 2020 (<https://arxiv.org/abs/1909.13719>), as torchvision's `RandAugment` does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandAugment {
    /// Number of operations, one after the other; the same may come again.
    pub num_ops: usize,
    /// Magnitude of all operations: 0 to [`RandAugment::MAX_MAGNITUDE`].
    pub magnitude: u32,
}

/// One operation on one photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandChange {
    /// What is done.
    pub operation: RandOperation,
    /// How much, 0 to [`RandAugment::MAX_MAGNITUDE`].
    pub magnitude: u32,
    /// Whether it is done in the other direction. It says nothing of an operation that has none.
    pub is_negative: bool,
}

/// What can be done to a photo; `m` is the magnitude as a part of the largest, with its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RandOperation {
    /// Nothing.
    Identity,
    /// Each row moves by `0.3 m` times its distance from the top.
    ShearX,
    /// Each column moves by `0.3 m` times its distance from the left side.
    ShearY,
    /// Moves by `m * 150 / 331` of the width.
    TranslateX,
    /// Moves by `m * 150 / 331` of the height.
    TranslateY,
    /// Turns by `30 m` degrees.
    Rotate,
    /// Factor `1 + 0.9 m` on all values.
    Brightness,
    /// Factor `1 + 0.9 m` on the saturation.
    Color,
    /// Factor `1 + 0.9 m` on the contrast.
    Contrast,
    /// Factor `1 + 0.9 m` on the distances from a smoothed image.
    Sharpness,
    /// Keeps `8 - 4 m` bits of each value.
    Posterize,
    /// Inverts values from `255 (1 - m)` on.
    Solarize,
    /// Stretches each channel to the full range.
    AutoContrast,
    /// Gives each channel about equally many pixels of each value.
    Equalize,
}

impl RandAugment {
    /// The largest magnitude.
    pub const MAX_MAGNITUDE: u32 = 30;

    pub(super) fn draw(&self, random: &mut Random) -> Vec<RandChange> {
        let mut draw = || RandChange {
            operation: RandOperation::ALL[random.below(RandOperation::ALL.len())],
            magnitude: self.magnitude,
            is_negative: random.chance(0.5),
        };
        (0..self.num_ops).map(|_| draw()).collect()
    }
}

impl RandOperation {
    /// All there are.
    pub const ALL: [Self; 14] = [
        Self::Identity,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
        Self::Rotate,
        Self::Brightness,
        Self::Color,
        Self::Contrast,
        Self::Sharpness,
        Self::Posterize,
        Self::Solarize,
        Self::AutoContrast,
        Self::Equalize,
    ];
}

impl RandChange {
    /// Changes `pixels` of an image of `size`.
    pub(super) fn apply(&self, pixels: Vec<[u8; 3]>, size: ImageSize) -> Vec<[u8; 3]> {
        let factor = 1.0 + self.signed(0.9);
        match self.operation {
            RandOperation::Brightness => levels::brightness(pixels, factor),
            RandOperation::Color => levels::saturation(pixels, factor),
            RandOperation::Contrast => levels::contrast(pixels, factor),
            RandOperation::Sharpness => levels::sharpness(pixels, size, factor),
            RandOperation::Posterize => levels::posterize(pixels, self.num_bits()),
            RandOperation::Solarize => levels::solarize(pixels, 255.0 - self.upto(255.0)),
            RandOperation::AutoContrast => levels::auto_contrast(pixels),
            RandOperation::Equalize => levels::equalize(pixels),
            _ => self.moved(pixels, size),
        }
    }

    /// `values` at the nearest places, where the operation moves them; the default from outside.
    pub(super) fn moved<T: Copy + std::default::Default>(
        &self,
        values: Vec<T>,
        size: ImageSize,
    ) -> Vec<T> {
        match self.affine(size) {
            Some(affine) => affine.nearest(&values, size, (false, false)),
            None => values,
        }
    }

    /// Where pixels are read, (row, column), of an operation that moves them.
    fn affine(&self, size: ImageSize) -> Option<Affine> {
        let [height, width] = [size.height, size.width].map(f64::from);
        let shear = f64::from(self.signed(0.3));
        // Translations are by whole pixels.
        let translation = |side: f64| f64::from(self.signed((150.0 / 331.0 * side) as f32).trunc());
        let (matrix, offset) = match self.operation {
            // Distances are to the middles of pixels.
            RandOperation::ShearX => ([[1.0, 0.0], [shear, 1.0]], [0.0, shear / 2.0]),
            RandOperation::ShearY => ([[1.0, shear], [0.0, 1.0]], [shear / 2.0, 0.0]),
            RandOperation::TranslateX => ([[1.0, 0.0], [0.0, 1.0]], [0.0, -translation(width)]),
            RandOperation::TranslateY => ([[1.0, 0.0], [0.0, 1.0]], [-translation(height), 0.0]),
            RandOperation::Rotate => {
                let (sin, cos) = libm::sincos(f64::from(self.signed(30.0)).to_radians());
                let [row, column] = [height, width].map(|side| (side - 1.0) / 2.0);
                let matrix = [[cos, sin], [-sin, cos]];
                let offset = matrix.map(|[down, right]| -(down * row + right * column));
                (matrix, [offset[0] + row, offset[1] + column])
            }
            _ => return None,
        };
        Some(Affine { matrix, offset })
    }

    /// Number of bits that are kept, rounded half to even.
    fn num_bits(&self) -> u32 {
        8 - self.upto(4.0).round_ties_even() as u32
    }

    /// The magnitude's place between 0 and `max`, with the sign.
    fn signed(&self, max: f32) -> f32 {
        if self.is_negative { -self.upto(max) } else { self.upto(max) }
    }

    /// The magnitude's place between 0 and `max`, as `torch.linspace` computes it.
    fn upto(&self, max: f32) -> f32 {
        let last = RandAugment::MAX_MAGNITUDE;
        let step = max / last as f32;
        let magnitude = self.magnitude.min(last);
        match magnitude < last.div_ceil(2) {
            true => step * magnitude as f32,
            false => max - step * (last - magnitude) as f32,
        }
    }
}
