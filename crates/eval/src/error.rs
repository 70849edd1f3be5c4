//! The one error of this crate: which place in the input, what is wrong.

/// Input that cannot be scored; the caller knows the file and adds its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct EvalError {
    /// The place inside the input, such as `heat map, row 3, column 7`.
    pub place: String,
    /// What was found and what was expected.
    pub message: String,
}

impl EvalError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}
