//! Errors as a user sees them, with the exit code of the command.

use dermx_data::{DataError, ErrorKind};
use dermx_eval::EvalError;
use dermx_gradcam::ExplainError;
use dermx_model::WeightsError;
use dermx_report::ReportError;
use dermx_train::TrainError;
use std::path::Path;

/// How a command ended when it did not end well; the number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitKind {
    /// The arguments do not make sense together.
    Usage = 2,
    /// Data are not what they have to be.
    BadData = 65,
    /// A file or folder that is needed is not there.
    MissingInput = 66,
    /// A fault of the program, or numbers that are not finite.
    Internal = 70,
    /// The output folder is taken.
    Locked = 73,
    /// The operating system refused to read or write.
    Io = 74,
    /// Stopped on request; `--resume` goes on.
    Stopped = 75,
    /// The configuration is wrong.
    BadConfig = 78,
}

impl ExitKind {
    /// The kind with that exit code; an internal error for any other.
    pub fn of_code(code: i32) -> Self {
        use ExitKind::{BadConfig, BadData, Internal, Io, Locked, MissingInput, Stopped, Usage};
        let kinds = [Usage, BadData, MissingInput, Internal, Locked, Io, Stopped, BadConfig];
        kinds.into_iter().find(|kind| *kind as i32 == code).unwrap_or(Internal)
    }
}

/// What went wrong, in words for the user.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// The exit code.
    pub kind: ExitKind,
    /// The culprit, what was found, what was expected, and what to do.
    pub message: String,
}

/// Result of everything that a command does.
pub type CliResult<T> = Result<T, CliError>;

impl CliError {
    /// An error of `kind` with `message`.
    pub fn new(kind: ExitKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A failed read or write of `path`.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        DataError::io(path, error).into()
    }

    /// Content of `path` that is not what it has to be.
    pub fn bad_data(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::new(ExitKind::BadData, format!("{}: {message}", path.display()))
    }
}

impl From<DataError> for CliError {
    fn from(error: DataError) -> Self {
        let kind = match error.kind {
            ErrorKind::Missing => ExitKind::MissingInput,
            ErrorKind::Invalid => ExitKind::BadData,
            ErrorKind::Io => ExitKind::Io,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<WeightsError> for CliError {
    fn from(error: WeightsError) -> Self {
        let kind = match &error {
            WeightsError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ExitKind::MissingInput
            }
            WeightsError::Io { .. } => ExitKind::Io,
            WeightsError::NotFinite { .. } => ExitKind::Internal,
            WeightsError::Format { .. } | WeightsError::Misfit(_) | WeightsError::Mismatch(_) => {
                ExitKind::BadData
            }
        };
        Self::new(kind, error.to_string())
    }
}

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Data(error) => error.into(),
            TrainError::Weights(error) => error.into(),
            TrainError::Io { .. } | TrainError::Save { .. } => {
                Self::new(ExitKind::Io, error.to_string())
            }
            TrainError::Checkpoint { .. }
            | TrainError::NoCheckpoint { .. }
            | TrainError::Version { .. }
            | TrainError::OtherRun { .. }
            | TrainError::NoImages(_) => Self::new(ExitKind::BadData, error.to_string()),
            TrainError::NonFinite { .. }
            | TrainError::NonFiniteStep { .. }
            | TrainError::NonFiniteWeights { .. }
            | TrainError::NonFiniteValidation { .. } => {
                Self::new(ExitKind::Internal, error.to_string())
            }
            TrainError::NoValidation(_)
            | TrainError::OneValue { .. }
            | TrainError::NoBatch { .. } => Self::new(ExitKind::BadConfig, error.to_string()),
        }
    }
}

impl From<ExplainError> for CliError {
    fn from(error: ExplainError) -> Self {
        let kind = match error {
            ExplainError::UnknownLayer { .. } => ExitKind::BadConfig,
            ExplainError::Targets(_) => ExitKind::BadData,
            ExplainError::Setting { .. } | ExplainError::Gaps { .. } => ExitKind::Usage,
            ExplainError::Order { .. } | ExplainError::NoGradient(_) => ExitKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<EvalError> for CliError {
    fn from(error: EvalError) -> Self {
        Self::new(ExitKind::BadData, error.to_string())
    }
}

impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        Self::new(ExitKind::Internal, error.to_string())
    }
}
