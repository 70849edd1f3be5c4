//! A photo under its heat map.

use dermx_data::{DataError, read_photo};
use dermx_gradcam::Heatmap;
use dermx_run::{RunError, paint};
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
    let out = out.as_ref();
    let painted = paint(&read_photo(photo.as_ref())?, map)?;
    painted.save(out).map_err(|error| match error {
        image::ImageError::IoError(error) => DataError::io(out, &error).into(),
        other => RunError::in_file(out, other),
    })
}
