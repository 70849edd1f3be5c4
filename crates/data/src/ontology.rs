//! The words of the DermX study, in the spelling of its data.
//!
//! # Source
//! The labels found in the 2021 release. The paper spells a few of them differently (for example
//! "Seborrhoeic" for `Seborrheic`) and counts 23 descriptive attributes where the data have 24.

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
    /// One of [`DESCRIPTIVE_ATTRIBUTES`].
    Attribute,
}

impl TermKind {
    /// Every kind, in the order in which the study introduces them.
    pub const ALL: [Self; 6] = [
        Self::Diagnosis,
        Self::Discard,
        Self::NonLocalisable,
        Self::Basic,
        Self::Additional,
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
            Self::Attribute => &DESCRIPTIVE_ATTRIBUTES,
        }
    }

    /// Whether labels of this kind are outlined in the image.
    pub fn is_localisable(self) -> bool {
        matches!(self, Self::Basic | Self::Additional)
    }
}

/// The kind of the label `name`, or `None` when the ontology does not have it.
pub fn kind_of(name: &str) -> Option<TermKind> {
    TermKind::ALL.into_iter().find(|kind| kind.labels().contains(&name))
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
}
