//! Checkpoints that are whole or not there.

use crate::error::TrainError;
use crate::file::sync_folder;
use crate::monitor::Best;
use crate::schedule::PlateauState;
use crate::validation::ValidationMetrics;
use dermx_model::{NamedTensor, read_weights, write_safetensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const KEPT: &str = "kept.safetensors";
const STATE: &str = "state.json";
const MANIFEST: &str = "manifest.json";

/// Number of checkpoints that are kept: the newest, and one to fall back to.
const NUM_KEPT: usize = 2;

/// What one epoch of training came to; a line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Mean of the weighted loss over the epoch's images.
    pub train_loss: f64,
    /// Share of the epoch's images whose largest logit was their class, of mixed images their own.
    pub train_accuracy: f64,
    /// Learning rate after the epoch.
    pub learning_rate: f64,
    /// Number of images seen.
    pub num_images: usize,
    /// BLAKE3 hash of the weights after the epoch.
    pub weights_hash: String,
    /// Scores on the validation photos, where there are such.
    #[serde(flatten)]
    pub validation: Option<ValidationMetrics>,
}

/// Sums over the images of an epoch so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochSums {
    /// Sum of the weighted losses.
    pub loss: f64,
    /// Number of images whose largest logit was their class.
    pub num_correct: usize,
    /// Number of images seen.
    pub num_images: usize,
}

impl EpochSums {
    /// Takes in the sums over other images.
    pub(crate) fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.num_correct += other.num_correct;
        self.num_images += other.num_images;
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainState {
    /// What was trained, as the caller describes it; a run goes on only from its own checkpoints.
    pub fingerprint: String,
    /// Number of finished epochs.
    pub epochs_done: u32,
    /// Number of finished steps in the epoch after those.
    pub steps_done: usize,
    /// Number of optimizer steps in all.
    pub optimizer_steps: u32,
    /// Sums over the unfinished epoch.
    pub sums: EpochSums,
    /// The best epoch so far, where a score is monitored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
    /// What a schedule that waits for a plateau has come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau: Option<PlateauState>,
    /// The finished epochs.
    pub history: Vec<EpochMetrics>,
}

/// Everything that training needs to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub state: TrainState,
    /// Weights and running statistics by torchvision name.
    pub weights: BTreeMap<String, NamedTensor>,
    /// What the optimizer keeps of each parameter.
    pub optimizer: BTreeMap<String, NamedTensor>,
    /// Other weights that are kept: `best.<name>`, the result of the best epoch, and `ema.<name>`, the
    /// moving average. Mostly none.
    pub kept: BTreeMap<String, NamedTensor>,
}

/// The checkpoints of one run: folders whose manifest holds a BLAKE3 hash of every file.
///
/// A checkpoint is written under another name, synced, and renamed; a reader takes the newest whose
/// hashes are right and falls back to the one before it.
#[derive(Debug, Clone)]
pub struct CheckpointStore {
    folder: PathBuf,
}

impl CheckpointStore {
    /// The checkpoints in `folder`, which is made with the first of them.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Saves `checkpoint` and then removes all but the newest two.
    ///
    /// # Errors
    /// A folder that cannot be written to, a full disk. The checkpoints before stay as they are.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let state = &checkpoint.state;
        let name = format!("epoch-{:05}-step-{:06}", state.epochs_done, state.steps_done);
        let target = self.folder.join(name);
        if read_checkpoint(&target).is_ok_and(|saved| saved == *checkpoint) {
            return Ok(());
        }
        let unfinished = self.folder.join(format!(".saving-{}", std::process::id()));
        remove_folder(&unfinished)?;
        fs::create_dir_all(&unfinished).map_err(|error| TrainError::io(&unfinished, error))?;
        write_files(&unfinished, checkpoint)?;
        remove_folder(&target)?;
        fs::rename(&unfinished, &target).map_err(|error| TrainError::io(&target, error))?;
        sync_folder(&self.folder)?;
        self.prune()
    }

    /// The newest checkpoint that is whole; `None` when there is none at all.
    ///
    /// # Errors
    /// There are checkpoints and none is whole, or the newest whole one is of another run.
    pub fn latest(&self, fingerprint: &str) -> Result<Option<Checkpoint>, TrainError> {
        let mut first_failure = None;
        for path in self.list()?.into_iter().rev() {
            match read_checkpoint(&path) {
                Ok(found) if found.state.fingerprint == fingerprint => return Ok(Some(found)),
                Ok(found) => {
                    return Err(TrainError::Checkpoint {
                        path,
                        message: format!(
                            "belongs to another run (fingerprint {}, expected {fingerprint})",
                            found.state.fingerprint
                        ),
                    });
                }
                Err(failure) => {
                    first_failure.get_or_insert(failure);
                }
            }
        }
        first_failure.map_or(Ok(None), Err)
    }

    /// Checkpoint folders from oldest to newest.
    fn list(&self) -> Result<Vec<PathBuf>, TrainError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(TrainError::io(&self.folder, error)),
        };
        let mut folders = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| TrainError::io(&self.folder, error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if name.starts_with("epoch-") {
                folders.push(path);
            }
        }
        folders.sort();
        Ok(folders)
    }

    fn prune(&self) -> Result<(), TrainError> {
        let folders = self.list()?;
        folders.iter().rev().skip(NUM_KEPT).try_for_each(|folder| remove_folder(folder))
    }
}

fn write_files(folder: &Path, checkpoint: &Checkpoint) -> Result<(), TrainError> {
    let state = serde_json::to_vec_pretty(&checkpoint.state)
        .map_err(|error| TrainError::io(folder, error.into()))?;
    let mut files = vec![
        (WEIGHTS, write_safetensors(&checkpoint.weights)?),
        (OPTIMIZER, write_safetensors(&checkpoint.optimizer)?),
        (STATE, state),
    ];
    if !checkpoint.kept.is_empty() {
        files.push((KEPT, write_safetensors(&checkpoint.kept)?));
    }
    let mut hashes = BTreeMap::new();
    for (name, bytes) in &files {
        write_synced(&folder.join(name), bytes)?;
        hashes.insert(*name, blake3::hash(bytes).to_string());
    }
    let manifest =
        serde_json::to_vec_pretty(&hashes).map_err(|error| TrainError::io(folder, error.into()))?;
    write_synced(&folder.join(MANIFEST), &manifest)?;
    sync_folder(folder)
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let write = || -> std::io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| TrainError::io(path, error))
}

fn read_checkpoint(folder: &Path) -> Result<Checkpoint, TrainError> {
    let damaged = |name: &str, message: String| TrainError::Checkpoint {
        path: folder.join(name),
        message: format!("damaged checkpoint: {message}"),
    };
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(|error| TrainError::io(&path, error))
    };
    let hashes: BTreeMap<String, String> = serde_json::from_slice(&read(MANIFEST)?)
        .map_err(|error| damaged(MANIFEST, error.to_string()))?;
    let has_kept = hashes.contains_key(KEPT);
    for name in [WEIGHTS, OPTIMIZER, STATE].into_iter().chain(has_kept.then_some(KEPT)) {
        let hash = blake3::hash(&read(name)?).to_string();
        if hashes.get(name) != Some(&hash) {
            return Err(damaged(name, "its hash is not the one in manifest.json".to_string()));
        }
    }
    Ok(Checkpoint {
        state: serde_json::from_slice(&read(STATE)?)
            .map_err(|error| damaged(STATE, error.to_string()))?,
        weights: read_weights(&folder.join(WEIGHTS))?,
        optimizer: read_weights(&folder.join(OPTIMIZER))?,
        kept: match has_kept {
            true => read_weights(&folder.join(KEPT))?,
            false => BTreeMap::new(),
        },
    })
}

fn remove_folder(folder: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(TrainError::io(folder, error))
        }
        _ => Ok(()),
    }
}
