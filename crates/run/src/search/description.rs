//! `search.toml` in the folder of a search.

use crate::config::SearchConfig;
use crate::error::{RunError, RunResult};
use dermx_data::text::toml_error;
use dermx_search::SearchFolder;
use std::path::Path;

/// What `search.toml` in the folder of a search says.
///
/// # Errors
/// There is none, or it was changed.
pub(crate) fn read_search(folder: &Path) -> RunResult<SearchConfig> {
    let path = SearchFolder::description(folder);
    let bytes = std::fs::read(&path).map_err(|error| RunError::io(&path, &error))?;
    let text = str::from_utf8(&bytes).map_err(|error| {
        RunError::in_file(&path, format!("byte {} is not UTF-8", error.valid_up_to()))
    })?;
    toml::from_str(text).map_err(|error: toml::de::Error| {
        RunError::in_file(&path, toml_error(text, error.span(), error.message()))
    })
}

/// What a search depends on beside its base: not on how many trials there are to be, nor on what Slurm
/// is asked for.
///
/// # Errors
/// A value that TOML cannot hold.
pub fn described(search: &SearchConfig) -> RunResult<String> {
    let mut search = SearchConfig { max_trials: None, ..search.clone() };
    search.changes.retain(|change| !change.starts_with("slurm."));
    let text = toml::to_string(&search).map_err(|error| RunError::internal(error.to_string()))?;
    Ok(format!(
        "# The resolved search of this folder; config.toml is the base that it varies.\n\n{text}"
    ))
}
