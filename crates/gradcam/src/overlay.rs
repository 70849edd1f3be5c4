//! Heat maps and masks drawn over a photo.

/// Anchors of the color map, from no heat to full heat (close to matplotlib's "inferno").
const COLORS: [[f64; 3]; 5] = [
    [0.0, 0.0, 4.0],
    [87.0, 16.0, 110.0],
    [188.0, 55.0, 84.0],
    [249.0, 142.0, 9.0],
    [252.0, 255.0, 164.0],
];

/// Weight of the color at full heat; the photo stays visible under it.
const MAX_OPACITY: f64 = 0.75;

/// Outline color of masks.
const OUTLINE: [u8; 3] = [0, 229, 255];

/// Width of the outlines of several masks.
const OUTLINE_PX: usize = 2;

/// Rows and columns of a digit.
const DIGIT_SIZE: [usize; 2] = [5, 3];
/// The digit 1, a number of three bits for each row.
const DIGIT_ONE: [u8; DIGIT_SIZE[0]] = [0b010, 0b110, 0b010, 0b010, 0b111];
const DIGIT_ZERO: [u8; DIGIT_SIZE[0]] = [0b111, 0b101, 0b101, 0b101, 0b111];

/// Blends a heat map over a photo: the larger the value, the less is seen of the photo.
///
/// # Shapes
/// - `photo`: red, green, blue for each pixel, row-major
/// - `heat`: one value in `[0, 1]` for each pixel
pub fn blend_heatmap(photo: &[u8], heat: &[f64]) -> Vec<u8> {
    photo
        .chunks_exact(3)
        .zip(heat)
        .flat_map(|(pixel, &heat)| {
            let heat = heat.clamp(0.0, 1.0);
            let opacity = MAX_OPACITY * heat.sqrt();
            let color = color(heat);
            [0, 1, 2].map(|channel| {
                let value = f64::from(pixel[channel]) * (1.0 - opacity) + color[channel] * opacity;
                value.round() as u8
            })
        })
        .collect()
}

/// Puts a bar of the colors of [`blend_heatmap`] to the right of a picture: full heat (1) at the top, none (0) at
/// the bottom. Returns the wider picture and its width in pixels.
///
/// # Shapes
/// - `picture`: red, green, blue for each pixel, row-major, `height` rows of `width` pixels
pub fn beside_color_bar(picture: &[u8], [height, width]: [usize; 2]) -> (Vec<u8>, usize) {
    let bar_width = (width / 24).max(6);
    let (gap, digit_px) = (bar_width / 2, (bar_width / 4).max(1));
    let bar = width + gap..width + gap + bar_width;
    let digits = bar.end + gap..bar.end + gap + DIGIT_SIZE[1] * digit_px;
    let whole_width = digits.end + gap;
    let is_ink = |row: usize, column: usize| {
        let from_bottom = height - 1 - row;
        let is_of = |digit: &[u8; 5], row: usize| {
            let bits = digit.get(row / digit_px).copied().unwrap_or(0);
            bits >> (DIGIT_SIZE[1] - 1 - (column - digits.start) / digit_px) & 1 == 1
        };
        // The 0 looks the same from below.
        digits.contains(&column) && (is_of(&DIGIT_ONE, row) || is_of(&DIGIT_ZERO, from_bottom))
    };
    let mut pixels = Vec::with_capacity(height * whole_width * 3);
    for (row, line) in picture.chunks_exact(width * 3).enumerate() {
        pixels.extend_from_slice(line);
        let heat = 1.0 - row as f64 / (height.max(2) - 1) as f64;
        let color = color(heat).map(|value| value.round() as u8);
        pixels.extend((width..whole_width).flat_map(|column| match column {
            column if bar.contains(&column) => color,
            column if is_ink(row, column) => [0; 3],
            _ => [255; 3],
        }));
    }
    (pixels, whole_width)
}

/// Draws the outline of each mask over a photo in its color, two pixels wide; where outlines meet, the last is seen.
///
/// # Shapes
/// - `photo`: red, green, blue for each pixel, row-major, `width` pixels a row
/// - each mask: 0 or 1 for each pixel
pub fn draw_outlines(photo: &[u8], masks: &[(Vec<u8>, [u8; 3])], width: usize) -> Vec<u8> {
    let mut drawn = photo.to_vec();
    for (mask, color) in masks {
        let mut left = mask.clone();
        for _ in 0..OUTLINE_PX {
            let is_rim = |&idx: &usize| is_at_rim(&left, idx, width);
            let rim: Vec<usize> = (0..left.len()).filter(is_rim).collect();
            for idx in rim {
                left[idx] = 0;
                if let Some(pixel) = drawn.get_mut(3 * idx..3 * idx + 3) {
                    pixel.copy_from_slice(color);
                }
            }
        }
    }
    drawn
}

/// Whether pixel `idx` of a mask is inside of it, and one beside it outside.
fn is_at_rim(mask: &[u8], idx: usize, width: usize) -> bool {
    let (row, column) = (idx / width, idx % width);
    let inside = |row: usize, column: usize| {
        column < width && mask.get(row * width + column).is_some_and(|&value| value != 0)
    };
    let beside = |row: Option<usize>, column: Option<usize>| {
        row.zip(column).is_some_and(|(row, column)| inside(row, column))
    };
    let (above, left) = (row.checked_sub(1), column.checked_sub(1));
    let is_within = beside(above, Some(column))
        && beside(Some(row), left)
        && inside(row + 1, column)
        && inside(row, column + 1);
    inside(row, column) && !is_within
}

/// Draws the outline of a mask over a photo and dims what lies outside it.
///
/// # Shapes
/// - `photo`: red, green, blue for each pixel, row-major, `width` pixels a row
/// - `mask`: 0 or 1 for each pixel
pub fn outline_mask(photo: &[u8], mask: &[u8], width: usize) -> Vec<u8> {
    let mut drawn = photo.to_vec();
    for (idx, pixel) in drawn.chunks_exact_mut(3).enumerate() {
        if is_at_rim(mask, idx, width) {
            pixel.copy_from_slice(&OUTLINE);
        } else if mask.get(idx).is_none_or(|&value| value == 0) {
            pixel.iter_mut().for_each(|value| *value = (u16::from(*value) * 6 / 10) as u8);
        }
    }
    drawn
}

fn color(heat: f64) -> [f64; 3] {
    let position = heat * (COLORS.len() - 1) as f64;
    let idx = (position as usize).min(COLORS.len() - 2);
    let fraction = position - idx as f64;
    [0, 1, 2].map(|channel| {
        COLORS[idx][channel] * (1.0 - fraction) + COLORS[idx + 1][channel] * fraction
    })
}

#[cfg(test)]
mod tests {
    use super::{beside_color_bar, blend_heatmap, draw_outlines, outline_mask};

    #[test]
    fn a_cold_map_leaves_the_photo_alone() {
        let photo = [10, 20, 30, 200, 210, 220];
        assert_eq!(blend_heatmap(&photo, &[0.0, 0.0]), photo);
    }

    #[test]
    fn full_heat_shows_three_quarters_of_the_hottest_color() {
        // 0.25 * 100 + 0.75 * (252, 255, 164) = (214, 216.25, 148)
        assert_eq!(blend_heatmap(&[100, 100, 100], &[1.0]), [214, 216, 148]);
    }

    #[test]
    fn the_bar_goes_from_the_hottest_color_down_to_the_coldest() {
        // A picture of 12x4 pixels: a gap of 3, a bar of 6, a gap of 3, a digit of 3, a gap of 3.
        let (pixels, width) = beside_color_bar(&[7; 12 * 4 * 3], [12, 4]);
        assert_eq!((width, pixels.len()), (22, 12 * 22 * 3));
        let pixel = |row: usize, column: usize| &pixels[(row * width + column) * 3..][..3];
        assert_eq!([pixel(0, 3), pixel(11, 0)], [[7; 3]; 2]);
        assert_eq!([pixel(0, 4), pixel(0, 13), pixel(11, 21)], [[255; 3]; 3]);
        assert_eq!([pixel(0, 7), pixel(0, 12)], [[252, 255, 164]; 2]);
        assert_eq!([pixel(11, 7), pixel(11, 12)], [[0, 0, 4]; 2]);
        let digits: Vec<String> = (0..12)
            .map(|row| (16..19).map(|x| if pixel(row, x) == [0; 3] { '#' } else { '.' }).collect())
            .collect();
        let expected =
            [".#.", "##.", ".#.", ".#.", "###", "...", "...", "###", "#.#", "#.#", "#.#", "###"];
        assert_eq!(digits, expected);
    }

    #[test]
    fn each_outline_has_its_color_and_the_photo_stays() {
        // One mask is the whole photo of 5x5 pixels, the other its upper left corner.
        let corner: Vec<u8> = (0..25).map(|idx| u8::from(idx == 0)).collect();
        let masks = [(vec![1; 25], [255, 0, 0]), (corner, [0, 0, 255])];
        let drawn = draw_outlines(&[100; 75], &masks, 5);
        let pixel = |row: usize, column: usize| &drawn[(row * 5 + column) * 3..][..3];
        assert_eq!(pixel(0, 0), [0, 0, 255]);
        assert_eq!([pixel(0, 4), pixel(1, 1), pixel(3, 2)], [[255, 0, 0]; 3]);
        assert_eq!(pixel(2, 2), [100; 3]);
    }

    #[test]
    fn the_outline_lies_inside_the_mask_and_the_outside_is_dimmed() {
        // A 3x5 photo whose mask is everything but the first column.
        let photo = [100; 45];
        let mask = [0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1];
        let drawn = outline_mask(&photo, &mask, 5);
        let pixel = |row: usize, column: usize| &drawn[(row * 5 + column) * 3..][..3];
        assert_eq!(pixel(1, 0), [60, 60, 60]);
        assert_eq!(pixel(1, 1), [0, 229, 255]);
        assert_eq!(pixel(1, 2), [100, 100, 100]);
    }
}
