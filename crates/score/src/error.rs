//! Errors of this crate.

use dermx_data::DataError;
use dermx_eval::EvalError;
use dermx_work::{Failure, Stopped};
use std::path::Path;

/// Why something could not be scored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ScoreError {
    /// Choices that do not make sense together.
    #[error("{0}")]
    Usage(String),
    /// Maps, predictions or annotations that are not what they have to be.
    #[error("{0}")]
    BadData(String),
    /// Maps or predictions that are needed are not there.
    #[error("{0}")]
    MissingInput(String),
    /// A value that a file format cannot hold.
    #[error("{0}")]
    Internal(String),
    /// A file or folder that cannot be read or written, or is not what it has to be.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Scores that cannot be computed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Result of everything in this crate.
pub type ScoreResult<T> = Result<T, ScoreError>;

impl ScoreError {
    /// Choices that do not make sense together.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// What was found and what was expected of data.
    pub fn bad_data(message: impl Into<String>) -> Self {
        Self::BadData(message.into())
    }

    /// What is not there.
    pub fn missing_input(message: impl Into<String>) -> Self {
        Self::MissingInput(message.into())
    }

    /// What a file format cannot hold.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// A failed read or write of `path`.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        DataError::io(path, error).into()
    }

    /// Content of `path` that is not what it has to be.
    pub fn in_file(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::BadData(format!("{}: {message}", path.display()))
    }

    /// What sort of failure it is.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Usage(_) => Failure::Usage,
            Self::BadData(_) | Self::Eval(_) => Failure::BadData,
            Self::MissingInput(_) => Failure::MissingInput,
            Self::Internal(_) => Failure::Internal,
            Self::Stopped(_) => Failure::Stopped,
            Self::Data(error) => error.kind.into(),
        }
    }
}
