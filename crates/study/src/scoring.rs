//! How the study prepared heat maps, which is the default for any data set.

use dermx_data::ImageSize;
use dermx_eval::{Border, HeatmapScoring, Normalize};

/// The size of the study's images as its networks saw them, which maps and masks are brought to.
pub const SIZE: ImageSize = ImageSize::new(300, 400);

/// Maps are divided by their maximum, cut to 256 levels and brought to [`SIZE`].
///
/// # Source
/// The study's code.
pub const SCORING: HeatmapScoring = HeatmapScoring {
    size: [SIZE.height as usize, SIZE.width as usize],
    normalize: Normalize::Max,
    quantize: true,
    border: Border::Mirror,
};
