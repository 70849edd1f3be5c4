//! From a photo's file to an augmented image, one thread, beside the pipelines of Keras and of
//! torchvision (`pipelines.py`): `DERMX_PYTHON=... cargo bench --workspace --bench input_pipeline`.
//!
//! `DERMX_PYTHON` names a Python with keras-preprocessing, SciPy, torch and torchvision; without it
//! only dermx is timed. All take turns, round after round, so that a change of the machine's speed
//! meets each of them.

mod photo;
mod python;

use dermx_data::{
    AugmentConfig, DataError, DecodedCache, ImageSize, Random, augment, read_resized,
};
use python::Python;
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

const SIZE: ImageSize = ImageSize::new(300, 400);
const NUM_ROUNDS: usize = 15;
/// Images of a pipeline in a round.
const NUM_IMAGES: usize = 10;

const CONFIG: AugmentConfig = AugmentConfig {
    rotation_degrees: 20.0,
    shear_degrees: 0.0,
    zoom: 0.25,
    translation: 0.0,
    brightness: Some([0.25, 1.0]),
    horizontal_flip: true,
    vertical_flip: true,
    minmax_stretch: true,
    center_offset: 0.5,
    color_jitter: None,
    rand_augment: None,
};

const OURS: &str = "dermx";
const CACHED: &str = "dermx, decoded cache";

/// Milliseconds an image, a value for each round.
struct Times {
    name: &'static str,
    ms: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for (idx, kind) in photo::KINDS.iter().enumerate() {
        let bytes = photo::jpeg(kind)?;
        println!("photo: 1500 x 2000, {}, {} kB", kind.name, bytes.len() / 1000);
        let path = folder.path().join(format!("photo-{idx}.jpg"));
        std::fs::write(&path, bytes)?;
        report(&measure(&path, &folder.path().join("decoded"))?);
    }
    Ok(())
}

/// Times all pipelines with the photo `path`; `decoded` is the folder of the cache.
fn measure(path: &Path, decoded: &Path) -> Result<Vec<Times>, Box<dyn Error>> {
    let cache = DecodedCache::open(decoded, SIZE)?;
    let key = cache.key(path)?;
    let mut python = match std::env::var_os("DERMX_PYTHON") {
        Some(python) => Some(Python::start(&python, path)?),
        None => None,
    };
    let mut times: Vec<Times> = Vec::new();
    // The first round warms caches and is not counted.
    for round in 0..=NUM_ROUNDS {
        let mut add = |name, seconds: f64| {
            let ms = seconds * 1e3 / NUM_IMAGES as f64;
            match times.iter_mut().find(|times| times.name == name) {
                None => times.push(Times { name, ms: Vec::new() }),
                Some(times) => times.ms.push(ms),
            }
        };
        add(OURS, seconds(round, || read_resized(path, SIZE))?);
        add(CACHED, seconds(round, || cache.photo(path, key))?);
        for name in python::PIPELINES {
            if let Some(python) = &mut python {
                add(name, python.seconds(name, NUM_IMAGES)?);
            }
        }
    }
    Ok(times)
}

/// Seconds that [`NUM_IMAGES`] images take.
fn seconds(
    round: usize,
    image: impl Fn() -> Result<image::RgbImage, DataError>,
) -> Result<f64, DataError> {
    let start = Instant::now();
    for idx in 0..NUM_IMAGES {
        let mut random = Random::new(0, "augment", round as u64, &idx.to_string());
        black_box(augment(&image()?, &CONFIG.draw(&mut random), &CONFIG));
    }
    Ok(start.elapsed().as_secs_f64())
}

fn report(times: &[Times]) {
    for Times { name, ms } in times {
        let (low, high) = extremes(ms);
        println!("{name}: median {:.2} ms ({low:.2} to {high:.2}) an image", median(ms));
    }
    // Round by round, so that both sides met the same machine.
    for ours in times.iter().filter(|times| [OURS, CACHED].contains(&times.name)) {
        for theirs in times.iter().filter(|times| python::PIPELINES.contains(&times.name)) {
            let ratios: Vec<f64> =
                theirs.ms.iter().zip(&ours.ms).map(|(theirs, ours)| theirs / ours).collect();
            let (low, high) = extremes(&ratios);
            let (name, ours) = (theirs.name, ours.name);
            println!("{name} / {ours}: {:.1} ({low:.1} to {high:.1})", median(&ratios));
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn extremes(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, 0.0), |(low, high), &value| (low.min(value), high.max(value)))
}
