//! Heat maps of many images.

use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::images::Images;
use crate::network::{TrainedNetwork, finite_logits};
use burn::tensor::Tensor;
use dermx_data::Random;
use dermx_gradcam::{Explainer, Heatmap};
use dermx_score::{argmax, write_npy};
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

/// Which images are explained for which network and class.
#[derive(Debug)]
pub struct Job<'a> {
    /// The network, in whose place an explainer may explain another with the same layers.
    pub trained: &'a TrainedNetwork,
    /// The images.
    pub images: &'a Images,
    /// The class of each image; without, the one that `trained` predicts.
    pub targets: Option<&'a [usize]>,
    /// Images a step.
    pub batch_size: usize,
    /// What computes, and who watches.
    pub context: Context<'a>,
}

/// The heat map of one image.
#[derive(Debug)]
pub struct Explained<'a> {
    /// Place of the image among those of the job.
    pub idx: usize,
    /// Its id.
    pub image_id: &'a str,
    /// Index of the class that the map explains.
    pub target: usize,
    /// The probability of that class, by the network that made the map.
    pub probability: f64,
    /// The map, as high and wide as the explained layer.
    pub map: Heatmap,
}

impl Job<'_> {
    /// Writes the heat map of every image into `folder`; `what` names the work in its progress.
    ///
    /// # Errors
    /// A photo that cannot be read, a failed write, or a request to stop.
    pub fn write_maps(&self, what: &str, explainer: &Explainer, folder: &Path) -> RunResult<()> {
        self.maps(what, explainer, &mut |one| write_map(folder, &one))
    }

    /// Makes the heat map of every image, in order, and hands it to `take`.
    ///
    /// # Errors
    /// A photo that cannot be read, a map that is not finite, a request to stop, and what `take` says.
    pub fn maps(
        &self,
        what: &str,
        explainer: &Explainer,
        take: &mut (dyn FnMut(Explained<'_>) -> RunResult<()> + Send),
    ) -> RunResult<()> {
        self.trained.check_size(self.images.size())?;
        let start = Instant::now();
        let total = self.images.ids().len();
        let mut progress = self.context.start(what, total, "img");
        for range in self.images.batches(self.batch_size) {
            self.context.check("the heat maps are not complete")?;
            let batch = self.images.batch(range.clone(), self.context.device())?;
            let targets = self.targets_of(range.clone(), &batch)?;
            // Each image has a stream of its own, so that the batch makes no difference.
            let ids = &self.images.ids()[range.clone()];
            let mut streams: Vec<Random> =
                ids.iter().map(|id| Random::new(0, "explanation noise", 0, id)).collect();
            let mut noise = |idx: usize| streams[idx].normal(0.0, 1.0) as f32;
            let explanation = explainer.explain(batch, &targets, &mut noise)?;
            let found = explanation.heatmaps.into_iter().zip(&explanation.logits).zip(&targets);
            for (idx, ((map, logits), &target)) in range.clone().zip(found) {
                let image_id = &self.images.ids()[idx];
                check_finite(image_id, &map)?;
                let probabilities = self.trained.probabilities(logits);
                let probability = probabilities.get(target).copied().unwrap_or(0.0);
                take(Explained { idx, image_id, target, probability, map })?;
            }
            let images_per_s = range.end as f64 / start.elapsed().as_secs_f64();
            progress.set(range.end, &format!("{images_per_s:.1} img/s"));
        }
        progress.finish(&format!("{total} heat maps in {:.1} s", start.elapsed().as_secs_f64()));
        Ok(())
    }

    /// The explained class of each image of `batch`.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn targets_of(&self, range: Range<usize>, batch: &Tensor<4>) -> RunResult<Vec<usize>> {
        if let Some(targets) = self.targets {
            return Ok(targets[range].to_vec());
        }
        let output = self.trained.network.forward(batch.clone());
        let logits = finite_logits(output, &self.images.ids()[range])?;
        Ok(logits.iter().map(|logits| argmax(logits)).collect())
    }
}

/// Writes a map into `folder`, named by its image.
///
/// # Errors
/// An id that cannot be a file name, or a folder that cannot be written to.
pub fn write_map(folder: &Path, one: &Explained<'_>) -> RunResult<()> {
    let size = [one.map.height, one.map.width];
    Ok(write_npy(folder, one.image_id, size, &one.map.values)?)
}

/// Fails if a value of the heat map of an image is not finite.
fn check_finite(image_id: &str, heatmap: &Heatmap) -> RunResult<()> {
    match heatmap.values.iter().find(|value| !value.is_finite()) {
        None => Ok(()),
        Some(value) => {
            let message = format!(
                "image `{image_id}`: its heat map holds {value}: the weights make numbers of it that \
                 are too large; it was not written"
            );
            Err(RunError::internal(message))
        }
    }
}
