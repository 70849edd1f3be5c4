//! DermX annotations, labelled image folders, augmentation and synthetic data.
//!
//! This crate turns files into checked values and knows nothing of networks, scores or run folders.

mod error;
mod random;
mod size;
mod synth;

pub use error::{DataError, ErrorKind};
pub use random::Random;
pub use size::ImageSize;
pub use synth::{SynthConfig, SynthSummary, write_synthetic};
