//! How sure the probabilities of a trained network should be, by the validation photos.

use crate::config::Config;
use crate::error::{RunError, RunResult};
use crate::run_folder::{SeedFolder, to_json};
use crate::training_data::TrainingData;
use burn::tensor::Device;
use dermx_data::{json, write_atomic};
use dermx_eval::{Calibration, fit_temperature};
use dermx_model::Network;
use dermx_train::logits_of;

/// Fits a temperature to the logits that the trained `network` of a seed gives the validation photos, and writes
/// `temperature.json`; nothing without validation photos, or where an image may have several labels.
///
/// # Errors
/// A photo that cannot be read, logits that are not finite, a failed write.
pub fn write(
    config: &Config,
    data: &TrainingData,
    network: &Network,
    device: &Device,
    folder: &SeedFolder,
) -> RunResult<()> {
    let Some(set) = data.sets().validation else { return Ok(()) };
    if config.train.is_multilabel() {
        return Ok(());
    }
    let (logits, num_classes) = logits_of(network, set.photos, config.explain.batch_size, device)?;
    let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
    if logits.iter().any(|logit| !logit.is_finite()) {
        let message = "the network gives a validation photo logits that are not finite";
        return Err(RunError::internal(message.to_string()));
    }
    let rows: Vec<&[f64]> = logits.chunks_exact(num_classes.max(1)).collect();
    let fitted = fit_temperature(&rows, set.class_idx)
        .map_err(|error| RunError::internal(error.to_string()))?;
    let calibration = Calibration { num_images: rows.len(), fitted };
    Ok(write_atomic(&folder.temperature(), &to_json(&calibration)?)?)
}

/// Reads what [`write`] wrote; `None` where it wrote nothing.
///
/// # Errors
/// A file that cannot be read or is not what it has to be.
pub fn read(folder: &SeedFolder) -> RunResult<Option<Calibration>> {
    let path = folder.temperature();
    if !path.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(|error| RunError::io(&path, &error))?;
    let found: Calibration = json::parse(&path, &bytes)?;
    match found.fitted.map(|fitted| fitted.temperature) {
        Some(wrong) if !wrong.is_normal() || wrong < 0.0 => {
            let message = format!("found the temperature {wrong}, expected a number above 0");
            Err(RunError::in_file(&path, message))
        }
        _ => Ok(Some(found)),
    }
}
