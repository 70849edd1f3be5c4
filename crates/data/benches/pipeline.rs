//! The steps from a photo file to a network's input, on one core: `cargo bench -p dermx-data`.

use dermx_data::{
    AugmentConfig, AugmentParams, ImageSize, Normalization, Orientation, Random, augment,
    decode_photo, resize, to_planes,
};
use divan::Bencher;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use std::path::Path;

const SIZE: ImageSize = ImageSize::new(300, 400);

fn main() {
    divan::main();
}

/// A photo of 1500 x 2000 pixels: soft waves with a little noise, as a skin photo has.
fn photo() -> RgbImage {
    let mut random = Random::new(0, "bench", 0, "photo");
    RgbImage::from_fn(2000, 1500, |x, y| {
        let wave = 60.0 * ((f64::from(x) / 90.0).sin() + (f64::from(y) / 70.0).cos());
        let noise = random.uniform(-8.0, 8.0);
        Rgb([170.0, 130.0, 110.0].map(|base| (base + wave / 2.0 + noise) as u8))
    })
}

fn config() -> AugmentConfig {
    AugmentConfig {
        rotation_degrees: 20.0,
        shear_degrees: 0.5,
        zoom: 0.25,
        brightness: Some([0.25, 1.0]),
        horizontal_flip: true,
        vertical_flip: true,
        minmax_stretch: true,
        ..AugmentConfig::default()
    }
}

fn params() -> AugmentParams {
    config().draw(&mut Random::new(0, "bench", 0, "params"))
}

#[divan::bench]
fn decode_jpeg_1500x2000(bencher: Bencher) {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&photo()).expect("encodes");
    bencher.bench(|| decode_photo(&bytes, Path::new("photo.jpg"), Orientation::Apply));
}

#[divan::bench]
fn resize_to_300x400(bencher: Bencher) {
    let photo = photo();
    bencher.bench(|| resize(&photo, SIZE));
}

#[divan::bench]
fn augment_300x400(bencher: Bencher) {
    let (image, params, config) = (resize(&photo(), SIZE), params(), config());
    bencher.bench(|| augment(&image, &params, &config));
}

#[divan::bench]
fn to_planes_300x400(bencher: Bencher) {
    let values = augment(&resize(&photo(), SIZE), &params(), &config());
    let normalization = Normalization::preset("imagenet").expect("a preset");
    bencher.bench(|| to_planes(&values, SIZE, &normalization));
}
