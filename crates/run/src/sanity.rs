//! Sanity checks of heat maps: whether they depend on the network, and the network on the pixels.
//!
//! They lie beside the maps: `randomized/<number of stages>-<stage>/<image_id>.npy`, `faithfulness.csv`, and
//! `robustness.csv`.

use crate::config::SanityCheck;
use crate::error::{RunError, RunResult};
use crate::explanation::Job;
use crate::robustness;
use dermx_data::{Random, write_atomic};
use dermx_eval::{Border, HeatmapScoring, Normalize, centre_gaussian};
use dermx_gradcam::{Explainer, Faithfulness, faithfulness, relevance_order};
use dermx_model::{export_weights, import_weights, replace_stages, stages};
use dermx_score::{FAITHFULNESS, FAITHFULNESS_COLUMNS, RANDOMIZED, npy_file, read_map};
use dermx_table::csv;
use dermx_train::initial_weights;
use std::path::Path;

/// Seed of the random weights; runs are usually counted from 0.
const RANDOM_WEIGHTS: u64 = u64::MAX;

/// Carries out `checks` on the maps that `explainer` wrote into `folder`.
///
/// # Errors
/// A photo or map that cannot be read, a failed write, or a request to stop.
pub fn run(
    checks: &[SanityCheck],
    job: &Job<'_>,
    explainer: &Explainer,
    folder: &Path,
) -> RunResult<()> {
    for check in checks {
        match check {
            SanityCheck::Randomization => randomize(job, explainer, folder)?,
            SanityCheck::Faithfulness => take_pixels(job, folder)?,
            SanityCheck::Robustness => robustness::check(job, explainer, folder)?,
        }
    }
    Ok(())
}

/// Writes the maps of the network with 1, 2, ... random stages, from the output to the input.
fn randomize(job: &Job<'_>, explainer: &Explainer, folder: &Path) -> RunResult<()> {
    let network = &job.trained.network;
    let weights = export_weights(network);
    let others = initial_weights(network, RANDOM_WEIGHTS);
    for (idx, stage) in stages(network).iter().enumerate() {
        let folder = folder.join(RANDOMIZED).join(format!("{:02}-{stage}", idx + 1));
        std::fs::create_dir_all(&folder).map_err(|error| RunError::io(&folder, &error))?;
        let weights = replace_stages(network, &weights, &others, idx + 1);
        let random = import_weights(job.trained.config.empty(job.context.device()), &weights)?;
        let what = format!("explain, random from {stage} on");
        job.write_maps(&what, &explainer.with_network(&random), &folder)?;
    }
    Ok(())
}

/// Writes what the probability does when pixels go and come in the order of each image's map, of
/// noise, and of a Gaussian in the middle.
fn take_pixels(job: &Job<'_>, folder: &Path) -> RunResult<()> {
    let others = Others::new(job);
    let ids = job.images.ids();
    let mut records = vec![FAITHFULNESS_COLUMNS.map(str::to_string).to_vec()];
    let mut progress = job.context.start("faithfulness", ids.len(), "img");
    for (idx, image_id) in ids.iter().enumerate() {
        let image = job.images.batch(idx..idx + 1, job.context.device())?;
        let target = job.targets_of(idx..idx + 1, &image)?[0];
        for (name, map) in others.with_map_of(image_id, folder)? {
            job.context.check("the faithfulness of the heat maps is not complete")?;
            let mut ties = Random::new(0, "relevance ties", 0, image_id);
            let order = relevance_order(&map, &mut || ties.unit().to_bits());
            let mut noise = Random::new(0, "imputation noise", 0, image_id);
            let noise = &mut || noise.normal(0.0, 1.0) as f32;
            let found = faithfulness(&job.trained.network, image.clone(), target, &order, noise)?;
            let Faithfulness { deletion, insertion, road } = found;
            let scores = [deletion, insertion, road];
            if scores.iter().any(|score| !score.is_finite()) {
                let message = format!(
                    "image `{image_id}`: its faithfulness is not finite: {scores:?}; the network's \
                     logits are not where pixels are taken away"
                );
                return Err(RunError::internal(message));
            }
            let scores = scores.map(|score| format!("{score:.9}"));
            records.push([vec![image_id.clone(), name.to_string()], scores.to_vec()].concat());
        }
        progress.set(idx + 1, "");
    }
    progress.finish(&format!("faithfulness of {} heat maps", ids.len()));
    Ok(write_atomic(&folder.join(FAITHFULNESS), &csv(&records))?)
}

/// The maps without a network that those of a job are compared with.
pub struct Others {
    /// \[height, width\] of the network's input.
    size: [usize; 2],
    centre: Vec<f32>,
}

impl Others {
    /// At the size of the images of `job`.
    pub fn new(job: &Job<'_>) -> Self {
        let size = [job.images.size().height as usize, job.images.size().width as usize];
        Self { size, centre: centre_gaussian(size) }
    }

    /// The map of an image in `folder`, noise, and a Gaussian in the middle, with their names, at the size of the
    /// network's input.
    ///
    /// # Errors
    /// A map that cannot be read.
    pub fn with_map_of(
        &self,
        image_id: &str,
        folder: &Path,
    ) -> RunResult<[(&'static str, Vec<f32>); 3]> {
        let [height, width] = self.size;
        let mut random = Random::new(0, "random map", 0, image_id);
        let noise = (0..height * width).map(|_| random.unit() as f32).collect();
        let map = map_at(&npy_file(folder, image_id)?, self.size)?;
        Ok([("network", map), ("random", noise), ("centre_gaussian", self.centre.clone())])
    }
}

/// The map in `file` at the size of the network's input, from 0 to 1.
fn map_at(file: &Path, size: [usize; 2]) -> RunResult<Vec<f32>> {
    let scoring =
        HeatmapScoring { size, normalize: Normalize::Max, quantize: false, border: Border::Mirror };
    let map = read_map(file)?.prepare(&scoring);
    let map = map.map_err(|error| RunError::in_file(file, error))?;
    Ok(map.values().iter().map(|&value| value as f32).collect())
}
