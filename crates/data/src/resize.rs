//! Stretching a photo to the size that a network takes.

use crate::ImageSize;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
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
    // Typed: code for the other kinds of pixels would take longer to compile than this crate.
    let source = TypedImageRef::<U8x3>::from_buffer(photo.width(), photo.height(), photo.as_raw())?;
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, resampled)?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Ok(Resizer::new().resize_typed(&source, &mut target, &options)?)
}
