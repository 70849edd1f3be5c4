//! What was painted, as the raters will come to see it.

use super::blob::Blob;

/// An outlined lesion and the islands of normal skin inside it.
pub(super) struct Lesion {
    pub(super) outline: Blob,
    pub(super) islands: Vec<Blob>,
}

impl From<Blob> for Lesion {
    fn from(outline: Blob) -> Self {
        Self { outline, islands: Vec::new() }
    }
}

/// Lesions of one kind on one photo.
pub(super) struct Finding {
    /// The characteristics a rater may mark these lesions as, and how often (the rest: not at all).
    pub(super) terms: &'static [(&'static str, f64)],
    /// Descriptive attributes a rater may add, and how often.
    pub(super) attributes: &'static [(&'static str, f64)],
    pub(super) lesions: Vec<Lesion>,
}

impl Finding {
    pub(super) fn new(
        terms: &'static [(&'static str, f64)],
        attributes: &'static [(&'static str, f64)],
        outlines: Vec<Blob>,
    ) -> Self {
        Self { terms, attributes, lesions: outlines.into_iter().map(Lesion::from).collect() }
    }
}
