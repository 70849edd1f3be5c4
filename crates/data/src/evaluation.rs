//! What one rater said about one image.

use crate::ontology::{TermKind, kind_of, usual_spelling};
use crate::{ImageSize, Mask, Ring, polygon};
use std::collections::BTreeSet;

/// One rater's diagnoses, tags and outlines for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The image.
    pub image_id: String,
    /// The rater as the file name has it; a repeated round has a name of its own, see
    /// [`person`](Self::person) and [`round`](Self::round).
    pub rater: String,
    /// The size of the image.
    pub size: ImageSize,
    /// Tags among the six diagnoses, sorted, each once.
    pub diagnoses: Vec<String>,
    /// Tags that discard the evaluation, sorted, each once.
    pub discards: Vec<String>,
    /// Tags with any other label of the ontology (non-localisable characteristics), sorted, each
    /// once.
    pub tags: Vec<String>,
    /// Outlined characteristics in the order of the file, whether the ontology has them or not.
    pub instances: Vec<Instance>,
    /// Tags that the ontology does not have, sorted, each once.
    pub unknown: Vec<String>,
    /// Labels that the file spells in another way, as they stand in it; sorted, one for each use.
    /// Everywhere else they have their [`usual_spelling`].
    pub respelled: Vec<String>,
}

/// One outlined lesion.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// What is outlined.
    pub characteristic: String,
    /// Descriptive attributes, in the order of the file.
    pub attributes: Vec<String>,
    /// The outline; holes and islands are further rings.
    pub rings: Vec<Ring>,
}

impl Instance {
    /// The pixels inside the outline; none where it lies outside of the image.
    pub fn mask(&self, size: ImageSize) -> Mask {
        match self.is_outside(size) {
            true => Mask::empty(size),
            false => polygon::rasterize(&self.rings, size),
        }
    }

    /// Whether no part of the outline lies in the image. Such a slip of the hand has no pixel, although
    /// [`polygon::rasterize`] draws it on the rim of the image, as the annotation tool of the study does.
    pub fn is_outside(&self, size: ImageSize) -> bool {
        polygon::is_outside(&self.rings, size)
    }
}

impl Evaluation {
    /// The round of annotation, from 1.
    ///
    /// In the release of 2023 `labeller32` is the second round of `labeller3`; every other name is
    /// a first round.
    pub fn round(&self) -> u32 {
        repeated(&self.rater).map_or(1, |(_, round)| round)
    }

    /// The rater without the round: `labeller3` for `labeller32`.
    pub fn person(&self) -> &str {
        repeated(&self.rater).map_or(&self.rater, |(person, _)| person)
    }

    /// Whether the evaluation counts in no table: a discard tag, or no diagnosis.
    pub fn is_discarded(&self) -> bool {
        !self.discards.is_empty() || self.diagnoses.is_empty()
    }

    /// Whether the evaluation has a diagnosis and no discard tag.
    pub fn is_accepted(&self) -> bool {
        !self.is_discarded()
    }

    /// Whether the evaluation is accepted and has one diagnosis only.
    pub fn is_single(&self) -> bool {
        self.is_accepted() && self.diagnoses.len() == 1
    }

    /// The outlined characteristics, sorted, each once.
    pub fn characteristics(&self) -> BTreeSet<&str> {
        self.instances.iter().map(|instance| instance.characteristic.as_str()).collect()
    }

    /// Whether the rater tagged or outlined `characteristic`.
    pub fn has(&self, characteristic: &str) -> bool {
        self.tags.iter().any(|tag| tag == characteristic)
            || self.instances.iter().any(|instance| instance.characteristic == characteristic)
    }

    /// The outlines of which no part lies in the image, with their places in
    /// [`instances`](Self::instances).
    pub fn outside(&self) -> impl Iterator<Item = (usize, &Instance)> {
        self.instances.iter().enumerate().filter(|(_, one)| one.is_outside(self.size))
    }

    /// The outlines of which some part lies in the image.
    pub fn inside(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(|one| !one.is_outside(self.size))
    }

    /// The pixels in any outline of `characteristic`; `None` when the rater outlined none in the image.
    pub fn mask(&self, characteristic: &str) -> Option<Mask> {
        Mask::union_all(self.instances_of(characteristic).map(|one| self.drawn(one)))
    }

    /// The same mask resized by [`Mask::resize_nearest`].
    pub fn mask_nearest(&self, characteristic: &str, size: ImageSize) -> Option<Mask> {
        // To pick pixels and to join masks is the same in either order.
        Mask::union_all(
            self.instances_of(characteristic)
                .map(|instance| polygon::rasterize_nearest(&instance.rings, self.size, size)),
        )
    }

    /// The pixels of an outline that is known to lie in the image.
    fn drawn(&self, instance: &Instance) -> Mask {
        polygon::rasterize(&instance.rings, self.size)
    }

    fn instances_of(&self, characteristic: &str) -> impl Iterator<Item = &Instance> {
        self.inside().filter(move |instance| instance.characteristic == characteristic)
    }

    /// The pixels in any outline; `None` when the rater outlined nothing in the image.
    pub fn union_mask(&self) -> Option<Mask> {
        Mask::union_all(self.inside().map(|one| self.drawn(one)))
    }

    /// Every use of a label: tags once, outlines and attributes once per instance.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let tags =
            [&self.diagnoses, &self.discards, &self.tags, &self.unknown].into_iter().flatten();
        let outlines = self.instances.iter().flat_map(|instance| {
            std::iter::once(&instance.characteristic).chain(&instance.attributes)
        });
        tags.chain(outlines).map(String::as_str)
    }

    /// Every label of tags, outlines and attributes that the ontology does not have.
    pub fn unknown_labels(&self) -> BTreeSet<&str> {
        self.labels().filter(|label| kind_of(label).is_none()).collect()
    }

    /// `RATER_IMAGE`, the stem of the names of its files.
    pub fn stem(&self) -> String {
        format!("{}_{}", self.rater, self.image_id)
    }

    /// The usual spelling of `label`; if that is another one, `label` is noted in `respelled`.
    pub(crate) fn spell(&mut self, label: String) -> String {
        match usual_spelling(&label) {
            None => label,
            Some(usual) => {
                self.respelled.push(label);
                usual.to_owned()
            }
        }
    }

    /// Files a tag under the kind that the ontology gives it.
    pub(crate) fn push_tag(&mut self, name: String) {
        match kind_of(&name) {
            Some(TermKind::Diagnosis) => self.diagnoses.push(name),
            Some(TermKind::Discard) => self.discards.push(name),
            Some(_) => self.tags.push(name),
            None => self.unknown.push(name),
        }
    }

    pub(crate) fn sort_labels(&mut self) {
        for tags in [&mut self.diagnoses, &mut self.discards, &mut self.tags, &mut self.unknown] {
            tags.sort_unstable();
            tags.dedup();
        }
        self.respelled.sort_unstable();
    }
}

/// The person and the round in the name of a repeated round, `labeller` and two digits.
fn repeated(rater: &str) -> Option<(&str, u32)> {
    match rater.strip_prefix("labeller")?.as_bytes() {
        [person, round @ b'2'..=b'9'] if person.is_ascii_digit() => {
            Some((&rater[..rater.len() - 1], u32::from(round - b'0')))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn a_repeated_round_is_a_second_digit_from_two() {
        assert_eq!(repeated("labeller12"), Some(("labeller1", 2)));
        assert_eq!(repeated("labeller83"), Some(("labeller8", 3)));
        for first_round in ["labeller1", "labeller10", "labeller11", "labeller123", "derm12", "ö"]
        {
            assert_eq!(repeated(first_round), None, "{first_round}");
        }
    }
}
