//! Photos and the classes that they are learned as.

use crate::photos::Photos;

/// Photos with their classes.
#[derive(Debug, Clone, Copy)]
pub struct LabelledPhotos<'a> {
    /// The photos.
    pub photos: &'a Photos,
    /// The class of each photo.
    pub class_idx: &'a [usize],
}

/// What a run sees.
#[derive(Debug, Clone, Copy)]
pub struct Sets<'a> {
    /// What the network learns from.
    pub training: LabelledPhotos<'a>,
    /// What it is scored on after every epoch: never augmented, and never learned from.
    pub validation: Option<LabelledPhotos<'a>>,
}
