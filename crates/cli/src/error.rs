//! Errors as a user sees them, with the exit code of the command.

use dermx_data::DataError;
use dermx_eval::EvalError;
use dermx_run::RunError;
use dermx_score::ScoreError;
use dermx_search::SearchError;
use dermx_study::StudyError;
use dermx_sweep::SweepError;
use dermx_work::{Failure, Stopped};
use std::path::Path;

/// What went wrong, in words for the user.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// What sort of failure it is.
    pub failure: Failure,
    /// The culprit, what was found, what was expected, and what to do.
    pub message: String,
}

/// Result of everything that a command does.
pub type CliResult<T> = Result<T, CliError>;

/// The exit code of a command that failed.
pub const fn exit_code(failure: Failure) -> u8 {
    match failure {
        Failure::Usage => 2,
        Failure::BadData => 65,
        Failure::MissingInput => 66,
        Failure::Internal => 70,
        Failure::Locked => 73,
        Failure::Io => 74,
        Failure::Stopped => 75,
        Failure::BadConfig => 78,
    }
}

impl CliError {
    /// An error of the sort `failure`.
    pub fn new(failure: Failure, message: impl Into<String>) -> Self {
        Self { failure, message: message.into() }
    }

    /// A failed read or write of `path`.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        DataError::io(path, error).into()
    }

    /// Content of `path` that is not what it has to be.
    pub fn bad_data(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::new(Failure::BadData, format!("{}: {message}", path.display()))
    }
}

impl From<DataError> for CliError {
    fn from(error: DataError) -> Self {
        Self::new(error.kind.into(), error.to_string())
    }
}

impl From<EvalError> for CliError {
    fn from(error: EvalError) -> Self {
        Self::new(Failure::BadData, error.to_string())
    }
}

impl From<StudyError> for CliError {
    fn from(error: StudyError) -> Self {
        let failure = match &error {
            StudyError::Data(error) => error.kind.into(),
            StudyError::Invalid { .. } | StudyError::Matrices(_) => Failure::BadData,
        };
        Self::new(failure, error.to_string())
    }
}

impl From<ScoreError> for CliError {
    fn from(error: ScoreError) -> Self {
        Self::new(error.failure(), error.to_string())
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        Self::new(error.failure(), error.to_string())
    }
}

impl From<SearchError> for CliError {
    fn from(error: SearchError) -> Self {
        Self::new(error.failure(), error.to_string())
    }
}

impl From<SweepError> for CliError {
    fn from(error: SweepError) -> Self {
        Self::new(error.failure(), error.to_string())
    }
}

impl From<Stopped> for CliError {
    fn from(error: Stopped) -> Self {
        Self::new(Failure::Stopped, error.to_string())
    }
}
