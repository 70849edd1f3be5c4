//! What a check of a data set finds.

use crate::{DataError, ErrorKind};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Something about a data set that its user should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What sort of finding this is.
    pub kind: FindingKind,
    /// The file or folder.
    pub path: PathBuf,
    /// What was found and what was expected.
    pub message: String,
}

/// What sort of finding a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A file, or a row of a table, that has to be there is not.
    Missing,
    /// A file that cannot be read or is not what it has to be.
    Unreadable,
    /// Two things that have to be of one size are not.
    SizeMismatch,
    /// A mask file that is not its outline.
    MaskDiffers,
    /// A row of a table that contradicts the rest of the data set.
    WrongRow,
    /// One photo, or one patient, on both sides of a split.
    Leakage,
    /// One photo in two classes, or two photos of one id.
    Contradiction,
    /// A file that is not as the manifest says.
    Changed,
    /// A file that nothing needs.
    Extra,
    /// A row of a table about something that is not there.
    StaleRow,
    /// Something that a file holds and that is not read.
    NotRead,
    /// Images that lack what others have.
    Incomplete,
    /// An outline of which some part, or all of it, lies outside of the image.
    OutsideImage,
    /// An outline with fewer than three corners, or a region without a pixel.
    NoArea,
    /// A label that the ontology does not have.
    UnknownLabel,
    /// A label in another spelling than the usual one, which is understood.
    OtherSpelling,
    /// Two files with the same content.
    Duplicate,
    /// Two photos that look the same.
    NearDuplicate,
}

impl FindingKind {
    /// Whether results computed on the data would be wrong or could not be computed; the rest is
    /// for information.
    pub fn is_error(self) -> bool {
        match self {
            Self::Missing
            | Self::Unreadable
            | Self::SizeMismatch
            | Self::MaskDiffers
            | Self::WrongRow
            | Self::Leakage
            | Self::Contradiction
            | Self::Changed => true,
            Self::Extra
            | Self::StaleRow
            | Self::NotRead
            | Self::Incomplete
            | Self::OutsideImage
            | Self::NoArea
            | Self::UnknownLabel
            | Self::OtherSpelling
            | Self::Duplicate
            | Self::NearDuplicate => false,
        }
    }
}

impl Finding {
    /// A finding about `path`.
    pub fn new(kind: FindingKind, path: &Path, message: impl Into<String>) -> Self {
        Self { kind, path: path.to_path_buf(), message: message.into() }
    }
}

impl From<DataError> for Finding {
    /// A file that is not there is missing; any other error makes it unreadable.
    fn from(error: DataError) -> Self {
        let DataError { kind, path, place, message } = error;
        let kind = match kind {
            ErrorKind::Missing => FindingKind::Missing,
            ErrorKind::Invalid | ErrorKind::Io | ErrorKind::Exists => FindingKind::Unreadable,
        };
        let message = if place.is_empty() { message } else { format!("{place}: {message}") };
        Self { kind, path, message }
    }
}
