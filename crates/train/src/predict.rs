//! Logits of many photos.

use crate::error::TrainError;
use crate::photos::Photos;
use crate::prefetch::prefetch;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_data::ImageSize;
use dermx_model::Network;
use std::ops::ControlFlow;

/// A batch of standardized images as a tensor.
///
/// # Shapes
/// - `planes`: `[num_images, 3, height, width]` in row-major order
/// - output: the same
pub fn images_to_tensor(
    planes: Vec<f32>,
    num_images: usize,
    size: ImageSize,
    device: &Device,
) -> Tensor<4> {
    let shape = [num_images, 3, size.height as usize, size.width as usize];
    Tensor::from_data(TensorData::new(planes, shape), device)
}

/// The logits of every photo, `[photos.len()][num_classes]`, in inference mode.
///
/// `done` is called with the number of photos finished so far.
///
/// # Errors
/// A photo that cannot be read.
pub fn predict(
    network: &Network,
    photos: &Photos,
    batch_size: usize,
    device: &Device,
    done: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<f32>>, TrainError> {
    let network = network.valid();
    let indices = photos.indices();
    let batches: Vec<&[usize]> = indices.chunks(batch_size.max(1)).collect();
    let mut logits = Vec::with_capacity(photos.len());
    prefetch(
        &batches,
        |batch| photos.batch(batch).map_err(TrainError::from),
        |batch, planes| {
            let images = images_to_tensor(planes, batch.len(), photos.size(), device);
            let output = network.forward(images);
            let num_classes = output.dims()[1];
            let values: Vec<f32> = output.into_data().iter::<f32>().collect();
            logits.extend(values.chunks(num_classes).map(<[f32]>::to_vec));
            done(logits.len());
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(logits)
}
