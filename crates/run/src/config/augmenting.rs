//! The section that says how training images are varied.

use super::declare::section;
use super::schema::Range;
use dermx_data::{AugmentConfig, ColorJitter, RandAugment};

section! {
    /// How training images are varied.
    AugmentSection {
        /// Rotation in degrees, uniform in +-rotation_degrees.
        rotation_degrees: f64, default(0.0), Range::closed(0.0, 180.0);
        /// Shear in degrees, uniform in +-shear_degrees.
        shear_degrees: f64, default(0.0), Range::below(0.0, 90.0);
        /// Zoom of rows and of columns, each uniform in 1 +- zoom.
        zoom: f64, default(0.0), Range::below(0.0, 1.0);
        /// Translation of rows and of columns in shares of the sides, each uniform in +-translation.
        translation: f64, default(0.0), Range::below(0.0, 1.0);
        /// Factor on the brightness, uniform in [low, high].
        brightness: Option<[f64; 2]>, word("none"), Range::LowHigh;
        /// Whether half of the images are mirrored left to right.
        horizontal_flip: bool, default(true);
        /// Whether half of the images are mirrored top to bottom.
        vertical_flip: bool, default(false);
        /// Whether each image is stretched to the full range before its brightness changes, as Keras does.
        minmax_stretch: bool, default(false);
        /// Offset of the center of rotation and zoom in pixels; Keras 1.1.2 uses 0.5, the true center is
        /// -0.5.
        center_offset: f64, default(0.5), Range::closed(-1e6, 1e6);
        /// Changes of colors.
        color_jitter: Option<ColorJitterSection>, optional(ColorJitterSection);
        /// Operations at random.
        rand_augment: Option<RandAugmentSection>, optional(RandAugmentSection);
    }
}

section! {
    /// Changes of colors in random order, as torchvision's ColorJitter makes them.
    ColorJitterSection {
        /// Factor on the brightness, uniform in [max(0, 1 - brightness), 1 + brightness].
        brightness: f64, default(0.0), Range::closed(0.0, 100.0);
        /// Factor on the contrast, likewise.
        contrast: f64, default(0.0), Range::closed(0.0, 100.0);
        /// Factor on the saturation, likewise.
        saturation: f64, default(0.0), Range::closed(0.0, 100.0);
        /// Turn of the hue in turns, uniform in +-hue.
        hue: f64, default(0.0), Range::closed(0.0, 0.5);
    }
}

section! {
    /// RandAugment, as torchvision has it: operations at random, all of one magnitude.
    RandAugmentSection {
        /// Number of operations on each image.
        num_ops: usize, default(2), Range::Count(1, 100);
        /// Their magnitude, as torchvision counts it with its 31 bins.
        magnitude: u32, default(9), Range::Count(0, RandAugment::MAX_MAGNITUDE);
    }
}

impl AugmentSection {
    /// The augmentation.
    pub fn config(&self) -> AugmentConfig {
        AugmentConfig {
            rotation_degrees: self.rotation_degrees,
            shear_degrees: self.shear_degrees,
            zoom: self.zoom,
            translation: self.translation,
            brightness: self.brightness,
            horizontal_flip: self.horizontal_flip,
            vertical_flip: self.vertical_flip,
            minmax_stretch: self.minmax_stretch,
            center_offset: self.center_offset,
            color_jitter: self.color_jitter.as_ref().map(ColorJitterSection::config),
            rand_augment: self.rand_augment.as_ref().map(RandAugmentSection::config),
        }
    }
}

impl ColorJitterSection {
    const fn config(&self) -> ColorJitter {
        let Self { brightness, contrast, saturation, hue } = *self;
        ColorJitter { brightness, contrast, saturation, hue }
    }
}

impl RandAugmentSection {
    const fn config(&self) -> RandAugment {
        RandAugment { num_ops: self.num_ops, magnitude: self.magnitude }
    }
}
