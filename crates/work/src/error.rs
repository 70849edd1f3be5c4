//! Why a unit of work could not be done.

use crate::{Failure, Stopped};
use std::error::Error;
use std::fmt;

/// An error of whatever does the work, and what sort of failure it is.
#[derive(Debug)]
pub struct WorkError {
    failure: Failure,
    error: Box<dyn Error + Send + Sync>,
}

impl WorkError {
    /// `error`, which is a failure of the sort `failure`.
    pub fn new(failure: Failure, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { failure, error: error.into() }
    }

    /// What sort of failure it is.
    pub const fn failure(&self) -> Failure {
        self.failure
    }
}

impl fmt::Display for WorkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for WorkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl From<Stopped> for WorkError {
    fn from(error: Stopped) -> Self {
        Self::new(Failure::Stopped, error)
    }
}
