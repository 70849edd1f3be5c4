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
    convolve(&mut Resizer::new(), photo, &mut resampled).expect("both images are RGB");
    resampled
}

fn convolve(
    resizer: &mut Resizer,
    photo: &RgbImage,
    resampled: &mut RgbImage,
) -> Result<(), Box<dyn Error>> {
    let (width, height) = resampled.dimensions();
    // Typed: code for the other kinds of pixels would take longer to compile than this crate.
    let source = TypedImageRef::<U8x3>::from_buffer(photo.width(), photo.height(), photo.as_raw())?;
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, resampled)?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Ok(resizer.resize_typed(&source, &mut target, &options)?)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use fast_image_resize::CpuExtensions::{self, Avx2, Sse4_1};
    use image::Rgb;

    #[allow(unsafe_code)]
    fn resample_with(
        level: CpuExtensions,
        photo: &RgbImage,
        [width, height]: [u32; 2],
    ) -> RgbImage {
        let mut resampled = RgbImage::new(width, height);
        let mut resizer = Resizer::new();
        // SAFETY: the caller has asked whether the level is supported.
        unsafe { resizer.set_cpu_extensions(level) };
        convolve(&mut resizer, photo, &mut resampled).expect("both images are RGB");
        resampled
    }

    /// The bytes must not depend on the machine, so every instruction set has to agree.
    #[test]
    fn every_instruction_set_gives_the_same_bytes() {
        for ([rows, columns], [height, width]) in
            [([300, 401], [37, 53]), ([97, 61], [224, 224]), ([1500, 777], [300, 400])]
        {
            let photo = RgbImage::from_fn(columns, rows, |column, row| {
                let texture = row * row * 31 + column * column * 17 + row * column * 7;
                Rgb([0, 1, 2].map(|channel| ((texture + 40 * channel) % 251) as u8))
            });
            let resized = resize(&photo, ImageSize::new(height, width));
            for level in [CpuExtensions::None, Sse4_1, Avx2] {
                if !level.is_supported() {
                    eprintln!("skipped: this processor has no {level:?}");
                    continue;
                }
                let narrowed = resample_with(level, &photo, [width, rows]);
                let whole = resample_with(level, &narrowed, [width, height]);
                assert!(whole == resized, "{level:?}");
            }
        }
    }
}
