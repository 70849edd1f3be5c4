//! Predicts a photo, and paints where the network looked: `explain_photo RUN PHOTO OVERLAY.png`.
//!
//! From a checkout, after `train_and_score /tmp/dermx`:
//! `cargo run --release --workspace --example explain_photo -- /tmp/dermx/run PHOTO.jpg /tmp/overlay.png`.

use dermx::{Method, Model, Targets, overlay};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let [run, photo, out] = &paths[..] else {
        return Err("write: explain_photo RUN PHOTO OVERLAY.png".into());
    };
    let model = Model::open(run, None)?;
    let photos = model.photos(photo)?;
    let prediction = &model.predict(&photos)?[0];
    for (class, probability) in model.classes().iter().zip(&prediction.probabilities) {
        println!("{class}: {probability:.3}");
    }

    let maps = model.explain(&photos, Method::GradCam, Targets::Predicted)?;
    let (image_id, map) = &maps[0];
    println!("{image_id}: {} on a map of {} x {}", prediction.class, map.height, map.width);
    overlay(photo, map, out)?;
    Ok(())
}
