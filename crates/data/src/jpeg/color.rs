//! Rows of samples to rows of RGB.

use super::header::Color;

/// Red, green and blue of a row.
pub(super) struct Colors {
    color: Color,
    rows: [Vec<u8>; 3],
}

impl Colors {
    /// For rows of `width` pixels.
    pub(super) fn new(color: Color, width: usize) -> Self {
        Self { color, rows: [(); 3].map(|()| vec![0; width]) }
    }

    /// Red, green and blue from rows of components, at least as long as the photo's.
    ///
    /// # Source
    /// `R = Y + 1.402 (Cr - 128)`, `G = Y - 0.344136 (Cb - 128) - 0.714136 (Cr - 128)`,
    /// `B = Y + 1.772 (Cb - 128)`, with libjpeg's constants of 16 fractional bits and its rounding
    /// (`jdcolor.c`).
    #[inline(always)]
    pub(super) fn convert<'a>(&'a mut self, rows: [&'a [u8]; 3]) -> [&'a [u8]; 3] {
        let [y, cb, cr] = rows;
        match self.color {
            Color::Gray => return [y; 3],
            Color::Rgb => return rows,
            Color::YCbCr => {}
        }
        let [red, green, blue] = &mut self.rows;
        let width = red.len();
        let (green, blue) = (&mut green[..width], &mut blue[..width]);
        let (y, cb, cr) = (&y[..width], &cb[..width], &cr[..width]);
        for idx in 0..width {
            [red[idx], green[idx], blue[idx]] = rgb(y[idx], cb[idx], cr[idx]);
        }
        [red, green, blue]
    }
}

/// `round(factor / 65536 value)`, half up.
#[inline(always)]
fn scaled(value: i16, factor: i16) -> i16 {
    // In 16 bits: the high half of a product, doubled for one more bit to round.
    let doubled = (i32::from(2 * value) * i32::from(factor)) >> 16;
    (doubled as i16 + 1) >> 1
}

#[inline(always)]
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let [y, cb, cr] = [i16::from(y), i16::from(cb) - 128, i16::from(cr) - 128];
    // 91881, 116130 and 46802 / 65536, less 1, 2 and 1 to fit into 16 bits.
    let red = y + cr + scaled(cr, 26345);
    let blue = y + 2 * cb + scaled(cb, -14942);
    let differences = i32::from(cb) * -22554 + i32::from(cr) * 18734 + 32768;
    let green = y - cr + (differences >> 16) as i16;
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}
