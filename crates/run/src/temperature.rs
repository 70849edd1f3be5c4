//! How sure the probabilities of a trained network should be, by the validation photos.

use crate::config::Config;
use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::network::{TrainedNetwork, finite_logits};
use crate::run_folder::{SeedFolder, to_json};
use crate::training_data::{Part, TrainingData};
use burn::module::Module;
use dermx_data::{json, write_atomic};
use dermx_eval::{Calibration, fit_temperature};
use dermx_train::images_to_tensor;

/// Fits a temperature to the logits that the network of a seed gives the validation photos, and writes
/// `temperature.json`; nothing without validation photos, or where an image may have several labels.
///
/// # Errors
/// A photo that cannot be read, logits that are not finite, a failed write, a request to stop.
pub fn fit(
    config: &Config,
    data: &TrainingData,
    folder: &SeedFolder,
    context: Context<'_>,
) -> RunResult<()> {
    let Some(validation) = &data.validation else { return Ok(()) };
    if config.train.is_multilabel() {
        return Ok(());
    }
    let trained = TrainedNetwork::of_run(config, folder, context.device())?;
    let logits = logits(&trained, validation, config.explain.batch_size, context)?;
    let rows: Vec<&[f64]> = logits.iter().map(Vec::as_slice).collect();
    let fitted = fit_temperature(&rows, validation.class_idx())
        .map_err(|error| RunError::internal(error.to_string()))?;
    let calibration = Calibration { num_images: rows.len(), fitted };
    Ok(write_atomic(&folder.temperature(), &to_json(&calibration)?)?)
}

/// Reads what [`fit`] wrote; `None` where it wrote nothing.
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

/// The logits of each photo of `part`.
fn logits(
    trained: &TrainedNetwork,
    part: &Part,
    batch_size: usize,
    context: Context<'_>,
) -> RunResult<Vec<Vec<f64>>> {
    let (photos, network) = (part.photos(), trained.network.valid());
    let mut logits = Vec::with_capacity(photos.len());
    let all: Vec<usize> = (0..photos.len()).collect();
    for batch in all.chunks(batch_size.max(1)) {
        context.check("the seed is not complete")?;
        let planes = photos.batch(batch)?;
        let images = images_to_tensor(planes, batch.len(), photos.size(), context.device());
        let ids: Vec<String> = batch.iter().map(|&idx| photos.id(idx).to_string()).collect();
        let rows = finite_logits(network.forward(images), &ids)?;
        logits.extend(rows.into_iter().map(|row| row.into_iter().map(f64::from).collect()));
    }
    Ok(logits)
}
