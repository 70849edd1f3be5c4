//! From which probability on an image has a label: `thresholds.json`.

use crate::config::Config;
use crate::error::{RunError, RunResult};
use crate::run_folder::{SeedFolder, to_json};
use crate::training_data::TrainingData;
use burn::tensor::Device;
use dermx_data::{json, write_atomic};
use dermx_eval::{F1Threshold, f1_thresholds};
use dermx_model::Network;
use dermx_score::sigmoid;
use dermx_train::logits_of;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The threshold of a label that no validation photo has.
pub const USUAL: f64 = 0.5;

/// The thresholds of one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Number of photos that they were chosen with: all validation photos, or none.
    pub num_images: usize,
    /// One for each label, in the order of the logits.
    pub labels: Vec<LabelThreshold>,
}

/// The threshold of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelThreshold {
    /// The label.
    pub label: String,
    /// An image has it from this probability on.
    pub threshold: f64,
    /// F1 of the label on the photos that it was chosen with; `None` where none has the label.
    pub f1: Option<f64>,
}

impl Thresholds {
    /// For each label the threshold with the largest F1 on the validation photos, by `network` in inference mode;
    /// [`USUAL`] where there are none. `None` if an image has one class.
    ///
    /// # Errors
    /// A photo that cannot be read, logits that are not finite.
    pub fn choose(
        config: &Config,
        data: &TrainingData,
        network: &Network,
        device: &Device,
    ) -> RunResult<Option<Self>> {
        if !config.train.is_multilabel() {
            return Ok(None);
        }
        let labels = &config.data.classes;
        let validation = data.sets().validation;
        let (num_images, found) = match validation.and_then(|set| Some((set, set.targets?))) {
            None => (0, vec![None; labels.len()]),
            Some((set, targets)) => {
                let batch_size = config.train.batch_size;
                let (logits, num_labels) = logits_of(network, set.photos, batch_size, device)?;
                let probabilities: Vec<f64> = logits.iter().map(|&logit| sigmoid(logit)).collect();
                let gold: Vec<bool> =
                    targets.columns.values.iter().map(|&value| value > 0.0).collect();
                let width = num_labels.max(1);
                let probabilities: Vec<&[f64]> = probabilities.chunks_exact(width).collect();
                let gold: Vec<&[bool]> = gold.chunks_exact(width).collect();
                (set.photos.len(), f1_thresholds(&probabilities, &gold)?)
            }
        };
        let of_label = |(label, found): (&String, Option<F1Threshold>)| LabelThreshold {
            label: label.clone(),
            threshold: found.map_or(USUAL, |found| found.threshold),
            f1: found.map(|found| found.f1),
        };
        Ok(Some(Self { num_images, labels: labels.iter().zip(found).map(of_label).collect() }))
    }

    /// Those that a seed of a run of `config` was given; `None` if an image has one class.
    ///
    /// # Errors
    /// The seed is not trained yet, or its file is damaged or of other labels.
    pub fn of_run(config: &Config, folder: &SeedFolder) -> RunResult<Option<Self>> {
        if !config.train.is_multilabel() {
            return Ok(None);
        }
        let path = folder.thresholds();
        let found: Self = json::read(&path)
            .map_err(|error| RunError::from(error).advice(" (is the seed trained?)"))?;
        found.check(&path, &config.data.classes)?;
        Ok(Some(found))
    }

    fn check(&self, path: &Path, labels: &[String]) -> RunResult<()> {
        let is_probability = |one: &LabelThreshold| (0.0..=1.0).contains(&one.threshold);
        if let Some(bad) = self.labels.iter().find(|one| !is_probability(one)) {
            let message = format!("the threshold of `{}` is {}", bad.label, bad.threshold);
            return Err(RunError::in_file(path, message));
        }
        let found: Vec<&String> = self.labels.iter().map(|one| &one.label).collect();
        if found == labels.iter().collect::<Vec<_>>() {
            return Ok(());
        }
        let message = format!("found thresholds of {found:?}; the labels are {labels:?}");
        Err(RunError::in_file(path, message))
    }

    /// As numbers, in the order of the logits.
    pub fn values(&self) -> Vec<f64> {
        self.labels.iter().map(|one| one.threshold).collect()
    }

    /// The content of the file.
    ///
    /// # Errors
    /// A number that JSON cannot hold.
    pub fn to_bytes(&self) -> RunResult<Vec<u8>> {
        Ok(to_json(self)?)
    }
}

/// Chooses and writes the thresholds of a seed whose training is over, if an image may have several labels.
///
/// # Errors
/// As [`Thresholds::choose`]; a full disk.
pub fn write(
    config: &Config,
    data: &TrainingData,
    network: &Network,
    device: &Device,
    folder: &SeedFolder,
) -> RunResult<()> {
    match Thresholds::choose(config, data, network, device)? {
        Some(thresholds) => Ok(write_atomic(&folder.thresholds(), &thresholds.to_bytes()?)?),
        None => Ok(()),
    }
}
