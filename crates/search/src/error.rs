//! Errors of this crate.

use dermx_data::DataError;
use dermx_work::{Failure, Stopped, WorkError};
use std::path::{Path, PathBuf};

/// Why a search cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A key of the search that is not what it has to be.
    #[error("{place}: {message}")]
    Setting {
        /// The key.
        place: String,
        /// What was found, what was expected.
        message: String,
    },
    /// A line of a journal that is no event, or contradicts those before.
    #[error("line {line}: {message}")]
    Journal {
        /// Its number, from 1.
        line: usize,
        /// What was found, what was expected.
        message: String,
    },
    /// A score that no journal can hold.
    #[error("trial {trial}: epoch {epoch} has the score {value}, expected a finite one")]
    NotFinite {
        /// The number of the trial.
        trial: usize,
        /// The epoch, from 1.
        epoch: u32,
        /// Its score.
        value: f64,
    },
    /// What was reported of a trial contradicts what was reported before.
    #[error("search: {0}")]
    Contradiction(String),
    /// A table or a line that its format cannot hold.
    #[error("{0}")]
    Internal(String),
    /// The folder is of another search.
    #[error("{0}")]
    OtherSearch(String),
    /// Another process is at work in the folder.
    #[error("{0}")]
    Locked(String),
    /// Something in a file.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<SearchError>,
    },
    /// Reading or writing a file.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A configuration, or the work of a trial.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Result of everything that a search does with files and trials.
pub type SearchResult<T> = Result<T, SearchError>;

impl SearchError {
    pub(crate) fn setting(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Setting { place: place.into(), message: message.into() }
    }

    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        DataError::io(path, error).into()
    }

    /// This error, which is about something in `path`.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_path_buf(), source: Box::new(self) }
    }

    /// What sort of failure it is.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Setting { .. } | Self::OtherSearch(_) => Failure::BadConfig,
            Self::Journal { .. } | Self::NotFinite { .. } => Failure::BadData,
            Self::Contradiction(_) | Self::Internal(_) => Failure::Internal,
            Self::Locked(_) => Failure::Locked,
            Self::InFile { source, .. } => source.failure(),
            Self::Data(error) => error.kind.into(),
            Self::Work(error) => error.failure(),
            Self::Stopped(_) => Failure::Stopped,
        }
    }
}
