//! Class probabilities of images.

use crate::context::Context;
use crate::error::RunResult;
use crate::images::Images;
use crate::network::{TrainedNetwork, finite_logits};
use burn::module::Module;
use std::time::Instant;

/// The logits of every image, `[images.ids().len()][num_classes]`, in inference mode.
///
/// # Errors
/// A photo that cannot be read, logits that are not finite, or a request to stop.
pub fn predict(
    trained: &TrainedNetwork,
    images: &Images,
    batch_size: usize,
    context: Context<'_>,
) -> RunResult<Vec<Vec<f32>>> {
    trained.check_size(images.size())?;
    let network = trained.network.valid();
    let start = Instant::now();
    let mut progress = context.start("predict", images.ids().len(), "img");
    let mut logits: Vec<Vec<f32>> = Vec::with_capacity(images.ids().len());
    for range in images.batches(batch_size) {
        context.check("nothing was written")?;
        let output = network.forward(images.batch(range.clone(), context.device())?);
        logits.extend(finite_logits(output, &images.ids()[range])?);
        let images_per_s = logits.len() as f64 / start.elapsed().as_secs_f64();
        progress.set(logits.len(), &format!("{images_per_s:.1} img/s"));
    }
    let seconds = start.elapsed().as_secs_f64();
    progress.finish(&format!("{} images in {seconds:.1} s", logits.len()));
    Ok(logits)
}
