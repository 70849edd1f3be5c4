//! Where translations take a photo and where masks go.

use super::{augmented, full_config, gray, image_by_rule};
use dermx_data::{
    AugmentConfig, AugmentParams, ImageSize, RandChange, RandOperation, Random, augment_mask,
};
use proptest::prelude::*;
use std::f64::consts::FRAC_PI_2;

fn identity() -> AugmentParams {
    AugmentParams::IDENTITY
}

#[test]
fn translation_moves_the_turned_and_zoomed_image() {
    // Down by a third of three rows and left by a third of three columns; the border is repeated.
    let params = AugmentParams {
        translation_rows: 1.0 / 3.0,
        translation_columns: -1.0 / 3.0,
        ..AugmentParams::IDENTITY
    };
    let image = gray(&[[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
    let config = AugmentConfig::default();
    assert_eq!(augmented(&image, params, &config), [2.0, 3.0, 3.0, 2.0, 3.0, 3.0, 5.0, 6.0, 6.0]);
    // Half of each pixel where the translation is half a column: (10 + 50) / 2 = 30.
    let half = AugmentParams { translation_columns: 0.25, ..AugmentParams::IDENTITY };
    assert_eq!(augmented(&gray(&[[10, 50]]), half, &config), [10.0, 30.0]);
    // About the true center 0.5, zoomed in by 2: column c is read at 0.5 + 0.5 (c - 1 - 0.5) with a
    // translation by one column: 0 at -0.25, 1 at 0.25, so 10 and 10 + 0.25 * 40 = 20.
    let zoomed = AugmentParams { zoom_columns: 0.5, translation_columns: 0.5, ..identity() };
    assert_eq!(augmented(&gray(&[[10, 50]]), zoomed, &full_config()), [10.0, 20.0]);
}

#[test]
fn a_mask_goes_where_its_photo_goes_and_is_zero_beyond() {
    let mask = [0.25, 1.0, 0.0, 0.5, 0.75, 0.0];
    let size = ImageSize::new(2, 3);
    let turned = |params: AugmentParams| augment_mask(&mask, size, &params, &full_config());
    assert_eq!(turned(identity()), mask);
    let flipped = AugmentParams { flip_horizontal: true, ..identity() };
    assert_eq!(turned(flipped), [0.0, 1.0, 0.25, 0.0, 0.75, 0.5]);
    let flipped = AugmentParams { flip_vertical: true, ..identity() };
    assert_eq!(turned(flipped), [0.5, 0.75, 0.0, 0.25, 1.0, 0.0]);
    // To the right by one column of three, and nothing comes in; a flip mirrors what was moved.
    let moved = AugmentParams { translation_columns: 1.0 / 3.0, ..identity() };
    assert_eq!(turned(moved.clone()), [0.0, 0.25, 1.0, 0.0, 0.5, 0.75]);
    let both = AugmentParams { flip_horizontal: true, ..moved };
    assert_eq!(turned(both), [1.0, 0.25, 0.0, 0.75, 0.5, 0.0]);
    // Zoomed out by 3 about column 1: columns 0, 1, 2 are read at -2, 1, 4. By 1.5: at -0.5, 1, 2.5,
    // whose even neighbors are 0 and 2, as PyTorch rounds.
    let zoomed = AugmentParams { zoom_columns: 3.0, ..identity() };
    assert_eq!(turned(zoomed), [0.0, 1.0, 0.0, 0.0, 0.75, 0.0]);
    let zoomed = AugmentParams { zoom_columns: 1.5, ..identity() };
    assert_eq!(turned(zoomed), mask);
    // A half turn is both flips.
    let half_turn = AugmentParams { rotation_radians: 2.0 * FRAC_PI_2, ..identity() };
    assert_eq!(turned(half_turn), [0.0, 0.75, 0.5, 0.0, 1.0, 0.25]);
}

#[test]
fn what_rand_augment_moves_moves_masks_and_what_it_colors_does_not() {
    let mask = [0.25, 1.0, 0.5];
    let with = |operation, is_negative| AugmentParams {
        rand_augment: vec![RandChange { operation, magnitude: 30, is_negative }],
        ..identity()
    };
    let turned = |params| augment_mask(&mask, ImageSize::new(1, 3), &params, &full_config());
    // 150 / 331 of 3 is 1.36: one pixel.
    assert_eq!(turned(with(RandOperation::TranslateX, false)), [0.0, 0.25, 1.0]);
    assert_eq!(turned(with(RandOperation::TranslateX, true)), [1.0, 0.5, 0.0]);
    // 0.3 times the distances 0.5, 1.5 and 2.5 from the left: rows 0.15, 0.45 and 0.75.
    assert_eq!(turned(with(RandOperation::ShearY, false)), [0.25, 1.0, 0.0]);
    for operation in RandOperation::ALL {
        use RandOperation::{Rotate, ShearX, ShearY, TranslateX, TranslateY};
        let moves = [ShearX, ShearY, TranslateX, TranslateY, Rotate].contains(&operation);
        assert!(moves || turned(with(operation, true)) == mask, "{operation:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_mask_of_the_photos_values_is_the_photo_read_at_nearest_places(
        size in [1u32..20, 1u32..20], seed in 0u64..1000
    ) {
        // Flips and whole translations: nothing is interpolated, and the photo has no value of 0.
        let [height, width] = size.map(f64::from);
        let mut params = full_config().draw(&mut Random::new(seed, "augment", 0, "x"));
        params = AugmentParams {
            translation_rows: (params.translation_rows * height).round() / height,
            translation_columns: (params.translation_columns * width).round() / width,
            flip_horizontal: params.flip_horizontal,
            flip_vertical: params.flip_vertical,
            ..AugmentParams::IDENTITY
        };
        let image = image_by_rule(size.into());
        let mask: Vec<f32> = image.pixels().map(|pixel| f32::from(pixel.0[0])).collect();
        let photo = augmented(&image, params.clone(), &full_config());
        let mask = augment_mask(&mask, size.into(), &params, &full_config());
        for (photo, mask) in std::iter::zip(photo, mask) {
            prop_assert!(mask == 0.0 || (mask - photo).abs() < 1e-3, "{mask} {photo}");
        }
    }
}
