//! Search folders: the journal, the trials, and what came out.

use crate::config::{Config, SearchConfig};
use crate::error::{RunError, RunResult};
use crate::run_folder::RunFolder;
use crate::session::Session;
use dermx_search::{Event, Search, Settings, read_journal, to_line};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

const SEARCH: &str = "search.toml";
const JOURNAL: &str = "journal.jsonl";

/// The folder of a search, which this process alone writes into: a run folder whose `config.toml` is
/// the configuration that is varied.
#[derive(Debug)]
pub struct SearchFolder {
    run: RunFolder,
}

/// The journal, open to be appended to.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl SearchFolder {
    /// The folder of a new search, or of one to go on with: in `path`, or numbered after `name`.
    ///
    /// # Errors
    /// A folder in use, or of another search.
    pub fn open(
        path: Option<&Path>,
        name: &str,
        resume: bool,
        base: &Config,
        search: &SearchConfig,
        session: &Session,
    ) -> RunResult<Self> {
        let folder = Self { run: RunFolder::open(path, name, resume, base, session)? };
        folder.expect_search(search)?;
        Ok(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.run.path()
    }

    /// The run folder of a trial.
    pub fn trial(&self, number: usize) -> PathBuf {
        self.path().join("trials").join(format!("{number:04}"))
    }

    /// Whether the search began in one process.
    pub fn has_journal(&self) -> bool {
        self.path().join(JOURNAL).exists()
    }

    /// Writes a file of the search.
    ///
    /// # Errors
    /// A full disk, a folder that cannot be written to.
    pub fn write(&self, name: &str, bytes: &[u8]) -> RunResult<()> {
        self.run.write(name, bytes)
    }

    /// The search as its journal tells it, and the journal to go on with; a new one allows `jobs`
    /// trials at once.
    ///
    /// # Errors
    /// A journal that cannot be read, or tells what cannot be.
    pub fn search(&self, settings: Settings, jobs: usize) -> RunResult<(Search, Journal)> {
        let path = self.path().join(JOURNAL);
        let error = |error| RunError::io(&path, &error);
        let bytes = match std::fs::read(&path) {
            Err(found) if found.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            result => result.map_err(error)?,
        };
        let (mut events, num_bytes) =
            read_journal(&bytes).map_err(|error| RunError::in_file(&path, error))?;
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(&path).map_err(error)?;
        // What was being written when the process was killed.
        file.set_len(num_bytes as u64).map_err(error)?;
        let mut journal = Journal { path: path.clone(), file };
        if events.is_empty() {
            let event = Event::Began { window: jobs };
            journal.append(&event)?;
            events.push(event);
        }
        let search = Search::new(settings, &events).map_err(|error| {
            let message = format!("{}: {error}", path.display());
            match error.place.starts_with("line") {
                true => RunError::bad_data(message),
                false => RunError::bad_config(message),
            }
        })?;
        Ok((search, journal))
    }

    /// Writes `search.toml`, or compares what it says.
    fn expect_search(&self, search: &SearchConfig) -> RunResult<()> {
        let path = self.path().join(SEARCH);
        let expected = described(search)?;
        match std::fs::read_to_string(&path) {
            Ok(found) if found == expected => Ok(()),
            Ok(found) => {
                let line = |text: &str, other: &str| -> Vec<String> {
                    let lines = text.lines().filter(|line| !other.lines().any(|one| one == *line));
                    lines.map(str::to_string).collect()
                };
                let message = format!(
                    "{}: the folder is of another search; there: {}; now: {}",
                    path.display(),
                    line(&found, &expected).join(", "),
                    line(&expected, &found).join(", ")
                );
                Err(RunError::bad_config(message))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.write(SEARCH, expected.as_bytes())
            }
            Err(error) => Err(RunError::io(&path, &error)),
        }
    }
}

/// What `search.toml` in the folder of a search says.
///
/// # Errors
/// There is none, or it was changed.
pub fn read_search(folder: &Path) -> RunResult<SearchConfig> {
    let path = folder.join(SEARCH);
    let text = std::fs::read_to_string(&path).map_err(|error| RunError::io(&path, &error))?;
    toml::from_str(&text).map_err(|error| RunError::in_file(&path, error))
}

impl Journal {
    /// Appends an event, which is on the disk when this returns.
    ///
    /// # Errors
    /// A full disk.
    pub fn append(&mut self, event: &Event) -> RunResult<()> {
        let line = to_line(event).map_err(|error| RunError::in_file(&self.path, error))?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| RunError::io(&self.path, &error))
    }
}

/// What a search depends on beside its base: not on how many trials there are to be, nor on what Slurm
/// is asked for.
fn described(search: &SearchConfig) -> RunResult<String> {
    let mut search = SearchConfig { max_trials: None, ..search.clone() };
    search.changes.retain(|change| !change.starts_with("slurm."));
    let text = toml::to_string(&search).map_err(|error| RunError::internal(error.to_string()))?;
    Ok(format!(
        "# The resolved search of this folder; config.toml is the base that it varies.\n\n{text}"
    ))
}
