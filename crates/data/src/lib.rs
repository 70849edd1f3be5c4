//! DermX annotations, labelled image folders, augmentation and synthetic data.
//!
//! This crate turns files into checked values and knows nothing of networks, scores or run folders.

mod augment;
pub mod darwin;
mod dermx;
mod describe;
mod duplicates;
mod error;
mod evaluation;
mod file;
mod finding;
mod folder;
mod likeness;
mod manifest;
mod mask;
pub mod mask_files;
pub mod metadata;
mod normalization;
pub mod ontology;
mod patients;
mod photo;
mod photo_set;
pub mod polygon;
mod random;
mod resize;
mod signature;
mod size;
mod suggestion;
mod synth;

pub use augment::{AugmentConfig, AugmentParams, augment};
pub use dermx::{Cohort, DermxDataset};
pub use describe::{Counts, Description, SharedImages, describe};
pub use error::{DataError, ErrorKind};
pub use evaluation::{Evaluation, Instance, Ring};
pub use finding::{Finding, FindingKind};
pub use folder::{LabelledFolder, LabelledImage, list_photos, read_labelled_folder};
pub use manifest::Manifest;
pub use mask::Mask;
pub use metadata::ImageRecord;
pub use normalization::{Normalization, to_planes};
pub use patients::{PatientCheck, Patients, check_patients, read_patients};
pub use photo::{Orientation, decode_photo, read_photo};
pub use photo_set::{PhotoCheck, PhotoSet, check_annotated_photos, check_photos};
pub use random::Random;
pub use resize::resize;
pub use size::ImageSize;
pub use synth::{SynthConfig, SynthSummary, write_synthetic};
