//! Search folders: the journal, the trials, and what came out.

use crate::error::{SearchError, SearchResult};
use crate::journal::{Event, read_journal, to_line};
use crate::search::{Search, Settings};
use dermx_data::{refuse_link, write_atomic};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

const SEARCH: &str = "search.toml";
const JOURNAL: &str = "journal.jsonl";

/// The folder of a search: `search.toml`, `journal.jsonl`, `trials/`, and its results.
#[derive(Debug, Clone)]
pub struct SearchFolder {
    path: PathBuf,
}

/// The journal, open to be appended to by this process alone.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl SearchFolder {
    /// The folder `path`, which is there, of the search that `description` tells of, line by line: it
    /// becomes `search.toml`, or is what that says already.
    ///
    /// # Errors
    /// A folder of another search.
    pub fn open(path: &Path, description: &str) -> SearchResult<Self> {
        let folder = Self { path: path.to_path_buf() };
        folder.expect(description)?;
        Ok(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file in `folder` that describes the search.
    pub fn description(folder: &Path) -> PathBuf {
        folder.join(SEARCH)
    }

    /// The folder of a trial.
    pub fn trial(&self, number: usize) -> PathBuf {
        self.path.join("trials").join(format!("{number:04}"))
    }

    /// Whether trials ran in one process, which alone keeps a journal.
    pub fn has_journal(&self) -> bool {
        self.path.join(JOURNAL).exists()
    }

    /// Writes a file of the search.
    ///
    /// # Errors
    /// A full disk, a folder that cannot be written to.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> SearchResult<()> {
        Ok(write_atomic(&self.path.join(name), bytes)?)
    }

    /// The search as its journal tells it, and the journal to go on with; a new one allows `jobs`
    /// trials at once.
    ///
    /// # Errors
    /// A journal that another process appends to, that cannot be read, or tells what cannot be.
    pub fn search(&self, settings: Settings, jobs: usize) -> SearchResult<(Search, Journal)> {
        let path = self.path.join(JOURNAL);
        let error = |error| SearchError::io(&path, &error);
        refuse_link(&path).map_err(error)?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).create(true).append(true).open(&path).map_err(error)?;
        lock(&file, &path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(error)?;
        let (mut events, num_bytes) = read_journal(&bytes).map_err(|error| error.in_file(&path))?;
        // What was being written when the process was killed.
        file.set_len(num_bytes as u64).map_err(error)?;
        let mut journal = Journal { path: path.clone(), file };
        if events.is_empty() {
            let event = Event::Began { window: jobs };
            journal.append(&event)?;
            events.push(event);
        }
        let search = Search::new(settings, &events).map_err(|error| error.in_file(&path))?;
        Ok((search, journal))
    }

    /// Writes `search.toml`, or compares what it says.
    fn expect(&self, expected: &str) -> SearchResult<()> {
        let path = self.path.join(SEARCH);
        match std::fs::read_to_string(&path) {
            Ok(found) if found == expected => Ok(()),
            Ok(found) => {
                let message = format!(
                    "{}: the folder is of another search; there: {}; now: {}",
                    path.display(),
                    lines_without(&found, expected),
                    lines_without(expected, &found)
                );
                Err(SearchError::OtherSearch(message))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.write(SEARCH, expected.as_bytes())
            }
            Err(error) => Err(SearchError::io(&path, &error)),
        }
    }
}

impl Journal {
    /// Appends an event, which is on the disk when this returns.
    ///
    /// # Errors
    /// A full disk.
    pub fn append(&mut self, event: &Event) -> SearchResult<()> {
        let line = to_line(event).map_err(|error| error.in_file(&self.path))?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| SearchError::io(&self.path, &error))
    }
}

/// Two processes that append to one journal would contradict each other.
fn lock(file: &File, path: &Path) -> SearchResult<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let message = format!("{}: another process is at work on this search", path.display());
            Err(SearchError::Locked(message))
        }
        Err(TryLockError::Error(error)) => Err(SearchError::io(path, &error)),
    }
}

/// The lines of `text` that `other` does not have.
fn lines_without(text: &str, other: &str) -> String {
    let lines = text.lines().filter(|line| !other.lines().any(|one| one == *line));
    lines.collect::<Vec<_>>().join(", ")
}
