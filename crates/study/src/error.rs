//! Errors of this crate.

use dermx_data::DataError;
use std::path::{Path, PathBuf};

/// Why the study's numbers could not be compared.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StudyError {
    /// A file that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file that is not what it has to be.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        message: String,
    },
    /// Confusion matrices that do not go together.
    #[error("confusion matrices: {0}")]
    Matrices(String),
}

/// Result of everything in this crate.
pub type StudyResult<T> = Result<T, StudyError>;

impl StudyError {
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        DataError::io(path, error).into()
    }

    pub(crate) fn invalid(path: &Path, message: impl ToString) -> Self {
        Self::Invalid { path: path.to_path_buf(), message: message.to_string() }
    }
}
