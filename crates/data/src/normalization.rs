//! From pixel values to what a network takes.

use crate::ImageSize;
use serde::{Deserialize, Serialize};

/// How pixel values in 0..=255 become a network's input: `(scale * x - mean) / std` per channel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Subtracted after scaling, in the order of the output channels.
    pub mean: [f32; 3],
    /// Divides what is left, in the order of the output channels.
    pub std: [f32; 3],
    /// Multiplies the pixel values first.
    pub scale: f32,
    /// Whether the output channels are blue, green, red instead of red, green, blue.
    pub bgr: bool,
}

const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

impl Normalization {
    /// The names that [`Self::preset`] knows.
    pub const PRESETS: [&str; 3] = ["imagenet", "keras-caffe", "keras-tf23"];

    /// A named normalization.
    ///
    /// - `imagenet`: `(x / 255 - mean) / std` with mean 0.485, 0.456, 0.406 and std 0.229, 0.224,
    ///   0.225 of red, green, blue: torchvision's weights, and what Keras's EfficientNet is meant
    ///   to do.
    /// - `keras-caffe`: blue, green, red minus 103.939, 116.779, 123.68:
    ///   `keras.applications.resnet.preprocess_input`.
    /// - `keras-tf23`: as `imagenet`, but divided by `sqrt(std)`: what Keras's EfficientNet did in
    ///   TensorFlow 2.3 to 2.5, whose weights keep the standard deviations where variances belong
    ///   (tensorflow issue 49930).
    pub fn preset(name: &str) -> Option<Self> {
        let imagenet =
            Self { mean: IMAGENET_MEAN, std: IMAGENET_STD, scale: 1.0 / 255.0, bgr: false };
        match name {
            "imagenet" => Some(imagenet),
            "keras-caffe" => {
                let mean = [103.939, 116.779, 123.68];
                Some(Self { mean, std: [1.0; 3], scale: 1.0, bgr: true })
            }
            "keras-tf23" => Some(Self { std: IMAGENET_STD.map(f32::sqrt), ..imagenet }),
            _ => None,
        }
    }
}

/// Splits interleaved pixel values into one normalized plane per channel.
///
/// # Shapes
/// `hwc` is `[height, width, 3]` in 0..=255, red, green, blue; the result is `[3, height, width]`.
///
/// # Panics
/// If `hwc` does not hold `size.num_pixels() * 3` values.
pub fn to_planes(hwc: &[f32], size: ImageSize, normalization: &Normalization) -> Vec<f32> {
    assert_eq!(hwc.len(), size.num_pixels() * 3, "values of a {size} image");
    let Normalization { mean, std, scale, bgr } = *normalization;
    let (pixels, _) = hwc.as_chunks::<3>();
    let mut planes = Vec::with_capacity(hwc.len());
    for channel in 0..3 {
        let source = if bgr { 2 - channel } else { channel };
        let (mean, std) = (mean[channel], std[channel]);
        planes.extend(pixels.iter().map(|pixel| (pixel[source] * scale - mean) / std));
    }
    planes
}
