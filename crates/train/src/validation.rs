//! Scores on photos that are not trained on.

use crate::error::TrainError;
use crate::labelled::LabelledPhotos;
use crate::metrics::ValidationMetrics;
use crate::photos::images_to_tensor;
use crate::prefetch::prefetch;
use burn::tensor::Device;
use dermx_model::{Network, host_values};
use std::ops::ControlFlow;

/// Scores of `network`, which is in inference mode, on the photos of `set` as they are.
pub(crate) fn validate(
    network: &Network,
    set: LabelledPhotos<'_>,
    batch_size: usize,
    device: &Device,
) -> Result<ValidationMetrics, TrainError> {
    let order = set.photos.indices();
    let batches: Vec<&[usize]> = order.chunks(batch_size.max(1)).collect();
    let mut logits: Vec<f32> = Vec::new();
    let mut num_classes = 0;
    prefetch(
        &batches,
        |batch| set.photos.batch(batch).map_err(TrainError::from),
        |batch, planes| {
            let images = images_to_tensor(planes, batch.len(), set.photos.size(), device);
            let found = network.forward(images);
            num_classes = found.dims()[1];
            logits.extend(host_values(found));
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(ValidationMetrics::new(&logits, set.class_idx, num_classes))
}
