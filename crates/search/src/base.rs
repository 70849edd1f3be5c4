//! What a search varies.

use crate::space::Params;
use dermx_work::{Resolved, Source, Work, WorkError};

/// The configuration that a search varies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its name.
    pub config: String,
    /// What all trials change in it, as `section.key=value`.
    pub changes: Vec<String>,
}

impl Base {
    /// The configuration with `params`.
    ///
    /// # Errors
    /// There is none, or `params` do not fit.
    pub fn resolve<W: Work + ?Sized>(
        &self,
        work: &W,
        params: &Params,
    ) -> Result<Resolved, WorkError> {
        let overrides = [self.changes.clone(), assignments(work, params)?].concat();
        work.resolve(Source::Named(&self.config), &overrides)
    }
}

/// `params` as `section.key=value`.
///
/// # Errors
/// A value that no configuration can hold.
pub fn assignments<W: Work + ?Sized>(work: &W, params: &Params) -> Result<Vec<String>, WorkError> {
    params.iter().map(|(key, value)| work.assignment(key, value)).collect()
}
