//! Changes of images of bytes, each as torchvision makes it: results are cut to whole levels.

use super::color::{blend, gray, mean};
use crate::ImageSize;

/// Factor on all values.
pub fn brightness(pixels: Vec<[u8; 3]>, factor: f32) -> Vec<[u8; 3]> {
    blended(pixels, factor, |_| 0.0)
}

/// Factor on the distances from each pixel's gray.
pub fn saturation(pixels: Vec<[u8; 3]>, factor: f32) -> Vec<[u8; 3]> {
    blended(pixels, factor, |pixel| gray(pixel).floor())
}

/// Factor on the distances from the mean gray.
pub fn contrast(pixels: Vec<[u8; 3]>, factor: f32) -> Vec<[u8; 3]> {
    let mean = mean(pixels.iter().map(|pixel| gray(pixel.map(f32::from)).floor()));
    blended(pixels, factor, |_| mean)
}

fn blended(mut pixels: Vec<[u8; 3]>, factor: f32, other: impl Fn([f32; 3]) -> f32) -> Vec<[u8; 3]> {
    for pixel in &mut pixels {
        let mut values = [pixel.map(f32::from)];
        blend(&mut values, factor, &other);
        *pixel = values[0].map(|value| value as u8);
    }
    pixels
}

/// Factor on the distances from the image smoothed by 1/13 of all eight neighbors and 5/13 of the pixel
/// itself; the border stays as it is.
pub fn sharpness(pixels: Vec<[u8; 3]>, size: ImageSize, factor: f32) -> Vec<[u8; 3]> {
    let (height, width) = (size.height as usize, size.width as usize);
    if height <= 2 || width <= 2 {
        return pixels;
    }
    let mut sharpened = pixels.clone();
    for row in 1..height - 1 {
        for column in 1..width - 1 {
            let idx = row * width + column;
            sharpened[idx] = std::array::from_fn(|channel| {
                let at = |idx: usize| f32::from(pixels[idx][channel]);
                let around = [idx - width, idx, idx + width]
                    .map(|middle| at(middle - 1) + at(middle) + at(middle + 1));
                let sum = around.iter().sum::<f32>() + 4.0 * at(idx);
                let smooth = (sum / 13.0).round_ties_even();
                (at(idx) + (1.0 - factor) * (smooth - at(idx))).clamp(0.0, 255.0) as u8
            });
        }
    }
    sharpened
}

/// Keeps the highest `num_bits` (at most 8) of each value.
pub fn posterize(pixels: Vec<[u8; 3]>, num_bits: u32) -> Vec<[u8; 3]> {
    let mask = !(0xFF_u32 >> num_bits) as u8;
    mapped(pixels, |_, value| value & mask)
}

/// Inverts values from `threshold` on.
pub fn solarize(pixels: Vec<[u8; 3]>, threshold: f32) -> Vec<[u8; 3]> {
    mapped(pixels, |_, value| if f32::from(value) >= threshold { 255 - value } else { value })
}

/// Stretches each channel to 0..=255; a channel of one value stays as it is.
pub fn auto_contrast(pixels: Vec<[u8; 3]>) -> Vec<[u8; 3]> {
    let extremes = [0, 1, 2].map(|channel| {
        let values = pixels.iter().map(|pixel| pixel[channel]);
        (values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
    });
    mapped(pixels, |channel, value| match extremes[channel] {
        (min, max) if min < max => {
            (f32::from(value - min) / (f32::from(max - min) * (1.0 / 255.0))) as u8
        }
        _ => value,
    })
}

/// Gives each channel about equally many pixels of each value.
///
/// A value becomes `(n + s / 2) / s`, where `n` pixels have a smaller value and `s` is a 255th of those
/// that do not have the largest; the channel stays as it is where `s` is 0.
pub fn equalize(pixels: Vec<[u8; 3]>) -> Vec<[u8; 3]> {
    let tables = [0, 1, 2].map(|channel| {
        let mut counts = [0; 256];
        for pixel in &pixels {
            counts[usize::from(pixel[channel])] += 1;
        }
        equalizing(&counts)
    });
    mapped(pixels, |channel, value| tables[channel][usize::from(value)])
}

fn equalizing(counts: &[usize; 256]) -> [u8; 256] {
    let largest = counts.iter().rev().find(|count| **count > 0).copied().unwrap_or(0);
    let step = (counts.iter().sum::<usize>() - largest) / 255;
    if step == 0 {
        return std::array::from_fn(|value| value as u8);
    }
    let mut num_below = 0;
    counts.map(|count| {
        let level = (num_below + step / 2) / step;
        num_below += count;
        level.min(255) as u8
    })
}

fn mapped(mut pixels: Vec<[u8; 3]>, change: impl Fn(usize, u8) -> u8) -> Vec<[u8; 3]> {
    for pixel in &mut pixels {
        *pixel = std::array::from_fn(|channel| change(channel, pixel[channel]));
    }
    pixels
}
