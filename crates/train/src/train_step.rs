//! The forward and backward pass of one batch.

use crate::batch::{Batch, BatchImages};
use crate::checkpoint::EpochSums;
use crate::config::FitConfig;
use crate::dropout_rng::DropoutRng;
use crate::labelled::LabelledPhotos;
use crate::loss::{cross_entropy, targets};
use crate::metrics::argmax;
use crate::optimizer::NamedGradients;
use crate::photos::images_to_tensor;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_kernels::with_precision;
use dermx_model::Network;

/// Sums and gradients of a batch, or of several of one optimizer step.
#[derive(Debug, Default)]
pub(crate) struct StepResult {
    pub sums: EpochSums,
    pub gradients: NamedGradients,
}

impl StepResult {
    /// Adds those of another batch of the same optimizer step.
    pub fn add(&mut self, other: Self) {
        self.sums.add(&other.sums);
        self.gradients.add(other.gradients);
    }
}

/// The forward and the backward pass of a batch.
pub(crate) struct TrainStep<'a> {
    pub config: &'a FitConfig,
    pub set: LabelledPhotos<'a>,
    pub dropout: &'a DropoutRng,
    pub device: &'a Device,
}

impl TrainStep<'_> {
    /// Loss and gradients of one batch in `epoch`; the loss is not checked.
    ///
    /// The gradients are this batch's share of those of the mean loss over all images of the
    /// optimizer step.
    pub fn run(
        &self,
        network: &Network,
        batch: &Batch<'_>,
        images: BatchImages,
        epoch: u32,
    ) -> StepResult {
        let Self { config, set, dropout, device } = *self;
        let num_images = batch.draws.len();
        let classes: Vec<usize> = batch.draws.iter().map(|draw| set.class_idx[draw.idx]).collect();
        let names = batch.names();
        let planes = images_to_tensor(images.planes, num_images, set.photos.size(), device);
        let logits = with_precision(config.precision, || {
            network.forward_tapped_at(planes, &dropout.taps(), &mut |name, x| {
                dropout.apply(name, x, epoch, &names)
            })
        });
        let weights = &config.class_weights;
        let targets = targets(&classes, images.share, weights, config.label_smoothing);
        let targets = TensorData::new(targets, [num_images, weights.len()]);
        let loss = cross_entropy(logits.clone(), Tensor::from_data(targets, device));
        let value = f64::from(first_value(loss.clone()));
        let loss = match num_images == batch.num_step_images {
            true => loss,
            false => loss * (num_images as f64 / batch.num_step_images as f64),
        };
        let sums = EpochSums {
            loss: value * num_images as f64,
            num_correct: num_correct(logits, &classes),
            num_images,
        };
        StepResult { sums, gradients: NamedGradients::take(network, loss.backward()) }
    }
}

fn first_value(tensor: Tensor<1>) -> f32 {
    tensor.into_data().iter::<f32>().next().unwrap_or(f32::NAN)
}

fn num_correct(logits: Tensor<2>, classes: &[usize]) -> usize {
    let num_classes = logits.dims()[1];
    let values: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let rows = values.chunks(num_classes.max(1));
    rows.zip(classes).filter(|(row, class)| argmax(row) == **class).count()
}
