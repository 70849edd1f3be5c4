//! Stretching a photo to the size that a network takes.

use crate::ImageSize;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use std::error::Error;

/// Stretches `photo` to `size`; its aspect ratio is not kept.
///
/// Each output value is a weighted mean of the input along the rows, then along the columns, with
/// weights `max(0, 1 - |x| / s)` around the output pixel's center, where `s` is the shrink factor
/// (1 when enlarging): antialiased when shrinking, bilinear when enlarging. The arithmetic is in
/// integers, so the bytes do not depend on the machine. An empty photo yields black.
///
/// # Source
/// Pillow's `Image.resize((width, height), BILINEAR)` before version 13, which Keras's `load_img`
/// calls; a few values differ by 1 because the weights have fewer bits here.
pub fn resize(photo: &RgbImage, size: ImageSize) -> RgbImage {
    if photo.is_empty() {
        return RgbImage::new(size.width, size.height);
    }
    // One direction at a time: `Resizer` alone would begin with the columns, and since values are
    // rounded to bytes in between, one in ten would differ from Pillow's.
    let narrowed = resample(photo, size.width, photo.height());
    resample(&narrowed, size.width, size.height)
}

#[expect(clippy::expect_used, reason = "an `RgbImage` always holds width * height * 3 bytes")]
fn resample(photo: &RgbImage, width: u32, height: u32) -> RgbImage {
    let mut resampled = RgbImage::new(width, height);
    convolve(photo, &mut resampled).expect("both images are RGB");
    resampled
}

fn convolve(photo: &RgbImage, resampled: &mut RgbImage) -> Result<(), Box<dyn Error>> {
    let (width, height) = resampled.dimensions();
    let source = ImageRef::new(photo.width(), photo.height(), photo.as_raw(), PixelType::U8x3)?;
    let mut target = Image::from_slice_u8(width, height, resampled, PixelType::U8x3)?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Ok(Resizer::new().resize(&source, &mut target, &options)?)
}
