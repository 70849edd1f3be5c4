//! Run folders: who may write into one, and what lies where.

use crate::config::{self, Config};
use crate::error::{RunError, RunResult};
use crate::session::Session;
use crate::shell;
use dermx_data::{refuse_link, refuse_linked_folders, remove_partial_files, write_atomic};
pub use dermx_score::to_json;
use dermx_train::differences;
use dermx_work::Failure;
use serde::Serialize;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The folder of a run's report.
pub const REPORT: &str = "report";

/// The list of training and validation images.
pub const SPLIT: &str = "split.csv";

/// What validation photos say of how sure a seed's probabilities should be.
pub const TEMPERATURE: &str = "temperature.json";

/// Where a run goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// The run folder; without it, a numbered one in `run.output`.
    pub run: Option<&'a Path>,
    /// What a numbered folder is called after.
    pub name: &'a str,
    /// Whether the run is there, to go on with.
    pub resume: bool,
    /// Whether it may go on with images that are no longer those that it began with; its certificate
    /// says so then.
    pub allows_drift: bool,
    /// Whether a lock that a process of another machine left is taken over.
    pub steals_lock: bool,
}

/// A run folder that this process alone writes into, until it is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    lock: File,
}

impl Drop for RunFolder {
    /// A lock without a name is one that nobody holds on any machine.
    fn drop(&mut self) {
        let _ = self.lock.set_len(0);
    }
}

impl RunFolder {
    /// Makes the folder `path` for a new run.
    ///
    /// # Errors
    /// It is not empty: a run folder is never overwritten.
    pub fn create(path: &Path, config: &Config, session: &Session) -> RunResult<Self> {
        fs::create_dir_all(path).map_err(|error| RunError::io(path, &error))?;
        // Of a folder without a run it makes no difference whose lock was left in it.
        let lock = lock(path, true)?;
        if let Some(found) = first_of_others(path)? {
            let message = match path.join("config.toml").is_file() {
                true => {
                    "there is a run already, which is never overwritten; choose another --run, or \
                         go on with it: --resume"
                        .to_string()
                }
                false => format!("is not empty (there is `{found}`); choose another --run"),
            };
            return Err(RunError::locked(format!("{}: {message}", path.display())));
        }
        remove_partial_files(path);
        let folder = Self { path: path.to_path_buf(), lock };
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
    /// No run, another process at work on it, a lock that a process of another machine left, unless it
    /// `steals_lock`, or a run of another configuration than `config`.
    pub fn resume(path: &Path, config: Option<&Config>, steals_lock: bool) -> RunResult<Self> {
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
        let lock = lock(path, steals_lock)?;
        // Who holds the lock writes alone.
        remove_partial_files(path);
        Ok(Self { path: path.to_path_buf(), lock })
    }

    /// The folder of a new run in `place`, or of one to go on with.
    ///
    /// # Errors
    /// As [`Self::create`] and [`Self::resume`].
    pub fn open(place: &Place<'_>, config: &Config, session: &Session) -> RunResult<Self> {
        let output = &config.run.output;
        let resume = |path: &Path| Self::resume(path, Some(config), place.steals_lock);
        match (place.run, place.resume) {
            (Some(path), true) => resume(path),
            (None, true) => resume(&Self::newest(output, place.name)?),
            (Some(path), false) => Self::create(path, config, session),
            (None, false) => Self::create_numbered(output, place.name, config, session),
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

/// Whether a process works on the run in `folder`. Of a lock that a process of another machine left, nobody can
/// tell: then one may.
pub fn is_at_work(folder: &Path) -> bool {
    let path = folder.join(".lock");
    let holder = match fs::read_to_string(&path) {
        Ok(holder) => holder,
        // Windows lets nobody read what another process has locked.
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    // A process that ended in good order left it empty.
    let holder = holder.trim();
    !holder.is_empty() && (!is_of_this_host(holder) || check_idle(folder).is_err())
}

/// What finishes the run in `run`; of a search, what it was made for.
pub fn how_to_finish(run: &Path) -> String {
    if run.join("search.toml").exists() {
        let best = shell::word(&run.join("best.toml"));
        return format!(
            "it is the folder of a search, whose best configuration `dermx train --config {best}` trains"
        );
    }
    format!("finish it with `dermx train --resume --run {}`", shell::word(run))
}

/// Whether `path` is a folder of a run: it has the two files that a run begins with.
fn is_run_folder(path: &Path) -> bool {
    ["environment.json", "config.toml"].iter().all(|file| path.join(file).is_file())
}

/// Refuses to write into a run folder, into what lies in one already, or over runs in `out`: their results
/// are certified.
///
/// # Errors
/// It is one, or holds one.
pub fn refuse_run_folder(out: &Path) -> RunResult<()> {
    if !out.is_dir() {
        return Ok(());
    }
    let entries = fs::read_dir(out).into_iter().flatten().filter_map(Result::ok);
    let whole = out.canonicalize().unwrap_or_default();
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let around = whole.parent().filter(|_| name == REPORT || name.starts_with("seed-"));
    let around = around.map(Path::to_path_buf);
    let own = std::iter::once(out.to_path_buf()).chain(around);
    let mut candidates = own.chain(entries.map(|entry| entry.path()));
    match candidates.find(|path| is_run_folder(path)) {
        None => Ok(()),
        Some(run) => {
            let message = format!(
                "{}: {} is a run folder, which is never overwritten; choose another --out",
                out.display(),
                run.display()
            );
            Err(RunError::locked(message))
        }
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

    /// How sure its probabilities should be.
    pub fn temperature(&self) -> PathBuf {
        self.path.join(TEMPERATURE)
    }

    /// From which probability on an image has a label, where it may have several.
    pub fn thresholds(&self) -> PathBuf {
        self.path.join(THRESHOLDS)
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

/// The file of [`SeedFolder::thresholds`].
pub const THRESHOLDS: &str = "thresholds.json";

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

/// Locks `folder`. The system releases the lock of a process that is gone; but not every network disk
/// shares locks between machines, so that one whose file names a process of another machine may be held
/// there: it is taken over only by who `steals` it.
fn lock(folder: &Path, steals: bool) -> RunResult<File> {
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
    let locked = file.try_lock();
    let mut holder = String::new();
    // It is for people; a process that ended in good order left it empty.
    let _ = file.read_to_string(&mut holder);
    let holder = holder.trim();
    match locked {
        Ok(()) if steals || is_of_this_host(holder) => {}
        Ok(()) => {
            let message = format!(
                "{}: the run folder is locked by {holder}, another machine, and whether that process is \
                 still at work cannot be seen from here; if it is gone, --resume --steal-lock of `dermx \
                 train` takes the lock over",
                folder.display()
            );
            return Err(RunError::locked(message));
        }
        Err(TryLockError::WouldBlock) => {
            let message = format!(
                "{}: the run folder is locked by another process ({holder}); wait for it, or stop it and \
                 go on with --resume",
                folder.display(),
            );
            return Err(RunError::locked(message));
        }
        Err(TryLockError::Error(failure)) => return Err(error(failure)),
    }
    let named = file.set_len(0).and_then(|()| file.rewind());
    named.and_then(|()| writeln!(file, "{}", this_process())).map_err(error)?;
    Ok(file)
}

/// Whether a lock's holder is, or was, a process of this machine, or nobody.
fn is_of_this_host(holder: &str) -> bool {
    holder.rsplit_once(" on ").is_none_or(|(_, host)| host == host_name())
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

/// What `folder` holds beside what a process leaves that was killed before it wrote the configuration, the
/// last file of [`RunFolder::create`].
fn first_of_others(folder: &Path) -> RunResult<Option<String>> {
    let entries = fs::read_dir(folder).map_err(|error| RunError::io(folder, &error))?;
    let is_leftover = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        name == ".lock" || name == "environment.json" || name.ends_with(".partial")
    };
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
    let others = names.filter(|name| !is_leftover(name));
    Ok(others.map(|name| name.to_string_lossy().into_owned()).min())
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
    use crate::certificate::CARGO_LOCK;

    #[test]
    fn the_named_version_of_burn_is_the_one_in_use() {
        let lock = String::from_utf8_lossy(CARGO_LOCK).replace('\r', "");
        assert!(lock.contains(&format!("name = \"burn\"\nversion = \"{BURN_VERSION}\"")));
    }
}
