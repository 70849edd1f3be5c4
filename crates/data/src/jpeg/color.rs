//! Rows of samples to rows of RGB.

use super::header::Color;

/// Appends the pixels of a row.
///
/// # Source
/// `R = Y + 1.402 (Cr - 128)`, `G = Y - 0.344136 (Cb - 128) - 0.714136 (Cr - 128)`,
/// `B = Y + 1.772 (Cb - 128)`, with libjpeg's constants of 16 fractional bits and its rounding
/// (`jdcolor.c`).
#[inline(always)]
pub(super) fn write(color: Color, rows: [&[u8]; 3], pixels: &mut [[u8; 3]]) {
    let num = pixels.len();
    let [a, b, c] = rows.map(|row| &row[..num]);
    match color {
        Color::Gray => {
            for idx in 0..num {
                pixels[idx] = [a[idx]; 3];
            }
        }
        Color::Rgb => {
            for idx in 0..num {
                pixels[idx] = [a[idx], b[idx], c[idx]];
            }
        }
        Color::YCbCr => {
            for idx in 0..num {
                pixels[idx] = rgb(a[idx], b[idx], c[idx]);
            }
        }
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
