//! Errors of this crate.

use dermx_data::DataError;
use dermx_eval::EvalError;
use dermx_gradcam::ExplainError;
use dermx_model::WeightsError;
use dermx_report::ReportError;
use dermx_score::ScoreError;
use dermx_search::SearchError;
use dermx_sweep::SweepError;
use dermx_train::TrainError;
use dermx_work::{Failure, Stopped, WorkError};
use std::path::Path;

/// Why a run, or something done with one, failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Arguments that do not make sense together.
    #[error("{0}")]
    Usage(String),
    /// A configuration that is wrong: all that is wrong with it, a line each.
    #[error("{0}")]
    BadConfig(String),
    /// Data that are not what they have to be.
    #[error("{0}")]
    BadData(String),
    /// A file or folder that is needed is not there.
    #[error("{0}")]
    MissingInput(String),
    /// A folder that another process uses, or that holds something else.
    #[error("{0}")]
    Locked(String),
    /// What the operating system, or another program, refused.
    #[error("{0}")]
    Os(String),
    /// A fault of the program, or numbers that are not finite.
    #[error("{0}")]
    Internal(String),
    /// Somebody asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Another error, and what it is about.
    #[error("{context}{source}")]
    Context {
        /// What stands before the message.
        context: String,
        /// The error.
        source: Box<RunError>,
    },
    /// Another error, and what to do about it.
    #[error("{source}{advice}")]
    Advice {
        /// The error.
        source: Box<RunError>,
        /// What stands behind the message.
        advice: String,
    },
    /// Reading or writing data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Scoring.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// Computing scores.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// Training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Explaining.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// The report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A search.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A sweep.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// A unit of work.
    #[error(transparent)]
    Work(#[from] WorkError),
}

impl From<RunError> for WorkError {
    fn from(error: RunError) -> Self {
        Self::new(error.failure(), error)
    }
}

/// Result of everything in this crate.
pub type RunResult<T> = Result<T, RunError>;

impl RunError {
    /// Arguments that do not make sense together.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// What is wrong with a configuration.
    pub fn bad_config(message: impl Into<String>) -> Self {
        Self::BadConfig(message.into())
    }

    /// What was found and what was expected of data.
    pub fn bad_data(message: impl Into<String>) -> Self {
        Self::BadData(message.into())
    }

    /// What is not there.
    pub fn missing_input(message: impl Into<String>) -> Self {
        Self::MissingInput(message.into())
    }

    /// Who or what uses a folder.
    pub fn locked(message: impl Into<String>) -> Self {
        Self::Locked(message.into())
    }

    /// What was refused.
    pub fn os(message: impl Into<String>) -> Self {
        Self::Os(message.into())
    }

    /// What should not be.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// A request to stop, and how to go on.
    pub fn stopped(how_to_go_on: impl Into<String>) -> Self {
        Self::Stopped(Stopped(how_to_go_on.into()))
    }

    /// A failed read or write of `path`.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        DataError::io(path, error).into()
    }

    /// Content of `path` that is not what it has to be.
    pub fn in_file(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::BadData(format!("{}: {message}", path.display()))
    }

    /// This error under `context`, which ends as it has to before the message.
    pub fn context(self, context: impl Into<String>) -> Self {
        Self::Context { context: context.into(), source: Box::new(self) }
    }

    /// This error with `advice`, which begins as it has to behind the message.
    pub fn advice(self, advice: impl Into<String>) -> Self {
        Self::Advice { source: Box::new(self), advice: advice.into() }
    }

    /// This error, and `other` on lines of its own.
    pub fn and(self, other: &Self) -> Self {
        self.advice(format!("\n{other}"))
    }

    /// What sort of failure it is.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Usage(_) => Failure::Usage,
            Self::BadConfig(_) => Failure::BadConfig,
            Self::BadData(_) | Self::Eval(_) => Failure::BadData,
            Self::MissingInput(_) => Failure::MissingInput,
            Self::Locked(_) => Failure::Locked,
            Self::Os(_) => Failure::Io,
            Self::Internal(_) | Self::Report(_) => Failure::Internal,
            Self::Stopped(_) => Failure::Stopped,
            Self::Context { source, .. } | Self::Advice { source, .. } => source.failure(),
            Self::Search(error) => error.failure(),
            Self::Sweep(error) => error.failure(),
            Self::Work(error) => error.failure(),
            Self::Data(error) => error.kind.into(),
            Self::Score(error) => error.failure(),
            Self::Train(error) => of_training(error),
            Self::Weights(error) => of_weights(error),
            Self::Explain(error) => of_explaining(error),
        }
    }
}

fn of_weights(error: &WeightsError) -> Failure {
    match error {
        WeightsError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Failure::MissingInput
        }
        WeightsError::Io { source, .. } if source.kind() == std::io::ErrorKind::IsADirectory => {
            Failure::BadData
        }
        WeightsError::Io { .. } => Failure::Io,
        WeightsError::NotFinite { .. } => Failure::Internal,
        WeightsError::Format { .. } | WeightsError::Misfit(_) | WeightsError::Mismatch(_) => {
            Failure::BadData
        }
    }
}

fn of_training(error: &TrainError) -> Failure {
    match error {
        TrainError::Data(error) => error.kind.into(),
        TrainError::Weights(error) => of_weights(error),
        TrainError::Io { .. } | TrainError::Save { .. } | TrainError::Load { .. } => Failure::Io,
        TrainError::Checkpoint { .. }
        | TrainError::NoCheckpoint { .. }
        | TrainError::Version { .. }
        | TrainError::OtherRun { .. }
        | TrainError::NoImages(_) => Failure::BadData,
        TrainError::NonFinite { .. }
        | TrainError::NonFiniteStep { .. }
        | TrainError::NonFiniteWeights { .. }
        | TrainError::NonFiniteValidation { .. } => Failure::Internal,
        TrainError::NoValidation(_)
        | TrainError::OneValue { .. }
        | TrainError::NoBatch { .. }
        | TrainError::Groups(_)
        | TrainError::Objective(_) => Failure::BadConfig,
    }
}

fn of_explaining(error: &ExplainError) -> Failure {
    match error {
        ExplainError::UnknownLayer { .. } | ExplainError::NoAttention { .. } => Failure::BadConfig,
        ExplainError::Targets(_) => Failure::BadData,
        ExplainError::Setting { .. } | ExplainError::Gaps { .. } => Failure::Usage,
        ExplainError::Order { .. } | ExplainError::NoGradient(_) => Failure::Internal,
    }
}
