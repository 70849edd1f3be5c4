//! The words of the DermX study, in the spelling of its data.
//!
//! # Source
//! The labels found in the 2021 release; [`LATER_TERMS`] came with the release of 2023. The paper
//! counts 23 descriptive attributes where the data have 24. Other spellings: [`usual_spelling`].

use super::{AGE, SKIN_TONE};
use crate::schema::{Concept, LabelKind, Schema, Study};
use serde::Serialize;

/// The six diagnoses, alphabetical; `metadata.csv` holds one of them per image.
pub const DIAGNOSES: [&str; 6] =
    ["Acne", "Actinic keratosis", "Psoriasis", "Seborrheic dermatitis", "Viral warts", "Vitiligo"];

/// Tags that take an evaluation out of every table.
pub const DISCARD_TAGS: [&str; 2] = ["Low-quality", "Other-disease"];

/// Characteristics of the whole image, set as tags.
pub const NON_LOCALISABLE: [&str; 15] = [
    "Acral distribution",
    "Dark skin",
    "Elderly",
    "Exposed areas",
    "Extensor sites",
    "Female",
    "Intertriginous",
    "Köbnerization",
    "Light skin",
    "Male",
    "Palmo-plantar distribution",
    "Periorificial",
    "Seborrheic region",
    "Symmetrical",
    "Young",
];

/// Outlined characteristics that may carry descriptive attributes.
pub const BASIC_TERMS: [&str; 7] =
    ["Macule", "Nodule", "Papule", "Patch", "Plaque", "Pustule", "Scale"];

/// Outlined characteristics without descriptive attributes.
pub const ADDITIONAL_TERMS: [&str; 9] = [
    "Closed comedo",
    "Cyst",
    "Dermatoglyph disruption",
    "Leukotrichia",
    "Open comedo",
    "Scar",
    "Sun damage",
    "Telangiectasia",
    "Thrombosed capillaries",
];

/// Outlined characteristics that are not among the study's own; found in the release of 2023.
pub const LATER_TERMS: [&str; 1] = ["Hyperkeratosis"];

/// Adjectives of basic terms.
pub const DESCRIPTIVE_ATTRIBUTES: [&str; 24] = [
    "Convex-margins",
    "Depigmented",
    "Fine",
    "Flat-surface",
    "Greasy",
    "Gritty",
    "Halo",
    "Hard",
    "Hyper-pigmented",
    "Hyperkeratotic",
    "Hypo-pigmented",
    "Indurated",
    "Normal-pigmentation-island",
    "Poorly-circumscribed",
    "Red",
    "Rough",
    "Round",
    "Salmon-pink",
    "Skin-coloured",
    "Thick",
    "Thin",
    "Well-circumscribed",
    "White",
    "Yellow",
];

/// Other spellings of labels, each before the one that is used here.
///
/// The first two stand in the release of 2023 beside the usual ones, the next five in the paper;
/// the last is `Köbnerization` with the two dots as a character of their own.
const OTHER_SPELLINGS: [[&str; 2]; 8] = [
    ["Hyperpigmented", "Hyper-pigmented"],
    ["Hypopigmented", "Hypo-pigmented"],
    ["Dermatoglyph-disruption", "Dermatoglyph disruption"],
    ["Palmo-plantar", "Palmo-plantar distribution"],
    ["Seborrhoeic dermatitis", "Seborrheic dermatitis"],
    ["Seborrhoeic region", "Seborrheic region"],
    ["Thrombosed capillary", "Thrombosed capillaries"],
    ["Ko\u{308}bnerization", "Köbnerization"],
];

/// The usual spelling of `name`, or `None` when `name` is no known other spelling of a label.
pub fn usual_spelling(name: &str) -> Option<&'static str> {
    OTHER_SPELLINGS.iter().find(|[other, _]| *other == name).map(|&[_, usual]| usual)
}

/// What a label of the ontology says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TermKind {
    /// One of [`DIAGNOSES`].
    Diagnosis,
    /// One of [`DISCARD_TAGS`].
    Discard,
    /// One of [`NON_LOCALISABLE`].
    NonLocalisable,
    /// One of [`BASIC_TERMS`].
    Basic,
    /// One of [`ADDITIONAL_TERMS`].
    Additional,
    /// One of [`LATER_TERMS`].
    Later,
    /// One of [`DESCRIPTIVE_ATTRIBUTES`].
    Attribute,
}

impl TermKind {
    /// Every kind, in the order in which the study introduces them, the later one before attributes.
    pub const ALL: [Self; 7] = [
        Self::Diagnosis,
        Self::Discard,
        Self::NonLocalisable,
        Self::Basic,
        Self::Additional,
        Self::Later,
        Self::Attribute,
    ];

    /// The labels of this kind, alphabetical.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Diagnosis => &DIAGNOSES,
            Self::Discard => &DISCARD_TAGS,
            Self::NonLocalisable => &NON_LOCALISABLE,
            Self::Basic => &BASIC_TERMS,
            Self::Additional => &ADDITIONAL_TERMS,
            Self::Later => &LATER_TERMS,
            Self::Attribute => &DESCRIPTIVE_ATTRIBUTES,
        }
    }

    /// As JSON has it.
    pub fn group(self) -> &'static str {
        match self {
            Self::Diagnosis => "diagnosis",
            Self::Discard => "discard",
            Self::NonLocalisable => "non_localisable",
            Self::Basic => "basic",
            Self::Additional => "additional",
            Self::Later => "later",
            Self::Attribute => "attributes",
        }
    }

    /// Whether labels of this kind are outlined in the image.
    pub fn is_localisable(self) -> bool {
        matches!(self, Self::Basic | Self::Additional | Self::Later)
    }
}

/// The kind of the label `name`, or `None` when the ontology does not have it.
pub fn kind_of(name: &str) -> Option<TermKind> {
    TermKind::ALL.into_iter().find(|kind| kind.labels().contains(&name))
}

impl From<TermKind> for LabelKind {
    fn from(kind: TermKind) -> Self {
        match kind {
            TermKind::Diagnosis => Self::Class,
            TermKind::Discard => Self::Discard,
            TermKind::Attribute => Self::Attribute,
            _ => Self::Concept,
        }
    }
}

/// The schema of the releases.
pub fn schema() -> Schema {
    let names = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect();
    let group = |kind: TermKind| {
        kind.labels().iter().map(move |&label| Concept {
            name: label.to_owned(),
            group: kind.group().to_owned(),
            is_localisable: kind.is_localisable(),
            is_optional: kind == TermKind::Later,
        })
    };
    let kinds = [TermKind::NonLocalisable, TermKind::Basic, TermKind::Additional, TermKind::Later];
    Schema {
        name: "DermX".to_owned(),
        classes: names(&DIAGNOSES),
        discards: names(&DISCARD_TAGS),
        concepts: kinds.into_iter().flat_map(group).collect(),
        region_attributes: names(&DESCRIPTIVE_ATTRIBUTES),
        image_attributes: names(&[SKIN_TONE, AGE]),
        spellings: OTHER_SPELLINGS.map(|pair| pair.map(str::to_owned)).to_vec(),
        raters_name_classes: true,
        study: Some(Study::Dermx),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_of_one_kind_only() {
        for kind in TermKind::ALL {
            assert!(kind.labels().is_sorted_by(|a, b| a < b), "{kind:?}");
            for label in kind.labels() {
                assert_eq!(kind_of(label), Some(kind), "{label}");
            }
        }
        assert_eq!(kind_of("psoriasis"), None);
    }

    #[test]
    fn other_spellings_lead_to_labels_and_are_none_themselves() {
        for [other, usual] in OTHER_SPELLINGS {
            assert!(kind_of(usual).is_some() && kind_of(other).is_none(), "{other}");
            assert_eq!(usual_spelling(other), Some(usual));
            assert_eq!(usual_spelling(usual), None);
        }
    }
}
