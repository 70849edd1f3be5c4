//! Errors of this crate.

use dermx_data::DataError;
use dermx_work::{Failure, Stopped, WorkError};
use std::fmt::Display;
use std::path::Path;

/// Why a sweep cannot be planned or run.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// What a sweep is to be made of does not make sense together.
    #[error("{0}")]
    Usage(String),
    /// A configuration that units cannot be made of.
    #[error("{0}")]
    BadConfig(String),
    /// A file of the sweep that is damaged, or was changed.
    #[error("{0}")]
    BadData(String),
    /// No sweep, no such unit, no Slurm.
    #[error("{0}")]
    Missing(String),
    /// The folder is in use.
    #[error("{0}")]
    InUse(String),
    /// What Slurm refused.
    #[error("{0}")]
    Refused(String),
    /// A fault of the program.
    #[error("{0}")]
    Internal(String),
    /// Units failed; others are done or go on.
    #[error("{message}")]
    Units {
        /// What sort of failure the first of them was.
        failure: Failure,
        /// Where the sweep stands.
        message: String,
    },
    /// Reading or writing a file.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A configuration, or the work of a unit.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Result of everything that a sweep does with files and processes.
pub type SweepResult<T> = Result<T, SweepError>;

impl SweepError {
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        DataError::io(path, error).into()
    }

    pub(crate) fn in_file(path: &Path, message: impl Display) -> Self {
        Self::BadData(format!("{}: {message}", path.display()))
    }

    pub(crate) fn internal(error: impl Display) -> Self {
        Self::Internal(error.to_string())
    }

    /// What sort of failure it is.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Usage(_) => Failure::Usage,
            Self::BadConfig(_) => Failure::BadConfig,
            Self::BadData(_) => Failure::BadData,
            Self::Missing(_) => Failure::MissingInput,
            Self::InUse(_) => Failure::Locked,
            Self::Refused(_) => Failure::Io,
            Self::Internal(_) => Failure::Internal,
            Self::Units { failure, .. } => *failure,
            Self::Data(error) => error.kind.into(),
            Self::Work(error) => error.failure(),
            Self::Stopped(_) => Failure::Stopped,
        }
    }
}
