//! DermX annotations, labelled image folders, augmentation and synthetic data.
//!
//! This crate turns files into checked values and knows nothing of networks, scores or run folders.

mod augment;
mod error;
mod folder;
mod normalization;
mod photo;
mod random;
mod resize;
mod size;

pub use augment::{AugmentConfig, AugmentParams, augment};
pub use error::{DataError, ErrorKind};
pub use folder::{LabelledFolder, LabelledImage, list_photos, read_labelled_folder};
pub use normalization::{Normalization, to_planes};
pub use photo::{Orientation, decode_photo, read_photo};
pub use random::Random;
pub use resize::resize;
pub use size::ImageSize;
