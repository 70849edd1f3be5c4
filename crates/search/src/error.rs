//! What can be wrong with a search.

/// What was wrong where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct SearchError {
    /// The key or line.
    pub place: String,
    /// What was found, what was expected.
    pub message: String,
}

impl SearchError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}
