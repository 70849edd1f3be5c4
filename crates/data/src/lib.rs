//! DermX annotations, labelled image folders, augmentation and synthetic data.
//!
//! This crate turns files into checked values and knows nothing of networks, scores or run folders.

mod augment;
mod content_hash;
mod csv_table;
mod dataset;
mod dataset_check;
mod decoded_cache;
pub mod dermx;
mod describe;
mod disk;
mod duplicates;
mod error;
mod file;
mod file_kind;
pub mod fill;
mod finding;
mod folder;
mod folds;
mod image;
mod image_id;
mod jpeg;
pub mod json;
mod leaks;
mod likeness;
mod link;
mod manifest;
mod mask;
mod mask_builder;
mod new_folder;
mod normalization;
mod orientation;
mod output;
mod patients;
mod photo;
mod photo_check;
mod photo_set;
mod png_rows;
pub mod polygon;
mod random;
mod reading;
mod region;
mod resize;
mod schema;
mod selection;
mod signature;
mod size;
mod split;
mod suggestion;
mod synth;
pub mod text;
mod transposed;

pub use augment::{
    AugmentConfig, AugmentParams, ColorChange, ColorJitter, RandAugment, RandChange, RandOperation,
    augment, augment_mask,
};
pub use csv_table::{CsvLine, CsvTable, cell_place};
pub use dataset::{Dataset, MaskSource};
pub use dataset_check::check_dataset;
pub use decoded_cache::{DecodedCache, DecodedKey};
pub use dermx::StudyCounts;
pub use dermx::check::{AnnotationCheck, check_annotations};
pub use dermx::mask_files::MaskLayout;
pub use dermx::{darwin, mask_files, metadata, ontology};
pub use describe::{Counts, Description, SharedImages, describe, is_settled};
pub use disk::{Disk, FileCall, FileSystem, remove_partial_files, to_json, write_atomic};
pub use error::{DataError, ErrorKind};
pub use finding::{Finding, FindingKind};
pub use folder::{
    LabelledFolder, LabelledImage, class_folders, class_idx_of, list_files, list_photos,
    read_labelled_folder,
};
pub use folds::{Fold, FoldImage, read_folds};
pub use image::Image;
pub use image_id::{ImageNames, Joined, image_id};
pub use leaks::{PhotoLook, find_leaks};
pub use link::{append_to, refuse_link, refuse_linked_folders};
pub use manifest::Manifest;
pub use mask::Mask;
pub use mask_builder::MaskBuilder;
pub use normalization::{Normalization, to_planes};
pub use output::{Existing, OutputFile, OutputFolder, check_folder};
pub use patients::{PatientCheck, PatientTable, Patients, check_patients};
pub use photo::{
    Orientation, decode_photo, photo_size, read_photo, read_resized, read_resized_with_hash,
};
pub use photo_check::{PhotoCheck, check_annotated_photos, check_photos};
pub use photo_set::PhotoSet;
pub use png_rows::PngRows;
pub use random::Random;
pub use reading::Reading;
pub use region::{Fill, OutlineBudget, Region, Ring, Shape};
pub use resize::resize;
pub use schema::{Concept, LabelKind, RESERVED_NAMES, Schema, Study};
pub use selection::{Cohort, ImageScope, Rounds, Selection};
pub use size::{ImageSize, MAX_PIXELS, MAX_SIDE_PX};
pub use split::{Split, split_by_list, split_fold, split_fraction};
pub use suggestion::did_you_mean;
pub use synth::{
    SynthConfig, SynthSummary, is_synthetic, study_folders, synthetic_config, write_synthetic,
};
