//! DermX annotations, labelled image folders, augmentation and synthetic data.
//!
//! This crate turns files into checked values and knows nothing of networks, scores or run folders.

mod augment;
mod check;
mod content_hash;
mod csv_table;
pub mod darwin;
mod decoded_cache;
mod dermx;
mod describe;
mod disk;
mod duplicates;
mod error;
mod evaluation;
mod file;
mod file_kind;
pub mod fill;
mod finding;
mod folder;
mod folds;
mod image_id;
mod jpeg;
mod json;
mod leaks;
mod likeness;
mod manifest;
mod mask;
pub mod mask_files;
pub mod metadata;
mod normalization;
pub mod ontology;
mod orientation;
mod patients;
mod photo;
mod photo_check;
mod photo_set;
pub mod polygon;
mod random;
mod region;
mod resize;
mod selection;
mod signature;
mod size;
mod split;
mod strays;
mod suggestion;
mod synth;
mod transposed;

pub use augment::{AugmentConfig, AugmentParams, augment};
pub use check::{AnnotationCheck, check_annotations};
pub use csv_table::{CsvLine, CsvTable, cell_place};
pub use decoded_cache::{DecodedCache, DecodedKey};
pub use dermx::{DermxDataset, MaskSource};
pub use describe::{Counts, Description, SharedImages, describe, images_by_source, is_settled};
pub use disk::{Disk, FileCall, FileSystem, to_json, write_atomic};
pub use error::{DataError, ErrorKind};
pub use evaluation::{Evaluation, Instance};
pub use finding::{Finding, FindingKind};
pub use folder::{
    LabelledFolder, LabelledImage, class_folders, class_idx_of, list_files, list_photos,
    read_labelled_folder,
};
pub use folds::{Fold, FoldImage, read_folds};
pub use image_id::{ImageNames, Joined, image_id};
pub use leaks::{PhotoLook, find_leaks};
pub use manifest::Manifest;
pub use mask::Mask;
pub use mask_files::MaskLayout;
pub use metadata::ImageRecord;
pub use normalization::{Normalization, to_planes};
pub use patients::{PatientCheck, PatientTable, Patients, check_patients};
pub use photo::{Orientation, decode_photo, read_photo, read_resized};
pub use photo_check::{PhotoCheck, check_annotated_photos, check_photos};
pub use photo_set::PhotoSet;
pub use random::Random;
pub use region::{Fill, Region, Ring, Shape};
pub use resize::resize;
pub use selection::{Cohort, ImageScope, Rounds, Selection};
pub use size::ImageSize;
pub use split::{Split, split_by_list, split_fold, split_fraction};
pub use synth::{SynthConfig, SynthSummary, study_folders, write_synthetic};
