//! From a document to a checked configuration.

use super::check;
use super::config::Config;
use super::document::Document;
use super::resolve::{Resolved, resolve};

impl Config {
    /// Fills up a document with defaults and checks it; adds everything that is wrong to `problems`.
    pub(super) fn read(
        document: &Document,
        problems: &mut Vec<String>,
    ) -> (Option<Self>, Resolved) {
        let resolved = resolve(&Self::nodes(), document, problems);
        let config: Option<Self> = match resolved.table.clone().try_into() {
            Ok(config) => Some(config),
            Err(error) => {
                // Where something was found, it is the cause.
                if problems.is_empty() {
                    problems.push(format!("{}: {error}", document.place("")));
                }
                None
            }
        };
        if let Some(config) = &config {
            check::check(config, document, &resolved.bad, problems);
        }
        (config, resolved)
    }
}
