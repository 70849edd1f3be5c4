//! DermX annotations, labelled image folders, augmentation and synthetic data.
//!
//! This crate turns files into checked values and knows nothing of networks, scores or run folders.

pub mod darwin;
mod dermx;
mod describe;
mod error;
mod evaluation;
mod file;
mod mask;
pub mod mask_files;
pub mod metadata;
pub mod ontology;
pub mod polygon;
mod random;
mod size;
mod suggestion;
mod synth;

pub use dermx::{Cohort, DermxDataset};
pub use describe::{Counts, Description, SharedImages, describe};
pub use error::{DataError, ErrorKind};
pub use evaluation::{Evaluation, Instance, Ring};
pub use mask::Mask;
pub use metadata::ImageRecord;
pub use random::Random;
pub use size::ImageSize;
pub use synth::{SynthConfig, SynthSummary, write_synthetic};
