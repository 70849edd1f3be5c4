//! A photo in the making: floating-point colors and the few strokes that everything is drawn with.

use super::blob::Blob;
use crate::ImageSize;

/// Red, green and blue, 0 to 1.
pub(super) type Color = [f32; 3];

/// Colors of a photo, row by row.
pub(super) struct Canvas {
    pub(super) size: ImageSize,
    pixels: Vec<Color>,
}

impl Canvas {
    pub(super) fn new(size: ImageSize) -> Self {
        Self { size, pixels: vec![[0.0; 3]; size.num_pixels()] }
    }

    /// Replaces every pixel by `paint(x, y, color)`.
    pub(super) fn paint(&mut self, paint: impl FnMut(f32, f32, Color) -> Color) {
        let [height, width] = [self.size.height as usize, self.size.width as usize];
        self.paint_rows([0, height], [0, width], paint);
    }

    /// Replaces the pixels around `blob`, up to `margin` times its reach, by
    /// `paint(x, y, depth, color)`, where `depth` is that of [`Blob::depth`].
    pub(super) fn paint_blob(
        &mut self,
        blob: &Blob,
        margin: f64,
        mut paint: impl FnMut(f32, f32, f32, Color) -> Color,
    ) {
        let span = |center: f64, length: u32| {
            let reach = blob.reach() * margin + 1.0;
            let low = (center - reach).clamp(0.0, f64::from(length)) as usize;
            let high = (center + reach).clamp(0.0, f64::from(length)).ceil() as usize;
            [low, high]
        };
        let rows = span(blob.center[1], self.size.height);
        let columns = span(blob.center[0], self.size.width);
        self.paint_rows(rows, columns, |x, y, color| paint(x, y, blob.depth(x, y), color));
    }

    /// Draws a line of dabs along a quadratic curve, `width` pixels thick, thinner at its ends.
    pub(super) fn stroke(&mut self, curve: [[f64; 2]; 3], width: f64, color: Color, opacity: f32) {
        let [start, bend, end] = curve;
        let length = distance(start, bend) + distance(bend, end);
        let num_dabs = (length / (0.5 * width).max(0.4)).ceil().max(1.0) as usize;
        for dab in 0..=num_dabs {
            let t = dab as f64 / num_dabs as f64;
            let at = |axis: usize| {
                let [a, b, c] = [start[axis], bend[axis], end[axis]];
                (1.0 - t) * (1.0 - t) * a + 2.0 * t * (1.0 - t) * b + t * t * c
            };
            let thickness = width * (0.5 + 2.0 * t * (1.0 - t));
            self.dab([at(0), at(1)], 0.5 * thickness, color, opacity * 0.6);
        }
    }

    /// A soft round spot.
    pub(super) fn dab(&mut self, center: [f64; 2], radius: f64, color: Color, opacity: f32) {
        let softness = (1.0 / radius.max(0.5)) as f32;
        self.paint_blob(&Blob::circle(center, radius), 1.0, |_, _, depth, below| {
            mix(below, color, opacity * smoothstep(-0.5 * softness, 0.5 * softness, depth))
        });
    }

    /// Blurs with the binomial kernel (1, 2, 1) / 4 in both directions, `passes` times.
    pub(super) fn blur(&mut self, passes: usize) {
        let width = self.size.width as usize;
        for _ in 0..passes {
            for row in self.pixels.chunks_exact_mut(width) {
                blur_line(row);
            }
            self.blur_columns(width);
        }
    }

    /// The colors as 8-bit RGB, row by row.
    pub(super) fn to_rgb8(&self) -> Vec<u8> {
        self.pixels
            .iter()
            .flatten()
            .map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
            .collect()
    }

    fn paint_rows(
        &mut self,
        [top, bottom]: [usize; 2],
        [left, right]: [usize; 2],
        mut paint: impl FnMut(f32, f32, Color) -> Color,
    ) {
        let width = self.size.width as usize;
        for y in top..bottom {
            for x in left..right {
                let pixel = &mut self.pixels[y * width + x];
                *pixel = paint(x as f32, y as f32, *pixel);
            }
        }
    }

    fn blur_columns(&mut self, width: usize) {
        let mut above = self.pixels[..width].to_vec();
        for row in 0..self.pixels.len() / width {
            let below_row = ((row + 1) * width).min(self.pixels.len() - width);
            for (x, above) in above.iter_mut().enumerate() {
                let here = self.pixels[row * width + x];
                let below = self.pixels[below_row + x];
                self.pixels[row * width + x] = binomial(*above, here, below);
                *above = here;
            }
        }
    }
}

fn blur_line(row: &mut [Color]) {
    let mut before = row[0];
    for x in 0..row.len() {
        let here = row[x];
        row[x] = binomial(before, here, row[(x + 1).min(row.len() - 1)]);
        before = here;
    }
}

fn binomial(before: Color, here: Color, after: Color) -> Color {
    [0, 1, 2].map(|c| 0.25 * before[c] + 0.5 * here[c] + 0.25 * after[c])
}

/// `from` where `amount` is 0, `to` where it is 1.
pub(super) fn mix(from: Color, to: Color, amount: f32) -> Color {
    [0, 1, 2].map(|c| from[c] + (to[c] - from[c]) * amount)
}

/// Every channel times `factor`.
pub(super) fn shade(color: Color, factor: f32) -> Color {
    color.map(|value| value * factor)
}

/// Channel by channel product.
pub(super) fn tint(color: Color, by: Color) -> Color {
    [0, 1, 2].map(|c| color[c] * by[c])
}

/// 0 below `low`, 1 above `high`, a smooth step in between.
pub(super) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Euclidean distance of two points.
pub(super) fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let [dx, dy] = [a[0] - b[0], a[1] - b[1]];
    (dx * dx + dy * dy).sqrt()
}
