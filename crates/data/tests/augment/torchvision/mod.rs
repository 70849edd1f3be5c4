//! Translations, masks, colors and RandAugment: by hand and against torchvision.

use super::{augmented, full_config, gray};
use crate::hex;
use dermx_data::{
    AugmentConfig, AugmentParams, ColorChange, ColorJitter, ImageSize, RandAugment, RandChange,
    RandOperation, Random, augment, augment_mask,
};
use image::{Rgb, RgbImage};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Golden {
    affine: Vec<Moved>,
    colors: Vec<Colored>,
    rand_augment: Vec<Changed>,
}

#[derive(Deserialize)]
struct Moved {
    angle: f64,
    scale: f64,
    translate: [f64; 2],
    flips: [bool; 2],
    photo: String,
    mask: String,
}

#[derive(Deserialize)]
struct Colored {
    changes: Vec<(String, f64)>,
    values: String,
}

#[derive(Deserialize)]
struct Changed {
    operation: RandOperation,
    magnitude: u32,
    is_negative: bool,
    size: ImageSize,
    bytes: String,
}

const SMALL: ImageSize = ImageSize::new(9, 11);

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden.json")).expect("golden.json")
}

/// The image that `generate.py` draws.
fn image_by_rule(size: ImageSize) -> RgbImage {
    RgbImage::from_fn(size.width, size.height, |column, row| {
        Rgb([0, 1, 2].map(|channel| {
            let rule = 37 * row * row
                + 11 * column * column
                + 83 * channel
                + 5 * row * column * (channel + 1);
            (rule % 256) as u8
        }))
    })
}

/// Words of two bytes.
fn words(text: &str) -> Vec<u16> {
    let bytes = hex::bytes(text);
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

fn levels(text: &str) -> Vec<f32> {
    hex::bytes(text).into_iter().map(f32::from).collect()
}

fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    std::iter::zip(found, expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn change(name: &str, value: f64) -> ColorChange {
    match name {
        "brightness" => ColorChange::Brightness(value),
        "contrast" => ColorChange::Contrast(value),
        "saturation" => ColorChange::Saturation(value),
        _ => ColorChange::Hue(value),
    }
}

#[test]
fn photos_and_masks_go_where_torchvision_takes_them() {
    let image = image_by_rule(SMALL);
    let mask: Vec<f32> = image.pixels().map(|pixel| f32::from(pixel.0[0] % 17) / 16.0).collect();
    let mut num_inside = 0;
    for case in golden().affine {
        let params = AugmentParams {
            rotation_radians: case.angle.to_radians(),
            zoom_rows: 1.0 / case.scale,
            zoom_columns: 1.0 / case.scale,
            translation_rows: case.translate[1] / f64::from(SMALL.height),
            translation_columns: case.translate[0] / f64::from(SMALL.width),
            flip_vertical: case.flips[0],
            flip_horizontal: case.flips[1],
            ..AugmentParams::IDENTITY
        };
        let found = augmented(&image, params.clone(), &full_config());
        for (found, expected) in std::iter::zip(found, words(&case.photo)) {
            if expected != u16::MAX {
                num_inside += 1;
                assert!((found - f32::from(expected) / 256.0).abs() < 0.01, "{found} {expected}");
            }
        }
        let expected: Vec<f32> = levels(&case.mask).iter().map(|value| value / 16.0).collect();
        assert_eq!(augment_mask(&mask, SMALL, &params, &full_config()), expected);
    }
    assert!(num_inside > 700, "{num_inside}");
}

#[test]
fn colors_are_those_of_torchvision() {
    let image = image_by_rule(SMALL);
    let cases = golden().colors;
    assert_eq!(cases.len(), 20);
    for case in cases {
        let colors: Vec<ColorChange> =
            case.changes.iter().map(|(name, value)| change(name, *value)).collect();
        let params = AugmentParams { colors, ..AugmentParams::IDENTITY };
        let found = augment(&image, &params, &AugmentConfig::default());
        let exact: Vec<f32> =
            words(&case.values).into_iter().map(|word| f32::from(word) / 256.0).collect();
        let difference = largest_difference(&found, &exact);
        assert!(difference < 0.003, "{:?}: {difference}", case.changes);
    }
}

#[test]
fn operations_are_those_of_torchvision() {
    let cases = golden().rand_augment;
    let operations: BTreeSet<String> =
        cases.iter().map(|case| format!("{:?}", case.operation)).collect();
    assert_eq!((operations.len(), cases.len()), (RandOperation::ALL.len(), 54));
    let (mut num_different, mut num_values) = (0, 0);
    for Changed { operation, magnitude, is_negative, size, bytes } in cases {
        let expected = levels(&bytes);
        let rand_augment = vec![RandChange { operation, magnitude, is_negative }];
        let params = AugmentParams { rand_augment, ..AugmentParams::IDENTITY };
        let found = augment(&image_by_rule(size), &params, &AugmentConfig::default());
        let difference = largest_difference(&found, &expected);
        use RandOperation::{Brightness, Color, Contrast, Sharpness};
        let is_rounded = [Brightness, Color, Contrast, Sharpness].contains(&operation);
        let tolerance = if is_rounded { 1.0 } else { 0.0 };
        assert!(difference <= tolerance, "{operation:?} {magnitude} {is_negative}: {difference}");
        num_different += std::iter::zip(&found, &expected).filter(|(a, b)| a != b).count();
        num_values += found.len();
    }
    eprintln!("{num_different} of {num_values} values differ by one level");
    assert!(num_different * 1000 < num_values, "{num_different} of {num_values}");
}

#[test]
fn colors_change_as_computed_by_hand() {
    let pixel = |rgb: [u8; 3], change| {
        let image = RgbImage::from_pixel(1, 1, Rgb(rgb));
        let params = AugmentParams { colors: vec![change], ..AugmentParams::IDENTITY };
        augment(&image, &params, &AugmentConfig::default())
    };
    assert_eq!(pixel([10, 100, 200], ColorChange::Brightness(1.5)), [15.0, 150.0, 255.0]);
    // Pure red turned by a third is green, by half is cyan; gray has no hue.
    assert_eq!(pixel([200, 0, 0], ColorChange::Hue(0.5)), [0.0, 200.0, 200.0]);
    let green = pixel([200, 0, 0], ColorChange::Hue(1.0 / 3.0));
    assert!(largest_difference(&green, &[0.0, 200.0, 0.0]) < 1e-3, "{green:?}");
    assert_eq!(pixel([70, 70, 70], ColorChange::Hue(0.3)), [70.0; 3]);
    // Without saturation there is gray: 0.2989 * 100 + 0.587 * 200 + 0.114 * 50 = 152.99.
    let faded = pixel([100, 200, 50], ColorChange::Saturation(0.0));
    assert!(largest_difference(&faded, &[152.99; 3]) < 1e-3, "{faded:?}");
    // The mean of 50 and 150 is 100, times the 0.9999 that the weights sum to.
    let params =
        AugmentParams { colors: vec![ColorChange::Contrast(0.5)], ..AugmentParams::IDENTITY };
    let found = augmented(&gray(&[[50, 150]]), params, &AugmentConfig::default());
    assert!(largest_difference(&found, &[74.995, 124.995]) < 1e-3, "{found:?}");
}

#[test]
fn colors_are_drawn_in_their_ranges_and_in_any_order() {
    let jitter = ColorJitter { brightness: 1.5, contrast: 0.2, saturation: 0.3, hue: 0.1 };
    let config = AugmentConfig { color_jitter: Some(jitter), ..AugmentConfig::default() };
    let mut orders = BTreeSet::new();
    let mut lowest = f64::INFINITY;
    for seed in 0..500 {
        let colors = config.draw(&mut Random::new(seed, "augment", 0, "x")).colors;
        assert_eq!(colors.len(), 4);
        for color in &colors {
            let (value, low, high) = match *color {
                ColorChange::Brightness(value) => (value, 0.0, 2.5),
                ColorChange::Contrast(value) => (value, 0.8, 1.2),
                ColorChange::Saturation(value) => (value, 0.7, 1.3),
                ColorChange::Hue(value) => (value, -0.1, 0.1),
            };
            assert!((low..=high).contains(&value), "{color:?}");
            lowest = lowest.min(value);
        }
        let names = colors.iter().map(|color| format!("{color:?}"));
        orders.insert(names.map(|name| name[..1].to_string()).collect::<String>());
    }
    assert_eq!(orders.len(), 24);
    assert!(lowest < -0.09, "{lowest}");
    let hue_alone = ColorJitter { hue: 0.1, ..ColorJitter::default() };
    let config = AugmentConfig { color_jitter: Some(hue_alone), ..config };
    let colors = config.draw(&mut Random::new(0, "augment", 0, "x")).colors;
    assert!(matches!(colors[..], [ColorChange::Hue(_)]), "{colors:?}");
}

#[test]
fn every_operation_is_drawn_about_equally_often_in_both_directions() {
    let rand_augment = RandAugment { num_ops: 7_000, magnitude: 4 };
    let config = AugmentConfig { rand_augment: Some(rand_augment), ..AugmentConfig::default() };
    let changes = config.draw(&mut Random::new(0, "augment", 0, "x")).rand_augment;
    assert!(changes.iter().all(|change| change.magnitude == 4));
    for operation in RandOperation::ALL {
        let of_it = changes.iter().filter(|change| change.operation == operation);
        let num_negative = of_it.clone().filter(|change| change.is_negative).count();
        // 500 and 250 are expected; five standard deviations are 108 and 78.
        assert!(of_it.count().abs_diff(500) < 108, "{operation:?}");
        assert!(num_negative.abs_diff(250) < 78, "{operation:?}");
    }
}

#[test]
fn operations_leave_what_has_nothing_to_change() {
    let image = RgbImage::from_pixel(2, 2, Rgb([7, 80, 255]));
    let expected: Vec<f32> = image.as_raw().iter().map(|byte| f32::from(*byte)).collect();
    for operation in
        [RandOperation::Sharpness, RandOperation::AutoContrast, RandOperation::Equalize]
    {
        let change = RandChange { operation, magnitude: 30, is_negative: false };
        let params = AugmentParams { rand_augment: vec![change], ..AugmentParams::IDENTITY };
        assert_eq!(augment(&image, &params, &AugmentConfig::default()), expected, "{operation:?}");
    }
}
