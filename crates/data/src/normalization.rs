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
    pub const PRESETS: [&str; 6] = [
        "imagenet",
        "keras-caffe",
        "keras-tf",
        "keras-tf23-efficientnet",
        "efficientnet-lite",
        "raw-rgb",
    ];

    /// Red, green and blue as they are, from 0 to 255.
    pub const RAW_RGB: Self = Self { mean: [0.0; 3], std: [1.0; 3], scale: 1.0, bgr: false };

    /// A named normalization.
    ///
    /// - `imagenet`: `(x / 255 - mean) / std` of red, green, blue, with mean 0.485, 0.456, 0.406 and
    ///   std 0.229, 0.224, 0.225. What torchvision's weights were trained with
    ///   (<https://pytorch.org/vision/stable/models.html>), and what Keras's EfficientNet is meant
    ///   to do.
    /// - `keras-caffe`: blue, green, red, each `x - mean` with mean 103.939, 116.779, 123.68: mode
    ///   `caffe` of `keras.applications.imagenet_utils.preprocess_input`, which Keras's ResNets
    ///   take (<https://keras.io/api/applications/resnet/>).
    /// - `keras-tf`: `x / 127.5 - 1` of red, green, blue: mode `tf` of the same function, which Keras's
    ///   Xception, InceptionV3, InceptionResNetV2, NASNetMobile and MobileNet take
    ///   (<https://keras.io/api/applications/xception/>), and torchvision's InceptionV3, there called `transform_input`.
    /// - `keras-tf23-efficientnet`: `(x / 255 - mean) / sqrt(std)` with `imagenet`'s numbers: what
    ///   Keras's EfficientNet did in TensorFlow 2.3 to 2.5, whose weights hold the standard
    ///   deviations where variances belong
    ///   (<https://github.com/tensorflow/tensorflow/issues/49930>).
    /// - `efficientnet-lite`: `(x - 127) / 128` of red, green, blue, as in
    ///   <https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite>.
    /// - `raw-rgb`: [`Self::RAW_RGB`].
    pub fn preset(name: &str) -> Option<Self> {
        let imagenet =
            Self { mean: IMAGENET_MEAN, std: IMAGENET_STD, scale: 1.0 / 255.0, bgr: false };
        match name {
            "imagenet" => Some(imagenet),
            "keras-caffe" => {
                let mean = [103.939, 116.779, 123.68];
                Some(Self { mean, std: [1.0; 3], scale: 1.0, bgr: true })
            }
            "keras-tf" => {
                Some(Self { mean: [1.0; 3], std: [1.0; 3], scale: 1.0 / 127.5, bgr: false })
            }
            "keras-tf23-efficientnet" => {
                Some(Self { std: IMAGENET_STD.map(f32::sqrt), ..imagenet })
            }
            "efficientnet-lite" => {
                Some(Self { mean: [127.0; 3], std: [128.0; 3], ..Self::RAW_RGB })
            }
            "raw-rgb" => Some(Self::RAW_RGB),
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

#[cfg(test)]
mod tests {
    use super::{Normalization, to_planes};
    use crate::ImageSize;

    const TWO_PIXELS: [f32; 6] = [0.0, 51.0, 102.0, 255.0, 204.0, 153.0];
    const SIZE: ImageSize = ImageSize::new(1, 2);

    fn planes(preset: &str) -> Vec<f32> {
        to_planes(&TWO_PIXELS, SIZE, &Normalization::preset(preset).expect("a preset"))
    }

    fn assert_close(found: &[f32], expected: [f32; 6]) {
        let close = std::iter::zip(found, expected).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close && found.len() == 6, "{found:?} {expected:?}");
    }

    #[test]
    fn imagenet_scales_and_standardizes_each_plane() {
        // 0, 1; 0.2, 0.8; 0.4, 0.6 of the range, minus the means, over the standard deviations.
        let red = [-0.485 / 0.229, 0.515 / 0.229];
        let green = [-0.256 / 0.224, 0.344 / 0.224];
        let blue = [-0.006 / 0.225, 0.194 / 0.225];
        assert_close(&planes("imagenet"), [red[0], red[1], green[0], green[1], blue[0], blue[1]]);
    }

    #[test]
    fn keras_caffe_swaps_the_channels_and_keeps_the_scale() {
        let expected = [102.0 - 103.939, 153.0 - 103.939, 51.0 - 116.779, 204.0 - 116.779];
        let [a, b, c, d] = expected;
        assert_close(&planes("keras-caffe"), [a, b, c, d, 0.0 - 123.68, 255.0 - 123.68]);
    }

    #[test]
    fn keras_tf23_divides_by_the_root_of_the_deviation() {
        // -0.485 / sqrt(0.229) = -1.013495
        assert!((planes("keras-tf23-efficientnet")[0] + 1.013_495).abs() < 1e-5);
    }

    #[test]
    fn keras_tf_and_efficientnet_lite_go_from_about_minus_one_to_one() {
        assert_close(&planes("keras-tf"), [-1.0, 1.0, -0.6, 0.6, -0.2, 0.2]);
        let lite = [-127.0, 128.0, -76.0, 77.0, -25.0, 26.0].map(|value| value / 128.0);
        assert_close(&planes("efficientnet-lite"), lite);
    }

    #[test]
    fn every_listed_preset_exists_and_no_other() {
        assert!(Normalization::PRESETS.iter().all(|name| Normalization::preset(name).is_some()));
        assert_eq!(Normalization::preset("ImageNet"), None);
    }

    #[test]
    fn an_empty_image_has_empty_planes() {
        let imagenet = Normalization::preset("imagenet").expect("a preset");
        assert!(to_planes(&[], ImageSize::new(0, 4), &imagenet).is_empty());
    }
}
