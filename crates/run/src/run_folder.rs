//! Run folders: who may write into one, and what lies where.

use crate::config::{self, Config};
use crate::error::{RunError, RunResult};
use crate::session::Session;
use dermx_data::{refuse_link, refuse_linked_folders, write_atomic};
pub use dermx_score::to_json;
use dermx_train::differences;
use dermx_work::Failure;
use serde::Serialize;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The folder of a run's report.
pub const REPORT: &str = "report";

/// The list of training and validation images.
pub const SPLIT: &str = "split.csv";

/// A run folder that this process alone writes into, until it is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Makes the folder `path` for a new run.
    ///
    /// # Errors
    /// It is not empty: a run folder is never overwritten.
    pub fn create(path: &Path, config: &Config, session: &Session) -> RunResult<Self> {
        fs::create_dir_all(path).map_err(|error| RunError::io(path, &error))?;
        let lock = lock(path)?;
        if !is_unused(path)? {
            return Err(RunError::locked(format!(
                "{}: the folder is in use and is never overwritten; choose another --run, or \
                     go on with --resume",
                path.display()
            )));
        }
        let folder = Self { path: path.to_path_buf(), _lock: lock };
        folder.write("environment.json", &to_json(&Environment::now(session))?)?;
        let comment = "The resolved configuration of this run.";
        folder.write("config.toml", resolved(config, comment)?.as_bytes())?;
        Ok(folder)
    }

    /// Makes the next numbered folder for the configuration `name` in `output`.
    ///
    /// # Errors
    /// `output` cannot be written to.
    fn create_numbered(
        output: &Path,
        name: &str,
        config: &Config,
        session: &Session,
    ) -> RunResult<Self> {
        let mut number = numbered(output, name)?.last().map_or(1, |(number, _)| number + 1);
        loop {
            let path = output.join(format!("{name}-{number:03}"));
            match Self::create(&path, config, session) {
                // Another process was quicker.
                Err(error) if error.failure() == Failure::Locked => number += 1,
                result => return result,
            }
        }
    }

    /// Opens the folder of an unfinished run.
    ///
    /// # Errors
    /// No run, another process at work on it, or one of another configuration than `config`.
    pub fn resume(path: &Path, config: Option<&Config>) -> RunResult<Self> {
        let found = Config::load_run(path)?;
        if let Some(expected) = config {
            let differences = differences(&config::flat(&found)?, &config::flat(expected)?);
            if !differences.is_empty() {
                let lines: Vec<String> =
                    differences.iter().map(|line| format!("\n  {line}")).collect();
                let message = format!(
                    "{}: the run has another configuration:{}",
                    path.display(),
                    lines.concat()
                );
                return Err(RunError::bad_config(message));
            }
        }
        refuse_linked_folders(path)?;
        Ok(Self { path: path.to_path_buf(), _lock: lock(path)? })
    }

    /// The folder of a new run, or with `resume` of one to go on with: in `path`, or numbered after
    /// `name`.
    ///
    /// # Errors
    /// As [`Self::create`] and [`Self::resume`].
    pub fn open(
        path: Option<&Path>,
        name: &str,
        resume: bool,
        config: &Config,
        session: &Session,
    ) -> RunResult<Self> {
        let output = &config.run.output;
        match (path, resume) {
            (Some(path), true) => Self::resume(path, Some(config)),
            (None, true) => Self::resume(&Self::newest(output, name)?, Some(config)),
            (Some(path), false) => Self::create(path, config, session),
            (None, false) => Self::create_numbered(output, name, config, session),
        }
    }

    /// The newest numbered folder of the configuration `name` in `output`.
    ///
    /// # Errors
    /// There is none.
    fn newest(output: &Path, name: &str) -> RunResult<PathBuf> {
        let newest = numbered(output, name)?.pop();
        newest.map(|(_, path)| path).ok_or_else(|| {
            let message = format!("{}: there is no run `{name}-...` to resume", output.display());
            RunError::missing_input(message)
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of one seed, made if needed.
    ///
    /// # Errors
    /// The run folder cannot be written to.
    pub fn seed(&self, seed: u64) -> RunResult<SeedFolder> {
        let folder = SeedFolder::of(&self.path, seed);
        fs::create_dir_all(&folder.path).map_err(|error| RunError::io(&folder.path, &error))?;
        refuse_linked_folders(&folder.path)?;
        Ok(folder)
    }

    /// Writes a file of the run.
    ///
    /// # Errors
    /// A full disk, a folder that cannot be written to.
    pub fn write(&self, name: &str, bytes: &[u8]) -> RunResult<()> {
        Ok(write_atomic(&self.path.join(name), bytes)?)
    }
}

/// Whether no process is at work in `folder`, which may be one that nobody can write into.
///
/// # Errors
/// A process is.
pub fn check_idle(folder: &Path) -> RunResult<()> {
    match File::open(folder.join(".lock")).map(|file| file.try_lock_shared()) {
        Ok(Err(TryLockError::WouldBlock)) => {
            let message = format!("{}: another process is at work in it", folder.display());
            Err(RunError::locked(message))
        }
        _ => Ok(()),
    }
}

/// Whether two paths lead to one folder, both of which are there.
pub fn is_same_folder(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// What lies where for one seed of a run.
#[derive(Debug, Clone)]
pub struct SeedFolder {
    path: PathBuf,
}

impl SeedFolder {
    /// The folder of `seed` in `run`.
    pub fn of(run: &Path, seed: u64) -> Self {
        Self { path: run.join(format!("seed-{seed}")) }
    }

    /// The folder.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// The checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// One line for each epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The same as a table.
    pub fn metrics_csv(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// The same for TensorBoard, in a folder of its own; the name has no hour and no machine in it.
    pub fn event_file(&self) -> PathBuf {
        self.path.join("tensorboard").join("events.out.tfevents.0000000000.dermx")
    }

    /// One line for each epoch: how long it took. Not part of the results.
    pub fn timings(&self) -> PathBuf {
        self.path.join("timings.jsonl")
    }

    /// The trained weights.
    pub fn weights(&self) -> PathBuf {
        self.path.join("weights.safetensors")
    }

    /// Probabilities and logits of the test images.
    pub fn predictions(&self) -> PathBuf {
        self.path.join("predictions.csv")
    }

    /// Heat maps of the test images.
    pub fn heatmaps(&self) -> PathBuf {
        self.path.join("heatmaps")
    }

    /// The scores.
    pub fn eval(&self) -> PathBuf {
        self.path.join("eval.json")
    }

    /// What the results were made from, and their hashes.
    pub fn certificate(&self) -> PathBuf {
        self.path.join("run.json")
    }
}

/// The workspace's Cargo.toml asks for exactly this one.
pub const BURN_VERSION: &str = "0.22.1";

/// What a run ran on; for the reader, not part of the results.
#[derive(Debug, Serialize)]
struct Environment {
    dermx_version: &'static str,
    command: Vec<String>,
    started_unix_s: u64,
    operating_system: &'static str,
    processor: &'static str,
    num_threads: usize,
    backend: String,
    burn_version: &'static str,
}

impl Environment {
    fn now(session: &Session) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            dermx_version: env!("CARGO_PKG_VERSION"),
            command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
            started_unix_s: since_epoch.map_or(0, |duration| duration.as_secs()),
            operating_system: std::env::consts::OS,
            processor: std::env::consts::ARCH,
            num_threads: session.num_threads(),
            backend: session.description().to_string(),
            burn_version: BURN_VERSION,
        }
    }
}

fn lock(folder: &Path) -> RunResult<File> {
    let path = folder.join(".lock");
    let error = |error| RunError::io(&path, &error);
    refuse_link(&path).map_err(error)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let message = format!(
                "{}: the run folder is locked by another process ({}); wait for it, or stop it and \
                 go on with --resume",
                folder.display(),
                holder.trim()
            );
            return Err(RunError::locked(message));
        }
        Err(TryLockError::Error(failure)) => return Err(error(failure)),
    }
    // The system has released the lock of a process that is gone; its name gives way to this one's.
    file.set_len(0).map_err(error)?;
    writeln!(file, "{}", this_process()).and_then(|()| file.flush()).map_err(error)?;
    Ok(file)
}

/// Process and machine, for people who look for the holder of a lock or a claim.
pub fn this_process() -> String {
    format!("process {} on {}", std::process::id(), host_name())
}

fn host_name() -> String {
    #[cfg(unix)]
    let name = nix::unistd::gethostname().ok();
    #[cfg(not(unix))]
    let name = std::env::var_os("COMPUTERNAME");
    name.map_or("an unknown host".to_string(), |name| name.to_string_lossy().into_owned())
}

/// Whether `folder` holds nothing but what a process leaves that was killed before it wrote the
/// configuration, the last file of [`RunFolder::create`].
fn is_unused(folder: &Path) -> RunResult<bool> {
    let entries = fs::read_dir(folder).map_err(|error| RunError::io(folder, &error))?;
    let is_leftover = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        name == ".lock" || name == "environment.json" || name.ends_with(".partial")
    };
    Ok(entries.filter_map(Result::ok).all(|entry| is_leftover(&entry.file_name())))
}

/// The numbered folders of `name` in `output` in the order of their numbers.
fn numbered(output: &Path, name: &str) -> RunResult<Vec<(u32, PathBuf)>> {
    let entries = match fs::read_dir(output) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RunError::io(output, &error)),
    };
    let mut folders: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let file_name = entry.file_name();
            let number = file_name.to_str()?.strip_prefix(name)?.strip_prefix('-')?;
            Some((number.parse().ok()?, entry.path()))
        })
        .collect();
    folders.sort();
    Ok(folders)
}

/// The configuration as TOML, under a comment.
///
/// # Errors
/// A value that TOML cannot hold.
pub fn resolved(config: &Config, comment: &str) -> RunResult<String> {
    config.to_toml(comment)
}

#[cfg(test)]
mod tests {
    use super::BURN_VERSION;

    #[test]
    fn the_named_version_of_burn_is_the_one_in_use() {
        let workspace = include_str!("../../../Cargo.toml");
        assert!(workspace.contains(&format!("burn = {{ version = \"={BURN_VERSION}\"")));
    }
}
