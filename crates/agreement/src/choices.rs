//! What a table counts and how, and what the study chose for each of its tables.

use dermx_data::ImageSize;
use dermx_eval::{Pairs, Spread, ZeroDivision};
use serde::{Deserialize, Serialize};

/// Which evaluations take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evaluations {
    /// Every evaluation, discarded ones too.
    All,
    /// At least one diagnosis and no discard tag.
    Accepted,
    /// Accepted, without those whose several diagnoses the other raters of the image do not settle.
    Settled,
    /// Accepted, with exactly one diagnosis.
    Single,
}

/// What an evaluation with several diagnoses says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeveralDiagnoses {
    /// The alphabetically first.
    First,
    /// Yes to each of them.
    Any,
    /// Nothing: it is left out.
    Drop,
}

/// What becomes of two outlines of which one is empty, since only one rater saw the characteristic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OneEmpty {
    /// They are compared: F1 is 0.
    Include,
    /// They are left out.
    Exclude,
}

/// Everything that can be chosen for a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AgreementChoices {
    /// Which evaluations take part.
    pub evaluations: Evaluations,
    /// What an evaluation with several diagnoses says.
    pub several_diagnoses: SeveralDiagnoses,
    /// Which pairs of raters are compared.
    pub pairs: Pairs,
    /// Pairs of outlines of which one is empty.
    pub one_empty: OneEmpty,
    /// What an F1 or a sensitivity of 0/0 counts as.
    pub zero_division: ZeroDivision,
    /// Which standard deviation.
    pub std: Spread,
    /// The size that outlines are brought to before they are compared; their own without it.
    pub resolution: Option<ImageSize>,
}

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Images by source and gold standard (Tables 1 and 4 of the study).
    Images,
    /// Raters against the gold standard (2a).
    Gold,
    /// Raters against each other, diagnosis (2b).
    Diagnosis,
    /// Raters against each other, presence of concepts (3a).
    Presence,
    /// Raters against each other, where concepts are (3b).
    Outlines,
}

impl Table {
    /// Its name, as in [`AgreementTables`](crate::AgreementTables).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Gold => "gold",
            Self::Diagnosis => "diagnosis",
            Self::Presence => "presence",
            Self::Outlines => "outlines",
        }
    }

    /// What the study chose.
    ///
    /// # Source
    /// Found on the data: these choices give every printed cell.
    pub fn choices(self) -> AgreementChoices {
        let presence = AgreementChoices {
            evaluations: Evaluations::Accepted,
            several_diagnoses: SeveralDiagnoses::First,
            pairs: Pairs::Ordered,
            one_empty: OneEmpty::Include,
            zero_division: ZeroDivision::Zero,
            std: Spread::Population,
            resolution: None,
        };
        match self {
            Self::Gold | Self::Diagnosis | Self::Presence => presence,
            Self::Images => AgreementChoices { evaluations: Evaluations::Single, ..presence },
            Self::Outlines => AgreementChoices {
                evaluations: Evaluations::Single,
                zero_division: ZeroDivision::Undefined,
                std: Spread::Sample,
                ..presence
            },
        }
    }
}

/// Choices that replace the study's in every table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Replaces [`AgreementChoices::evaluations`].
    pub evaluations: Option<Evaluations>,
    /// Replaces [`AgreementChoices::several_diagnoses`].
    pub several_diagnoses: Option<SeveralDiagnoses>,
    /// Replaces [`AgreementChoices::pairs`].
    pub pairs: Option<Pairs>,
    /// Replaces [`AgreementChoices::one_empty`].
    pub one_empty: Option<OneEmpty>,
    /// Replaces [`AgreementChoices::zero_division`].
    pub zero_division: Option<ZeroDivision>,
    /// Replaces [`AgreementChoices::std`].
    pub std: Option<Spread>,
    /// Replaces [`AgreementChoices::resolution`].
    pub resolution: Option<ImageSize>,
}

impl Overrides {
    /// The choices for `table`.
    pub fn choices(&self, table: Table) -> AgreementChoices {
        let study = table.choices();
        AgreementChoices {
            evaluations: self.evaluations.unwrap_or(study.evaluations),
            several_diagnoses: self.several_diagnoses.unwrap_or(study.several_diagnoses),
            pairs: self.pairs.unwrap_or(study.pairs),
            one_empty: self.one_empty.unwrap_or(study.one_empty),
            zero_division: self.zero_division.unwrap_or(study.zero_division),
            std: self.std.unwrap_or(study.std),
            resolution: self.resolution.or(study.resolution),
        }
    }
}
