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

/// Draws the outline of a mask over a photo and dims what lies outside it.
///
/// # Shapes
/// - `photo`: red, green, blue for each pixel, row-major, `width` pixels a row
/// - `mask`: 0 or 1 for each pixel
pub fn outline_mask(photo: &[u8], mask: &[u8], width: usize) -> Vec<u8> {
    let inside = |row: isize, column: isize| -> bool {
        let in_row = column >= 0 && column < width as isize && row >= 0;
        in_row && mask.get(row as usize * width + column as usize).is_some_and(|&value| value != 0)
    };
    let mut drawn = photo.to_vec();
    for (idx, pixel) in drawn.chunks_exact_mut(3).enumerate() {
        let (row, column) = ((idx / width) as isize, (idx % width) as isize);
        let is_inside = inside(row, column);
        let touches_outside = [(-1, 0), (1, 0), (0, -1), (0, 1)]
            .iter()
            .any(|(down, right)| !inside(row + down, column + right));
        if is_inside && touches_outside {
            pixel.copy_from_slice(&OUTLINE);
        } else if !is_inside {
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
    use super::{blend_heatmap, outline_mask};

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
