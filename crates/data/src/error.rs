//! The one error of this crate: which file, which place in it, what is wrong.

use crate::text::{MAX_EXCERPT, shortened};
use dermx_work::Failure;
use std::fmt;
use std::path::{Path, PathBuf};

/// Longest place of an error, in characters.
const MAX_PLACE: usize = 2 * MAX_EXCERPT;
/// Longest message of an error, in characters: that of many problems at once.
const MAX_MESSAGE: usize = 10 * MAX_EXCERPT;

/// What sort of failure a [`DataError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A file or folder that is needed is not there.
    Missing,
    /// The content is not what it has to be.
    Invalid,
    /// The operating system refused to read or write.
    Io,
    /// What is to be written is there already.
    Exists,
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Missing => Self::MissingInput,
            ErrorKind::Invalid => Self::BadData,
            ErrorKind::Io => Self::Io,
            ErrorKind::Exists => Self::Locked,
        }
    }
}

/// A failure to read or write data, with its culprit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DataError {
    /// What sort of failure this is.
    pub kind: ErrorKind,
    /// The file or folder.
    pub path: PathBuf,
    /// The place inside the file (a row, a JSON path), or empty.
    pub place: String,
    /// What was found, what was expected, and what to do next.
    pub message: String,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}", self.message)
    }
}

impl DataError {
    /// Content of `path` that is not what it has to be.
    pub fn invalid(path: &Path, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, path, place, message)
    }

    /// A file that is no longer what it was when the work on it began.
    pub fn changed(path: &Path) -> Self {
        let message = "changed while it was in use; put back what it was, or start again";
        Self::invalid(path, "", message)
    }

    /// A needed file or folder that does not exist.
    pub fn missing(path: &Path, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Missing, path, "", message)
    }

    /// An operating-system failure; "not found" becomes [`ErrorKind::Missing`], and a file in the place of a
    /// folder, or a folder in the place of a file, [`ErrorKind::Invalid`].
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        let invalid = |message: &str| Self::invalid(path, "", message);
        match error.kind() {
            std::io::ErrorKind::NotFound => {
                Self::new(ErrorKind::Missing, path, "", "there is no such file or folder")
            }
            std::io::ErrorKind::NotADirectory if path.is_file() => {
                invalid("is a file; expected a folder")
            }
            std::io::ErrorKind::NotADirectory => {
                invalid("lies in what is a file; expected a folder there")
            }
            std::io::ErrorKind::IsADirectory => invalid("is a folder; expected a file"),
            _ => Self::new(ErrorKind::Io, path, "", error.to_string()),
        }
    }

    /// One error of several of one sort: the first, which names the others up to a limit.
    pub fn of_several(mut errors: Vec<Self>) -> Option<Self> {
        const MAX_SHOWN: usize = 20;
        let others = errors.split_off(errors.len().min(1));
        let mut first = errors.pop()?;
        if !others.is_empty() {
            first.message += &format!("\n{} others are wrong, too:", others.len());
        }
        for other in others.iter().take(MAX_SHOWN) {
            first.message += &format!("\n  {other}");
        }
        if others.len() > MAX_SHOWN {
            first.message += &format!("\n  and {} more", others.len() - MAX_SHOWN);
        }
        Some(first)
    }

    fn new(
        kind: ErrorKind,
        path: &Path,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        // Whatever stands in a file, a message about it stays readable.
        let place = shortened(&place.into(), MAX_PLACE);
        Self {
            kind,
            path: path.to_path_buf(),
            place,
            message: shortened(&message.into(), MAX_MESSAGE),
        }
    }
}
