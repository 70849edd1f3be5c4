//! A photo under its heat map.

use dermx_data::{DataError, read_photo};
use dermx_eval::{Border, HeatmapScoring, Normalize, prepare};
use dermx_gradcam::{Heatmap, blend_heatmap};
use dermx_run::RunError;
use image::RgbImage;
use std::path::Path;

/// Writes the photo `photo` under `map`, which is divided by its maximum and resized to it, as the
/// picture `out`, whose extension says its format.
///
/// # Errors
/// A photo that cannot be read, a map that is not finite, a picture that cannot be written.
pub fn overlay(
    photo: impl AsRef<Path>,
    map: &Heatmap,
    out: impl AsRef<Path>,
) -> Result<(), RunError> {
    let (photo, out) = (read_photo(photo.as_ref())?, out.as_ref());
    let scoring = HeatmapScoring {
        size: [photo.height() as usize, photo.width() as usize],
        normalize: Normalize::Max,
        quantize: false,
        border: Border::Mirror,
    };
    let heat = prepare(&map.values, [map.height, map.width], &scoring)?.values();
    let pixels = blend_heatmap(photo.as_raw(), &heat);
    let (width, height) = photo.dimensions();
    let painted = RgbImage::from_raw(width, height, pixels)
        .ok_or_else(|| RunError::internal("the overlay has another size than its photo"))?;
    painted.save(out).map_err(|error| match error {
        image::ImageError::IoError(error) => DataError::io(out, &error).into(),
        other => RunError::in_file(out, other),
    })
}
