//! A configuration with where each of its values comes from.

use super::bench::{self, BENCH};
use super::classes::find_classes;
use super::config::Config;
use super::files::Source;
use super::resolve::{listed, resolve};
use super::search::{self, SEARCH};
use super::write::{complete, complete_table, to_text};
use crate::error::{RunError, RunResult};

/// The resolved configuration `name`, of a run, a search or a comparison of backends, as a TOML file in
/// which a comment says of each value where it comes from.
///
/// # Errors
/// No such configuration, or the list of all that is wrong with it.
pub fn show(name: &str, overrides: &[String]) -> RunResult<String> {
    let source = Source::find(name)?;
    let found = source.document_with(&Config::nodes(), overrides)?;
    let (nodes, is_run) = match found.root.keys().map(String::as_str).collect::<Vec<_>>()[..] {
        [SEARCH] => (search::root(), false),
        [BENCH] => (bench::root(), false),
        _ => (Config::nodes(), true),
    };
    let found = source.document_with(&nodes, overrides)?;
    let mut problems = Vec::new();
    let resolved = match is_run {
        true => Config::read(&found, &mut problems).1,
        false => resolve(&nodes, &found, &mut problems),
    };
    if !problems.is_empty() {
        return Err(RunError::bad_config(listed(&problems)));
    }
    let mut table = complete(&nodes, &resolved.table);
    let mut from_folders = false;
    if is_run {
        let config: Result<Config, _> = resolved.table.try_into();
        let mut config = config.map_err(|error| RunError::internal(error.to_string()))?;
        from_folders = config.data.classes.is_empty();
        if from_folders && find_classes(&mut config).is_ok() {
            table = complete_table(&nodes, &config)
                .map_err(|error| RunError::internal(error.to_string()))?;
        }
    }
    let note = |path: &str| {
        Some(match resolved.places.get(path) {
            Some(place) if found.is_of_base(place) => format!("base {place}"),
            Some(place) => place.clone(),
            None if from_folders && path == "data.classes" => {
                "default: the folders of data.train".to_string()
            }
            None => "default".to_string(),
        })
    };
    Ok(to_text(&nodes, &table, &note))
}
