//! Photos and the classes that they are learned as.

use crate::photos::Photos;
use crate::targets::Targets;

/// Photos with their classes.
#[derive(Debug, Clone, Copy)]
pub struct LabelledPhotos<'a> {
    /// The photos.
    pub photos: &'a Photos,
    /// The class of each photo.
    pub class_idx: &'a [usize],
    /// What else is known of them.
    pub targets: Option<&'a Targets>,
}

impl<'a> LabelledPhotos<'a> {
    /// Photos of which nothing is known but their class.
    pub const fn new(photos: &'a Photos, class_idx: &'a [usize]) -> Self {
        Self { photos, class_idx, targets: None }
    }
}

/// The photos of a run.
#[derive(Debug, Clone, Copy)]
pub struct Sets<'a> {
    /// Photos to train on.
    pub training: LabelledPhotos<'a>,
    /// Photos to validate on after every epoch. They are never augmented and never trained on.
    pub validation: Option<LabelledPhotos<'a>>,
}
