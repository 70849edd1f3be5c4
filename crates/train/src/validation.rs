//! Scores on photos that are not trained on.

use crate::error::TrainError;
use crate::labelled::LabelledPhotos;
use crate::metrics::ValidationMetrics;
use crate::objective::Objective;
use crate::photos::{Photos, images_to_tensor};
use crate::prefetch::prefetch;
use burn::tensor::Device;
use dermx_model::{Network, host_values};
use std::ops::ControlFlow;

/// Scores of `network`, which is in inference mode, on the photos of `set` as they are.
pub(crate) fn validate(
    network: &Network,
    set: LabelledPhotos<'_>,
    objective: &dyn Objective,
    batch_size: usize,
    device: &Device,
) -> Result<ValidationMetrics, TrainError> {
    let (logits, num_logits) = logits_of(network, set.photos, batch_size, device)?;
    Ok(objective.score(&logits, num_logits, set))
}

/// The logits of `photos`, one row after the other, and how many there are in a row.
///
/// # Errors
/// A photo that cannot be read.
pub fn logits_of(
    network: &Network,
    photos: &Photos,
    batch_size: usize,
    device: &Device,
) -> Result<(Vec<f32>, usize), TrainError> {
    let order = photos.indices();
    let batches: Vec<&[usize]> = order.chunks(batch_size.max(1)).collect();
    let mut logits: Vec<f32> = Vec::new();
    let mut num_classes = 0;
    prefetch(
        &batches,
        |batch| photos.batch(batch).map_err(TrainError::from),
        |batch, planes| {
            let images = images_to_tensor(planes, batch.len(), photos.size(), device);
            let found = network.forward(images);
            num_classes = found.dims()[1];
            logits.extend(host_values(found));
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok((logits, num_classes))
}
