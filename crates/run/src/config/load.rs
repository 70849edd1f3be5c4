//! From a name to a checked configuration, and back to text.

use super::classes::find_classes;
use super::config::Config;
use super::files::{Source, utf8};
use super::resolve::listed;
use super::write::{complete_table, to_text};
use crate::error::{RunError, RunResult};
use std::io::ErrorKind;
use std::path::Path;

impl Config {
    /// Loads `name`: a path, a file in `configs/`, or a configuration that is part of the program; lays it
    /// over its bases, applies `overrides` (`section.key=value`), fills it up with defaults and checks
    /// everything. Classes that it does not name are the folders of `data.train`.
    ///
    /// # Errors
    /// No such configuration, the list of all that is wrong with it, or no folders to find classes in.
    pub fn load(name: &str, overrides: &[String]) -> RunResult<Self> {
        let mut config = Self::of_source(&Source::find(name)?, overrides)?;
        find_classes(&mut config)?;
        Ok(config)
    }

    /// As [`Self::load`] of `text`, which is called `origin` in complaints; classes are not looked for.
    ///
    /// # Errors
    /// The list of all that is wrong with it.
    pub fn parse(origin: &str, text: &str, overrides: &[String]) -> RunResult<Self> {
        Self::of_source(&Source::of_text(origin, text), overrides)
    }

    /// Loads the resolved configuration of a run folder.
    ///
    /// # Errors
    /// Not a run folder, or one whose configuration was damaged or written by an earlier version.
    pub fn load_run(folder: &Path) -> RunResult<Self> {
        let path = folder.join("config.toml");
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                let folder = folder.display();
                RunError::missing_input(match path.parent().is_some_and(Path::is_dir) {
                    true => format!("{folder}: is not a run folder: there is no config.toml in it"),
                    false => format!("{folder}: there is no such folder; expected a run folder"),
                })
            }
            _ => RunError::io(&path, &error),
        })?;
        let text = utf8(&path, &bytes).map_err(RunError::bad_data)?;
        let origin = path.display().to_string();
        // The file is a result of the run, which nobody is to change: what is wrong with it is bad data.
        Self::parse(&origin, text, &[]).map_err(|error| match error {
            RunError::BadConfig(message) if message.contains("` is now `") => {
                RunError::bad_data(format!(
                    "{message}\n{origin}: an earlier version of dermx made this run; read it with that \
                     one, or run it again"
                ))
            }
            RunError::BadConfig(message) => RunError::bad_data(message),
            other => other,
        })
    }

    fn of_source(source: &Source, overrides: &[String]) -> RunResult<Self> {
        let nodes = Self::nodes();
        let document = source.document_with(&nodes, overrides)?;
        let mut problems = Vec::new();
        match Self::read(&document, &mut problems).0 {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(RunError::bad_config(listed(&problems))),
        }
    }

    /// The configuration as a TOML file that says every key, under a comment.
    ///
    /// # Errors
    /// A value that TOML cannot hold.
    pub fn to_toml(&self, comment: &str) -> RunResult<String> {
        let nodes = Self::nodes();
        let table = complete_table(&nodes, self);
        let table = table.map_err(|error| RunError::internal(error.to_string()))?;
        Ok(format!("# {comment}\n\n{}", to_text(&nodes, &table, &|_| None)))
    }
}
