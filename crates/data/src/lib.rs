//! DermX annotations, labelled image folders, augmentation and synthetic data.
//!
//! This crate turns files into checked values and knows nothing of networks, scores or run folders.

mod augment;
mod check;
mod csv_table;
pub mod darwin;
mod dermx;
mod describe;
mod duplicates;
mod error;
mod evaluation;
mod file;
mod finding;
mod folder;
mod folds;
mod json;
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
mod selection;
mod signature;
mod size;
mod suggestion;
mod synth;

pub use augment::{AugmentConfig, AugmentParams, augment};
pub use check::{AnnotationCheck, check_annotations};
pub use dermx::{DermxDataset, MaskSource};
pub use describe::{Counts, Description, SharedImages, describe, images_by_source, is_settled};
pub use error::{DataError, ErrorKind};
pub use evaluation::{Evaluation, Instance, Ring};
pub use finding::{Finding, FindingKind};
pub use folder::{LabelledFolder, LabelledImage, list_photos, read_labelled_folder};
pub use folds::{Fold, FoldImage, read_folds};
pub use manifest::Manifest;
pub use mask::Mask;
pub use mask_files::MaskLayout;
pub use metadata::ImageRecord;
pub use normalization::{Normalization, to_planes};
pub use patients::{PatientCheck, Patients, check_patients, read_patients};
pub use photo::{Orientation, decode_photo, read_photo};
pub use photo_set::{PhotoCheck, PhotoSet, check_annotated_photos, check_photos};
pub use random::Random;
pub use resize::resize;
pub use selection::{Cohort, ImageScope, Rounds, Selection};
pub use size::ImageSize;
pub use synth::{SynthConfig, SynthSummary, write_synthetic};
