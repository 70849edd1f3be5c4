//! Checkpoints, which are written as a whole or not at all.

use crate::error::TrainError;
use crate::fingerprint::{Fingerprint, differences};
use crate::finite::NonFinite;
use crate::metrics::ValidationMetrics;
use crate::monitor::Best;
use crate::schedule::PlateauState;
use dermx_data::{Disk, FileCall, FileSystem};
use dermx_model::{NamedTensor, WeightsError, read_weights, write_safetensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const KEPT: &str = "kept.safetensors";
const STATE: &str = "state.json";
const MANIFEST: &str = "manifest.json";

/// The name of a checkpoint that is not whole yet.
const UNFINISHED: &str = ".saving";

/// What the name of a damaged checkpoint gets, which is set aside.
const DAMAGED: &str = ".damaged";

/// Number of checkpoints that are kept: the newest, and one to fall back to.
const NUM_KEPT: usize = 2;

/// The results of one epoch of training; a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Mean of the weighted loss over the epoch's images.
    pub train_loss: f64,
    /// Share of the epoch's images whose largest logit was their class. Of a mixed image, the class
    /// of the image that the other was mixed into counts.
    pub train_accuracy: f64,
    /// Learning rate after the epoch.
    pub learning_rate: f64,
    /// Number of images seen.
    pub num_images: usize,
    /// BLAKE3 hash of the weights after the epoch.
    pub weights_hash: String,
    /// Number of steps that were skipped because something was not finite.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped_steps: usize,
    /// Means of the terms that the loss is made of, where there are several, before they are weighted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub train_loss_parts: BTreeMap<String, f64>,
    /// Scores on the validation photos, if there are any.
    #[serde(flatten)]
    pub validation: Option<ValidationMetrics>,
}

const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Sums over the images of an epoch so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochSums {
    /// Sum of the weighted losses.
    pub loss: f64,
    /// Number of images whose largest logit was their class.
    pub num_correct: usize,
    /// Number of images seen.
    pub num_images: usize,
    /// Sums of the terms that the losses are made of, where there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, f64>,
}

impl EpochSums {
    /// Adds the sums over other images.
    pub(crate) fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.num_correct += other.num_correct;
        self.num_images += other.num_images;
        for (name, part) in &other.parts {
            *self.parts.entry(name.clone()).or_default() += part;
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainState {
    /// What is trained, as the caller describes it. A run continues only from checkpoints with the
    /// same fingerprint.
    pub fingerprint: Fingerprint,
    /// Number of finished epochs.
    pub epochs_done: u32,
    /// Number of finished steps in the epoch that has begun.
    pub steps_done: usize,
    /// Number of optimizer steps in all.
    pub optimizer_steps: u32,
    /// Number of steps of the run that were skipped because something was not finite.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped_steps: usize,
    /// Sums over the unfinished epoch.
    pub sums: EpochSums,
    /// The best epoch so far, where a score is monitored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
    /// The state of [`crate::Schedule::Plateau`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau: Option<PlateauState>,
    /// The finished epochs.
    pub history: Vec<EpochMetrics>,
}

/// Everything that training needs to continue.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub state: TrainState,
    /// Weights and running statistics by torchvision name.
    pub weights: BTreeMap<String, NamedTensor>,
    /// What the optimizer keeps of each parameter.
    pub optimizer: BTreeMap<String, NamedTensor>,
    /// Other weights that are kept: `best.<name>`, the result of the best epoch, `ema.<name>`, the
    /// moving average, `swa.<name>`, the mean of epochs, and `objective.<name>`, an objective's own parameters.
    /// Mostly none.
    pub kept: BTreeMap<String, NamedTensor>,
}

impl Checkpoint {
    /// Checks that all tensors are finite; `what` names them in the error.
    pub(crate) fn check_finite(&self, what: &'static str) -> Result<(), TrainError> {
        let mut parts = [&self.weights, &self.optimizer, &self.kept].into_iter();
        match parts.find_map(NonFinite::in_tensors) {
            Some(found) => Err(TrainError::NonFiniteWeights { what, found }),
            None => Ok(()),
        }
    }
}

/// The checkpoint that a run continues from.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// The newest checkpoint that is whole.
    pub checkpoint: Checkpoint,
    /// Its folder.
    pub folder: PathBuf,
    /// What is wrong with each newer one.
    pub damaged: Vec<String>,
}

/// The checkpoints of one run: folders whose manifest holds a BLAKE3 hash of every file.
///
/// A checkpoint is written under another name, synced, and renamed; a reader takes the newest whose
/// hashes are right and falls back to the one before it. A damaged one is set aside: its name then ends
/// with `.damaged`, it is not counted, and stays for whoever wants to know what happened. One that the
/// system does not let be read just now (no permission, a disk or server that fails, too many open
/// files) is not damaged: that is an error, and nothing is changed. One process at a time may save.
#[derive(Debug, Clone)]
pub struct CheckpointStore {
    folder: PathBuf,
    files: Arc<dyn FileSystem>,
}

impl CheckpointStore {
    /// The checkpoints in `folder`, which is made with the first of them.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self::with_files(folder, Arc::new(Disk))
    }

    /// As [`Self::new`]; everything that changes a file goes through `files`.
    pub fn with_files(folder: impl Into<PathBuf>, files: Arc<dyn FileSystem>) -> Self {
        Self { folder: folder.into(), files }
    }

    /// Saves `checkpoint` and then removes all but the newest two.
    ///
    /// # Errors
    /// A tensor that is not finite, a folder that cannot be written to, a full disk. The checkpoints
    /// before stay as they are.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        checkpoint.check_finite("the checkpoint")?;
        let state = &checkpoint.state;
        let name = format!("epoch-{:05}-step-{:06}", state.epochs_done, state.steps_done);
        let target = self.folder.join(name);
        let found = target.exists().then(|| self.read(&target));
        let is_damaged = match found {
            Some(Ok(saved)) if saved == *checkpoint => return self.prune(&target),
            // What cannot be read just now may be whole.
            Some(Err(error @ TrainError::Load { .. })) => return Err(error),
            found => matches!(found, Some(Err(_))),
        };
        if !self.folder.exists() {
            self.call(FileCall::CreateFolder(&self.folder))?;
            self.call(FileCall::SyncFolder(self.folder.parent().unwrap_or(Path::new("."))))?;
        }
        let unfinished = self.folder.join(UNFINISHED);
        self.remove(&unfinished)?;
        self.call(FileCall::CreateFolder(&unfinished))?;
        self.write_files(&unfinished, checkpoint)?;
        match is_damaged {
            true => self.set_aside(&target)?,
            false => self.remove(&target)?,
        }
        self.call(FileCall::Rename(&unfinished, &target))?;
        self.call(FileCall::SyncFolder(&self.folder))?;
        self.prune(&target)
    }

    /// The newest checkpoint that is whole and finite; `None` when there is none at all.
    ///
    /// # Errors
    /// A checkpoint that the system does not let be read; there are checkpoints and none is whole; or the
    /// newest whole one is of another run, of which the error says in what it differs from `fingerprint`.
    pub fn latest(&self, fingerprint: &Fingerprint) -> Result<Option<Latest>, TrainError> {
        let folders = self.list()?;
        let mut damaged = Vec::new();
        for folder in folders.into_iter().rev() {
            let finite = |checkpoint: Checkpoint| {
                checkpoint.check_finite("the checkpoint").map(|()| checkpoint)
            };
            match self.read(&folder).and_then(finite) {
                Ok(checkpoint) => {
                    let differences = differences(&checkpoint.state.fingerprint, fingerprint);
                    if !differences.is_empty() {
                        return Err(TrainError::OtherRun { path: folder, differences });
                    }
                    return Ok(Some(Latest { checkpoint, folder, damaged }));
                }
                Err(TrainError::Checkpoint { path, message }) => {
                    damaged.push(format!("{}: {message}", path.display()));
                }
                Err(error @ TrainError::NonFiniteWeights { .. }) => {
                    damaged.push(format!("{}: {error}", folder.display()));
                }
                Err(error) => return Err(error),
            }
        }
        match damaged.is_empty() {
            true => Ok(None),
            false => Err(TrainError::NoCheckpoint { path: self.folder.clone(), damaged }),
        }
    }

    /// The folders of all checkpoints, whole or not, from oldest to newest; without those set aside.
    ///
    /// # Errors
    /// A folder that exists and cannot be read.
    pub fn list(&self) -> Result<Vec<PathBuf>, TrainError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(TrainError::io(&self.folder, error)),
        };
        let mut folders = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| TrainError::io(&self.folder, error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if name.starts_with("epoch-") && !name.contains(DAMAGED) {
                folders.push(path);
            }
        }
        folders.sort();
        Ok(folders)
    }

    /// Removes what an interrupted save left behind, and sets aside newer checkpoints, so that `newest` is
    /// the newest.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn clean(&self, newest: &Path) -> Result<(), TrainError> {
        self.remove(&self.folder.join(UNFINISHED))?;
        self.prune(newest)
    }

    /// Keeps `newest` and the checkpoint before it. Older ones are removed. Those with a larger number are
    /// set aside: the run has found them damaged and continues from `newest`.
    fn prune(&self, newest: &Path) -> Result<(), TrainError> {
        let (mut kept, newer): (Vec<_>, Vec<_>) =
            self.list()?.into_iter().partition(|folder| folder.as_path() <= newest);
        let num_old = kept.len().saturating_sub(NUM_KEPT);
        kept.drain(..num_old).try_for_each(|folder| self.remove(&folder))?;
        newer.into_iter().try_for_each(|folder| self.set_aside(&folder))
    }

    /// Gives a damaged checkpoint another name, which nothing has yet.
    fn set_aside(&self, folder: &Path) -> Result<(), TrainError> {
        let named = |ending: &str| {
            let mut name = folder.as_os_str().to_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        let mut aside = named(DAMAGED);
        let mut number = 2;
        while aside.exists() {
            aside = named(&format!("{DAMAGED}-{number}"));
            number += 1;
        }
        self.call(FileCall::Rename(folder, &aside))?;
        self.call(FileCall::SyncFolder(&self.folder))
    }

    fn read(&self, folder: &Path) -> Result<Checkpoint, TrainError> {
        read_with(self.files.as_ref(), folder)
    }

    fn write_files(&self, folder: &Path, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let mut files = vec![
            (WEIGHTS, write_safetensors(&checkpoint.weights)?),
            (OPTIMIZER, write_safetensors(&checkpoint.optimizer)?),
            (STATE, to_json(folder, &checkpoint.state)?),
        ];
        if !checkpoint.kept.is_empty() {
            files.push((KEPT, write_safetensors(&checkpoint.kept)?));
        }
        let hashes: BTreeMap<&str, String> =
            files.iter().map(|(name, bytes)| (*name, blake3::hash(bytes).to_string())).collect();
        let manifest = to_json(folder, &hashes)?;
        for (name, bytes) in
            files.iter().map(|(name, bytes)| (*name, bytes)).chain([(MANIFEST, &manifest)])
        {
            let path = folder.join(name);
            self.call(FileCall::Write(&path, bytes))?;
            self.call(FileCall::SyncFile(&path))?;
        }
        self.call(FileCall::SyncFolder(folder))
    }

    fn remove(&self, folder: &Path) -> Result<(), TrainError> {
        if folder.exists() { self.call(FileCall::RemoveFolder(folder)) } else { Ok(()) }
    }

    fn call(&self, call: FileCall<'_>) -> Result<(), TrainError> {
        let path = call.path();
        self.files
            .call(call)
            .map_err(|source| TrainError::Save { path: path.to_path_buf(), source })
    }
}

fn to_json(folder: &Path, value: &impl Serialize) -> Result<Vec<u8>, TrainError> {
    serde_json::to_vec_pretty(value).map_err(|error| TrainError::io(folder, error.into()))
}

/// The checkpoint in `folder`.
///
/// # Errors
/// A file that is missing, or not the one that was written; one that the system does not let be read.
pub fn read_checkpoint(folder: &Path) -> Result<Checkpoint, TrainError> {
    read_with(&Disk, folder)
}

/// Whether a failed read tells that what was written is not there, rather than that it cannot be read
/// just now.
fn tells_of_damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}

fn read_with(files: &dyn FileSystem, folder: &Path) -> Result<Checkpoint, TrainError> {
    let damaged = |name: &str, message: String| TrainError::Checkpoint {
        path: folder.join(name),
        message: format!("damaged checkpoint: {message}"),
    };
    let read = |name: &str| {
        let path = folder.join(name);
        files.read(&path).map_err(|source| match tells_of_damage(&source) {
            true => damaged(name, source.to_string()),
            false => TrainError::Load { path, source },
        })
    };
    let hashes: BTreeMap<String, String> = serde_json::from_slice(&read(MANIFEST)?)
        .map_err(|error| damaged(MANIFEST, error.to_string()))?;
    let known = [WEIGHTS, OPTIMIZER, STATE, KEPT];
    if let Some(unknown) = hashes.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(damaged(MANIFEST, format!("it has a file `{unknown}`")));
    }
    let has_kept = hashes.contains_key(KEPT);
    for name in [WEIGHTS, OPTIMIZER, STATE].into_iter().chain(has_kept.then_some(KEPT)) {
        let hash = blake3::hash(&read(name)?).to_string();
        if hashes.get(name) != Some(&hash) {
            return Err(damaged(name, "its hash is not the one in manifest.json".to_string()));
        }
    }
    // A file with the right hash that cannot be parsed was written by another version of the program;
    // the checkpoint before it will not be readable either.
    let state = serde_json::from_slice(&read(STATE)?).map_err(|error| TrainError::Version {
        path: folder.join(STATE),
        message: error.to_string(),
    })?;
    let tensors = |name: &str| {
        read_weights(&folder.join(name)).map_err(|error| match error {
            WeightsError::Io { path, source } => TrainError::Load { path: path.into(), source },
            error => error.into(),
        })
    };
    Ok(Checkpoint {
        state,
        weights: tensors(WEIGHTS)?,
        optimizer: tensors(OPTIMIZER)?,
        kept: match has_kept {
            true => tensors(KEPT)?,
            false => BTreeMap::new(),
        },
    })
}
