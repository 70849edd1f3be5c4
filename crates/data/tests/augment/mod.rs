//! Augmentation: by hand, against keras-preprocessing, and what always holds.

mod places;
mod torchvision;

use crate::hex;

use dermx_data::{
    AugmentConfig, AugmentParams, ColorJitter, ImageSize, RandAugment, Random, augment,
    augment_mask,
};
use image::{Rgb, RgbImage};
use proptest::prelude::*;
use serde::Deserialize;
use std::f64::consts::FRAC_PI_2;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    theta: f64,
    shear: f64,
    zx: f64,
    zy: f64,
    flip_horizontal: bool,
    flip_vertical: bool,
    brightness: Option<f64>,
    minmax_stretch: bool,
    size: ImageSize,
    values: String,
}

impl Case {
    fn params(&self) -> AugmentParams {
        AugmentParams {
            rotation_radians: self.theta.to_radians(),
            shear_radians: self.shear.to_radians(),
            zoom_rows: self.zx,
            zoom_columns: self.zy,
            flip_horizontal: self.flip_horizontal,
            flip_vertical: self.flip_vertical,
            brightness: self.brightness,
            ..AugmentParams::IDENTITY
        }
    }

    /// Whole gray levels with a brightness, else 256ths in two bytes.
    fn expected(&self) -> Vec<f32> {
        let bytes = hex::bytes(&self.values);
        match self.brightness {
            Some(_) => bytes.into_iter().map(f32::from).collect(),
            None => bytes
                .chunks_exact(2)
                .map(|pair| f32::from(u16::from_be_bytes([pair[0], pair[1]])) / 256.0)
                .collect(),
        }
    }
}

/// The image that `generate.py` draws.
fn image_by_rule(size: ImageSize) -> RgbImage {
    RgbImage::from_fn(size.width, size.height, |column, row| {
        Rgb([0, 1, 2]
            .map(|channel| ((5 * row + 9 * column + 40 * channel + row * column) % 217 + 20) as u8))
    })
}

/// A gray image of these rows.
fn gray<const WIDTH: usize>(rows: &[[u8; WIDTH]]) -> RgbImage {
    RgbImage::from_fn(WIDTH as u32, rows.len() as u32, |column, row| {
        Rgb([rows[row as usize][column as usize]; 3])
    })
}

/// The first channel of the augmented image.
fn augmented(image: &RgbImage, params: AugmentParams, config: &AugmentConfig) -> Vec<f32> {
    augment(image, &params, config).chunks_exact(3).map(|pixel| pixel[0]).collect()
}

/// Every kind of change, about the true center.
fn full_config() -> AugmentConfig {
    AugmentConfig {
        rotation_degrees: 20.0,
        shear_degrees: 0.5,
        zoom: 0.25,
        translation: 0.15,
        brightness: Some([0.25, 1.0]),
        horizontal_flip: true,
        vertical_flip: true,
        minmax_stretch: true,
        center_offset: -0.5,
        color_jitter: Some(ColorJitter {
            brightness: 0.35,
            contrast: 0.2,
            saturation: 0.2,
            hue: 0.15,
        }),
        rand_augment: Some(RandAugment { num_ops: 2, magnitude: 9 }),
    }
}

#[test]
fn a_quarter_turn_reads_each_pixel_from_the_turned_place() {
    // About the true center, output (row, column) = (-1, -1) is read at R (-1, -1) =
    // (cos * -1 - sin * -1, sin * -1 + cos * -1) = (1, -1): the bottom left corner.
    let params = AugmentParams { rotation_radians: FRAC_PI_2, ..AugmentParams::IDENTITY };
    let image = gray(&[[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
    let turned = augmented(&image, params, &full_config());
    assert_eq!(turned, [7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0]);
}

#[test]
fn zoom_interpolates_and_clamps_at_the_border() {
    // Two columns with the center at 2 / 2 + 0.5 = 1.5; column c is read at 1.5 + 0.5 (c - 1.5):
    // 0 at 0.75, 1 at 1.25, which is clamped to 1. 0.25 * 10 + 0.75 * 50 = 40.
    let params = AugmentParams { zoom_columns: 0.5, ..AugmentParams::IDENTITY };
    let config = AugmentConfig::default();
    assert_eq!(augmented(&gray(&[[10, 50]]), params, &config), [40.0, 50.0]);
}

#[test]
fn shear_moves_rows_by_their_distance_from_the_center() {
    // Column offsets do not change; the row read is row - sin(s) * (column - 1) about the true
    // center of 3 x 3. With sin(s) = 1 and cos(s) = 0 every column is read at column 1:
    // row r, column c is read at (r - (c - 1), 1), clamped: 0 -> row 1, 1 -> row 0, 2 -> row 0.
    let params = AugmentParams { shear_radians: FRAC_PI_2, ..AugmentParams::IDENTITY };
    let image = gray(&[[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
    let sheared = augmented(&image, params, &full_config());
    assert_eq!(sheared, [5.0, 2.0, 2.0, 8.0, 5.0, 2.0, 8.0, 8.0, 5.0]);
}

#[test]
fn flips_mirror_after_the_affine_map() {
    let horizontal = AugmentParams { flip_horizontal: true, ..AugmentParams::IDENTITY };
    let vertical = AugmentParams { flip_vertical: true, ..AugmentParams::IDENTITY };
    let zoomed = AugmentParams { zoom_columns: 0.5, ..horizontal.clone() };
    let config = AugmentConfig::default();
    let image = gray(&[[1, 2, 3], [4, 5, 6]]);
    assert_eq!(augmented(&image, horizontal, &config), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
    assert_eq!(augmented(&image, vertical, &config), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
    // The zoom test above, mirrored.
    assert_eq!(augmented(&gray(&[[10, 50]]), zoomed, &config), [50.0, 40.0]);
}

#[test]
fn brightness_truncates_and_clips() {
    let config = AugmentConfig::default();
    let image = gray(&[[0, 101, 200]]);
    let with = |b| AugmentParams { brightness: Some(b), ..AugmentParams::IDENTITY };
    // 0.5 * 101 = 50.5 becomes 50; 1.5 * 200 = 300 becomes 255.
    assert_eq!(augmented(&image, with(0.5), &config), [0.0, 50.0, 100.0]);
    assert_eq!(augmented(&image, with(1.5), &config), [0.0, 151.0, 255.0]);
    assert_eq!(augmented(&image, with(0.0), &config), [0.0, 0.0, 0.0]);
}

#[test]
fn minmax_stretch_spans_all_values_before_the_brightness() {
    let config = AugmentConfig { minmax_stretch: true, ..AugmentConfig::default() };
    let params = AugmentParams { brightness: Some(0.5), ..AugmentParams::IDENTITY };
    // (x - 50) / 100 * 255: 0, 127.5 -> 127, 255; times 0.5: 0, 63.5 -> 63, 127.5 -> 127.
    assert_eq!(augmented(&gray(&[[50, 100, 150]]), params.clone(), &config), [0.0, 63.0, 127.0]);
    assert_eq!(augmented(&gray(&[[90, 90]]), params, &config), [0.0, 0.0]);
    // Without a brightness there is no stretch either.
    let image = gray(&[[50, 100, 150]]);
    assert_eq!(augmented(&image, AugmentParams::IDENTITY, &config), [50.0, 100.0, 150.0]);
}

#[test]
fn values_are_those_of_keras() {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).expect("golden.json");
    let num_stretched = golden.cases.iter().filter(|case| case.minmax_stretch).count();
    assert_eq!((num_stretched, golden.cases.len()), (200, 280));
    let (mut max, mut case_mean, mut sum, mut num_values) = (0.0_f32, 0.0_f64, 0.0, 0);
    for case in golden.cases {
        let config = AugmentConfig {
            center_offset: 0.5,
            minmax_stretch: case.minmax_stretch,
            ..full_config()
        };
        let values = augment(&image_by_rule(case.size), &case.params(), &config);
        let expected = case.expected();
        assert_eq!(values.len(), expected.len());
        let differences = std::iter::zip(values, expected).map(|(a, b)| (a - b).abs());
        let case_max = differences.clone().fold(0.0, f32::max);
        // Half of a 256th, or one gray level where a truncation tips over.
        assert!(case_max <= if case.brightness.is_some() { 1.0 } else { 0.002 }, "{case_max}");
        max = max.max(case_max);
        let case_sum = differences.clone().map(f64::from).sum::<f64>();
        case_mean = case_mean.max(case_sum / differences.len() as f64);
        num_values += differences.len();
        sum += case_sum;
    }
    let mean = sum / num_values as f64;
    eprintln!("{num_values} values: max {max}, largest mean {case_mean:.4}, mean {mean:.6}");
    assert!(mean < 0.001 && case_mean < 0.5, "{mean} {case_mean}");
}

#[test]
fn switching_one_change_off_leaves_the_others() {
    let draw = |config: &AugmentConfig| config.draw(&mut Random::new(1, "augment", 2, "x"));
    let full = draw(&full_config());
    let still = draw(&AugmentConfig {
        rotation_degrees: 0.0,
        horizontal_flip: false,
        brightness: None,
        translation: 0.0,
        color_jitter: None,
        ..full_config()
    });
    let expected = AugmentParams {
        rotation_radians: 0.0,
        flip_horizontal: false,
        brightness: None,
        translation_rows: 0.0,
        translation_columns: 0.0,
        colors: Vec::new(),
        ..full.clone()
    };
    assert_eq!(still, expected);
    assert_ne!(full.zoom_rows, full.zoom_columns);
    assert_ne!(full.translation_rows, full.translation_columns);
    assert_eq!((full.colors.len(), full.rand_augment.len()), (4, 2));
    let without = AugmentConfig { rand_augment: None, ..full_config() };
    assert_eq!(draw(&without), AugmentParams { rand_augment: Vec::new(), ..full });
    assert_eq!(draw(&AugmentConfig::default()), AugmentParams::IDENTITY);
}

#[test]
fn every_bad_value_is_reported_by_name() {
    assert!(full_config().problems().is_empty());
    assert!(AugmentConfig::default().problems().is_empty());
    let bad = AugmentConfig {
        rotation_degrees: -1.0,
        shear_degrees: 90.0,
        zoom: 1.0,
        translation: -0.1,
        brightness: Some([1.0, 0.5]),
        center_offset: f64::NAN,
        color_jitter: Some(ColorJitter {
            brightness: -0.1,
            contrast: f64::NAN,
            saturation: f64::INFINITY,
            hue: 0.6,
        }),
        rand_augment: Some(RandAugment { num_ops: 1, magnitude: 31 }),
        ..full_config()
    };
    let problems = bad.problems();
    let fields: Vec<&str> = problems.iter().filter_map(|p| p.split(':').next()).collect();
    assert_eq!(
        fields,
        [
            "rotation_degrees",
            "shear_degrees",
            "zoom",
            "translation",
            "brightness",
            "center_offset",
            "color_jitter.brightness",
            "color_jitter.contrast",
            "color_jitter.saturation",
            "color_jitter.hue",
            "rand_augment.magnitude",
        ]
    );
    assert_eq!(problems[2], "zoom: is 1; allowed: 0 to below 1");
    for brightness in [[f64::NAN, 1.0], [0.5, f64::INFINITY], [-0.1, 1.0]] {
        let bad = AugmentConfig { brightness: Some(brightness), ..full_config() };
        assert_eq!(bad.problems().len(), 1, "{brightness:?}");
    }
}

#[test]
fn the_center_offset_alone_has_a_default_in_files() {
    let text = r#"{"rotation_degrees": 20, "shear_degrees": 0, "zoom": 0.25, "horizontal_flip": true,
        "vertical_flip": true, "minmax_stretch": true}"#;
    let config: AugmentConfig = serde_json::from_str(text).expect("complete");
    assert_eq!((config.center_offset, config.brightness), (0.5, None));
    let typo = text.replace("zoom", "zooom");
    assert!(serde_json::from_str::<AugmentConfig>(&typo).is_err());
}

#[test]
fn an_empty_image_stays_empty() {
    let config = full_config();
    let params = config.draw(&mut Random::new(0, "augment", 0, "x"));
    assert!(augment(&RgbImage::new(0, 0), &params, &config).is_empty());
    assert!(augment(&RgbImage::new(0, 3), &params, &config).is_empty());
    assert!(augment(&RgbImage::new(3, 0), &params, &config).is_empty());
    for size in [[0, 0], [0, 3], [3, 0]] {
        assert!(augment_mask(&[], size.into(), &params, &config).is_empty());
    }
    // A mask without its last row has no value there.
    let short = augment_mask(&[1.0], ImageSize::new(2, 1), &AugmentParams::IDENTITY, &config);
    assert_eq!(short, [1.0, 0.0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_gives_the_image_itself(size in [1u32..30, 1u32..30], offset in -3.0..3.0) {
        let image = image_by_rule(size.into());
        let config = AugmentConfig { center_offset: offset, ..full_config() };
        let values = augment(&image, &AugmentParams::IDENTITY, &config);
        let expected: Vec<f32> = image.as_raw().iter().map(|&byte| f32::from(byte)).collect();
        prop_assert_eq!(values, expected);
    }

    #[test]
    fn values_stay_bytes(size in [1u32..20, 1u32..20], seed in 0u64..1000) {
        let config = AugmentConfig {
            rotation_degrees: 180.0,
            shear_degrees: 89.0,
            zoom: 0.99,
            brightness: Some([0.0, 3.0]),
            ..full_config()
        };
        let params = config.draw(&mut Random::new(seed, "augment", 0, "x"));
        for value in augment(&image_by_rule(size.into()), &params, &config) {
            prop_assert!((0.0..=255.0).contains(&value) && value.fract() == 0.0);
        }
    }

    #[test]
    fn draws_stay_in_their_ranges(seed in 0u64..1000) {
        let drawn = full_config().draw(&mut Random::new(seed, "augment", 0, "x"));
        prop_assert!(drawn.rotation_radians.abs() <= 20f64.to_radians());
        prop_assert!(drawn.shear_radians.abs() <= 0.5f64.to_radians());
        prop_assert!((0.75..=1.25).contains(&drawn.zoom_rows));
        prop_assert!((0.75..=1.25).contains(&drawn.zoom_columns));
        prop_assert!(drawn.translation_rows.abs() <= 0.15);
        prop_assert!(drawn.translation_columns.abs() <= 0.15);
        prop_assert!(drawn.brightness.is_some_and(|b| (0.25..=1.0).contains(&b)));
    }
}
