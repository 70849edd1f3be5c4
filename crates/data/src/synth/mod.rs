//! A synthetic stand-in for DermX: painted skin, painted disease, simulated raters.

mod acne;
mod blob;
mod canvas;
mod disease;
mod distractor;
mod finding;
mod keratosis;
mod light;
mod noise;
mod outline;
mod photo;
mod psoriasis;
mod rater;
mod scene;
mod seborrheic;
mod skin;
mod vitiligo;
mod wart;
mod write;

pub use disease::study_folders;
pub use write::{SynthConfig, SynthSummary, synthetic_config, write_synthetic};
