//! The one error of this crate: which file, which place in it, what is wrong.

use dermx_work::Failure;
use std::fmt;
use std::path::{Path, PathBuf};

/// What sort of failure a [`DataError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A file or folder that is needed is not there.
    Missing,
    /// The content is not what it has to be.
    Invalid,
    /// The operating system refused to read or write.
    Io,
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Missing => Self::MissingInput,
            ErrorKind::Invalid => Self::BadData,
            ErrorKind::Io => Self::Io,
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

    /// An operating-system failure; "not found" becomes [`ErrorKind::Missing`].
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::Missing,
            _ => ErrorKind::Io,
        };
        Self::new(kind, path, "", error.to_string())
    }

    fn new(
        kind: ErrorKind,
        path: &Path,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, path: path.to_path_buf(), place: place.into(), message: message.into() }
    }
}
