//! Stretching: by hand and against Pillow.

use crate::hex;

use dermx_data::{ImageSize, resize};
use image::{Rgb, RgbImage};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    before: ImageSize,
    after: ImageSize,
    rgb: String,
}

/// The image that `generate.py` draws.
fn image_by_rule(size: ImageSize) -> RgbImage {
    RgbImage::from_fn(size.width, size.height, |column, row| {
        let texture = row * row * 31 + column * column * 17 + row * column * 7;
        Rgb([0, 1, 2].map(|channel| ((texture + 40 * channel) % 251) as u8))
    })
}

fn gray_row(values: &[u8]) -> RgbImage {
    RgbImage::from_fn(values.len() as u32, 1, |column, _| Rgb([values[column as usize]; 3]))
}

#[test]
fn shrinking_averages_under_a_triangle() {
    // 4 pixels to 2, shrink factor 2. The first output's center lies at 1; the pixel centers 0.5,
    // 1.5 and 2.5 weigh 1 - 0.5/2, 1 - 0.5/2 and 1 - 1.5/2 = 0.75, 0.75, 0.25:
    // (0 * 0.75 + 40 * 0.75 + 80 * 0.25) / 1.75 = 28.57; the second, mirrored: 160 / 1.75 = 91.43.
    let resized = resize(&gray_row(&[0, 40, 80, 120]), ImageSize::new(1, 2));
    assert_eq!(resized.as_raw(), &[29, 29, 29, 91, 91, 91]);
}

#[test]
fn enlarging_interpolates_between_centers() {
    // 2 pixels to 4: the centers lie at 0.25, 0.75, 1.25, 1.75 of the input, whose pixels are
    // centered at 0.5 and 1.5: 0, 25, 75, 100 % of the way from 20 to 100.
    let resized = resize(&gray_row(&[20, 100]), ImageSize::new(1, 4));
    let values: Vec<u8> = resized.pixels().map(|pixel| pixel[0]).collect();
    assert_eq!(values, [20, 40, 80, 100]);
}

#[test]
fn values_are_those_of_pillow() {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).expect("golden.json");
    for case in golden.cases {
        let resized = resize(&image_by_rule(case.before), case.after);
        let expected = hex::bytes(&case.rgb);
        assert_eq!(resized.as_raw().len(), expected.len());
        let differences: Vec<u8> =
            std::iter::zip(resized.as_raw(), &expected).map(|(a, b)| a.abs_diff(*b)).collect();
        let max = differences.iter().copied().max().expect("pixels");
        let mean = differences.iter().map(|&d| f64::from(d)).sum::<f64>() / expected.len() as f64;
        eprintln!("{} to {}: max {max}, mean {mean:.4}", case.before, case.after);
        assert!(max <= 1 && mean < 0.05, "{} to {}: {max} {mean}", case.before, case.after);
    }
}

#[test]
fn nothing_to_show_is_no_failure() {
    assert_eq!(resize(&RgbImage::new(0, 0), ImageSize::new(2, 1)).as_raw(), &[0; 6]);
    assert_eq!(resize(&RgbImage::new(3, 3), ImageSize::new(0, 5)).dimensions(), (5, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn values_stay_within_those_of_the_photo(
        before in [1u32..60, 1u32..60], after in [1u32..60, 1u32..60],
    ) {
        let photo = image_by_rule(before.into());
        let resized = resize(&photo, after.into());
        for channel in 0..3 {
            let values = photo.pixels().map(|pixel| pixel[channel]);
            let (min, max) = (values.clone().min(), values.max());
            for pixel in resized.pixels() {
                prop_assert!(Some(pixel[channel]) >= min && Some(pixel[channel]) <= max);
            }
        }
    }

    #[test]
    fn the_same_size_is_a_copy(size in [1u32..40, 1u32..40]) {
        let photo = image_by_rule(size.into());
        prop_assert_eq!(resize(&photo, size.into()), photo);
    }
}
