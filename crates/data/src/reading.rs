//! What one rater said about one image.

use crate::schema::{LabelKind, Schema};
use crate::{ImageSize, Mask, Region};
use std::collections::BTreeSet;

/// One rater's classes, tags and regions for one image. Without any of them: that there is nothing to see. Who
/// did not look at an image has no reading of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The image.
    pub image_id: String,
    /// The rater; a repeated round has a name of its own.
    pub rater: String,
    /// The rater without the round.
    pub person: String,
    /// The round of annotation, from 1.
    pub round: u32,
    /// The size of the image.
    pub size: ImageSize,
    /// Labels among the [classes](Schema::classes), sorted, each once.
    pub classes: Vec<String>,
    /// Labels that [discard](Schema::discards) the reading, sorted, each once.
    pub discards: Vec<String>,
    /// Labels of the whole image that are a [concept](Schema::concepts) or an attribute, sorted, each once.
    pub tags: Vec<String>,
    /// Marked regions in the order of the file, whether the schema has their concepts or not.
    pub regions: Vec<Region>,
    /// Labels of the whole image that the schema does not have, sorted, each once.
    pub unknown: Vec<String>,
    /// Labels that the file spells in another way, as they stand in it; sorted, one for each use. Everywhere
    /// else they have their [usual spelling](Schema::usual_spelling).
    pub respelled: Vec<String>,
    /// Whether a reading without a class counts in no table ([`Schema::raters_name_classes`]).
    pub needs_class: bool,
}

impl Reading {
    /// What `rater` said of an image of `size`: nothing yet, in the first round.
    pub fn new(image_id: impl Into<String>, rater: impl Into<String>, size: ImageSize) -> Self {
        let rater = rater.into();
        Self {
            image_id: image_id.into(),
            person: rater.clone(),
            rater,
            round: 1,
            size,
            classes: Vec::new(),
            discards: Vec::new(),
            tags: Vec::new(),
            regions: Vec::new(),
            unknown: Vec::new(),
            respelled: Vec::new(),
            needs_class: false,
        }
    }

    /// Whether the reading counts in no table: a label that discards it, or no class where raters have to name
    /// one.
    pub fn is_discarded(&self) -> bool {
        !self.discards.is_empty() || self.needs_class && self.classes.is_empty()
    }

    /// Whether the reading is not discarded.
    pub fn is_accepted(&self) -> bool {
        !self.is_discarded()
    }

    /// Whether the reading is accepted and does not name several classes.
    pub fn is_single(&self) -> bool {
        self.is_accepted() && self.classes.len() <= 1
    }

    /// The concepts of the regions, sorted, each once.
    pub fn concepts(&self) -> BTreeSet<&str> {
        self.regions.iter().map(|region| region.concept.as_str()).collect()
    }

    /// Whether the rater tagged or marked `concept`.
    pub fn has(&self, concept: &str) -> bool {
        self.tags.iter().any(|tag| tag == concept)
            || self.regions.iter().any(|region| region.concept == concept)
    }

    /// The regions of which no part lies in the image, with their places in [`regions`](Self::regions).
    pub fn outside(&self) -> impl Iterator<Item = (usize, &Region)> {
        self.regions.iter().enumerate().filter(|(_, one)| one.is_outside(self.size))
    }

    /// The regions of which some part lies in the image.
    pub fn inside(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter().filter(|one| !one.is_outside(self.size))
    }

    /// The pixels in any region of `concept`; `None` when the rater marked none in the image.
    pub fn mask(&self, concept: &str) -> Option<Mask> {
        Mask::union_all(self.regions_of(concept).map(|one| one.shape.mask(self.size)))
    }

    /// The same mask resized by [`Mask::resize_nearest`].
    pub fn mask_nearest(&self, concept: &str, size: ImageSize) -> Option<Mask> {
        // To pick pixels and to join masks is the same in either order.
        Mask::union_all(
            self.regions_of(concept).map(|region| region.shape.mask_nearest(self.size, size)),
        )
    }

    fn regions_of(&self, concept: &str) -> impl Iterator<Item = &Region> {
        self.inside().filter(move |region| region.concept == concept)
    }

    /// The pixels in any region; `None` when the rater marked nothing in the image.
    pub fn union_mask(&self) -> Option<Mask> {
        Mask::union_all(self.inside().map(|one| one.shape.mask(self.size)))
    }

    /// Every use of a label: labels of the image once, concepts and attributes once for each region.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let tags = [&self.classes, &self.discards, &self.tags, &self.unknown].into_iter().flatten();
        let regions = self
            .regions
            .iter()
            .flat_map(|region| std::iter::once(&region.concept).chain(&region.attributes));
        tags.chain(regions).map(String::as_str)
    }

    /// Every label of the image, of a region and of its attributes that `schema` does not have.
    pub fn unknown_labels(&self, schema: &Schema) -> BTreeSet<&str> {
        self.labels().filter(|label| schema.kind_of(label).is_none()).collect()
    }

    /// `RATER_IMAGE`, the stem of the names of its files.
    pub fn stem(&self) -> String {
        format!("{}_{}", self.rater, self.image_id)
    }

    /// The `usual` spelling of `label`, if that is another one, and notes it.
    pub fn spell(&mut self, label: String, usual: Option<&str>) -> String {
        match usual {
            None => label,
            Some(usual) => {
                self.respelled.push(label);
                usual.to_owned()
            }
        }
    }

    /// Files a label of the whole image under its kind.
    pub fn push_label(&mut self, label: String, kind: Option<LabelKind>) {
        match kind {
            Some(LabelKind::Class) => self.classes.push(label),
            Some(LabelKind::Discard) => self.discards.push(label),
            Some(LabelKind::Concept | LabelKind::Attribute) => self.tags.push(label),
            None => self.unknown.push(label),
        }
    }

    /// Sorts the labels, after the last was pushed.
    pub fn sort_labels(&mut self) {
        for tags in [&mut self.classes, &mut self.discards, &mut self.tags, &mut self.unknown] {
            tags.sort_unstable();
            tags.dedup();
        }
        self.respelled.sort_unstable();
    }
}
