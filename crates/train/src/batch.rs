//! The batches of an epoch, and one batch on its way to gradients.

use crate::chance::Chance;
use crate::checkpoint::EpochSums;
use crate::error::TrainError;
use crate::fit::{FitConfig, LabelledPhotos};
use crate::loss::{cross_entropy, targets};
use crate::optimizer::NamedGradients;
use crate::photos::{Photos, images_to_tensor};
use crate::sampling::Draw;
use crate::validation::argmax;
use burn::tensor::{Device, Tensor, TensorData};
use dermx_kernels::with_precision;
use dermx_model::Network;
use serde::{Deserialize, Serialize};

/// Images that go through the network together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub draws: &'a [Draw],
    /// Number of images of the optimizer step that the batch is a part of.
    pub num_step_images: usize,
    /// Whether the optimizer makes its step after this batch.
    pub ends_step: bool,
}

/// What becomes of the last images of an epoch, where they are fewer than a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastBatch {
    /// They are a batch of their own.
    Keep,
    /// They are left out of the epoch.
    Drop,
    /// They join the batch before them.
    Merge,
}

/// See [`FitConfig::last_batch`]; `batch_size` is at least 1.
fn batch_sizes(num_images: usize, batch_size: usize, choice: Option<LastBatch>) -> Vec<usize> {
    let mut sizes = vec![batch_size; num_images / batch_size];
    let num_left = num_images % batch_size;
    if num_left == 0 {
        return sizes;
    }
    let choice = choice.unwrap_or(match num_left {
        1 => LastBatch::Merge,
        _ => LastBatch::Keep,
    });
    match (choice, sizes.last_mut()) {
        (LastBatch::Drop, _) => {}
        (LastBatch::Merge, Some(last)) => *last += num_left,
        (LastBatch::Keep | LastBatch::Merge, _) => sizes.push(num_left),
    }
    sizes
}

impl FitConfig {
    /// Numbers of images of an epoch's batches, for `num_images` images.
    fn batch_sizes(&self, num_images: usize) -> Vec<usize> {
        batch_sizes(num_images, self.batch_size.max(1), self.last_batch)
    }

    /// Number of images that an epoch sees of `num_images`.
    pub fn images_per_epoch(&self, num_images: usize) -> usize {
        self.batch_sizes(num_images).iter().sum()
    }

    /// Number of the optimizer's steps in an epoch of `num_images`.
    pub(crate) fn steps_per_epoch(&self, num_images: usize) -> usize {
        self.batch_sizes(num_images).len().div_ceil(self.accumulation_steps.max(1))
    }

    /// Whether an epoch of `num_images` has a batch of one image.
    pub(crate) fn has_batch_of_one(&self, num_images: usize) -> bool {
        self.batch_sizes(num_images).contains(&1)
    }
}

/// The batches of the steps from `steps_done` on.
pub(crate) fn batches<'a>(
    draws: &'a [Draw],
    config: &FitConfig,
    steps_done: usize,
) -> Vec<Batch<'a>> {
    let sizes = config.batch_sizes(draws.len());
    let mut batches = Vec::with_capacity(sizes.len());
    let mut left = draws;
    for sizes in sizes.chunks(config.accumulation_steps.max(1)) {
        for (idx, &size) in sizes.iter().enumerate() {
            let (draws, rest) = left.split_at(size);
            left = rest;
            batches.push(Batch {
                draws,
                num_step_images: sizes.iter().sum(),
                ends_step: idx + 1 == sizes.len(),
            });
        }
    }
    let num_done = steps_done * config.accumulation_steps.max(1);
    batches.split_off(num_done.min(batches.len()))
}

/// The images of a batch, ready for the network.
#[derive(Debug)]
pub(crate) struct Images {
    planes: Vec<f32>,
    /// What share of each image is its own, where they are mixed.
    share: f32,
}

impl Batch<'_> {
    fn names(&self) -> Vec<&str> {
        self.draws.iter().map(|draw| draw.name.as_str()).collect()
    }

    /// Reads, augments and mixes the images.
    pub fn images(
        &self,
        photos: &Photos,
        config: &FitConfig,
        epoch: u32,
    ) -> Result<Images, TrainError> {
        let FitConfig { seed, augment, mix, .. } = config;
        let mut planes = photos.augmented_batch(self.draws, augment, *seed, epoch)?;
        let mix = mix.draw(photos.size(), *seed, epoch, &self.names());
        let share = mix.apply(&mut planes, self.draws.len(), photos.size());
        Ok(Images { planes, share })
    }
}

/// Sums and gradients of the batches of an optimizer step.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub sums: EpochSums,
    pub gradients: NamedGradients,
}

impl Learned {
    pub fn add(&mut self, other: Self) {
        self.sums.add(&other.sums);
        self.gradients.add(other.gradients);
    }
}

/// What turns batches into gradients.
pub(crate) struct Teacher<'a> {
    pub config: &'a FitConfig,
    pub set: LabelledPhotos<'a>,
    pub chance: &'a Chance,
    pub device: &'a Device,
}

impl Teacher<'_> {
    /// Loss and gradients of one batch in `epoch`; the loss is not checked.
    ///
    /// The gradients are those of the mean over the images of the optimizer step, as far as they
    /// come from this batch.
    pub fn learn(
        &self,
        network: &Network,
        batch: &Batch<'_>,
        images: Images,
        epoch: u32,
    ) -> Learned {
        let Self { config, set, chance, device } = *self;
        let num_images = batch.draws.len();
        let classes: Vec<usize> = batch.draws.iter().map(|draw| set.class_idx[draw.idx]).collect();
        let names = batch.names();
        let planes = images_to_tensor(images.planes, num_images, set.photos.size(), device);
        let logits = with_precision(config.precision, || {
            network.forward_tapped_at(planes, &chance.taps(), &mut |name, x| {
                chance.apply(name, x, epoch, &names)
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
        Learned { sums, gradients: NamedGradients::take(network, loss.backward()) }
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

#[cfg(test)]
mod tests {
    use super::LastBatch::{Drop, Keep, Merge};
    use super::batch_sizes;

    #[test]
    fn images_that_are_left_are_kept_merged_or_dropped() {
        for (num_images, batch_size, [unsaid, keep, merge, drop]) in [
            (8, 4, [&[4, 4][..]; 4]),
            (10, 4, [&[4, 4, 2], &[4, 4, 2], &[4, 6], &[4, 4]]),
            (9, 4, [&[4, 5], &[4, 4, 1], &[4, 5], &[4, 4]]),
            (5, 4, [&[5], &[4, 1], &[5], &[4]]),
            // There is no batch before.
            (3, 4, [&[3], &[3], &[3], &[]]),
            (1, 4, [&[1], &[1], &[1], &[]]),
            // Batches of one are full.
            (3, 1, [&[1, 1, 1]; 4]),
            (1, 1, [&[1]; 4]),
            (0, 4, [&[]; 4]),
        ] {
            let sizes = |choice| batch_sizes(num_images, batch_size, choice);
            let what = format!("{num_images} images, {batch_size} a batch");
            assert_eq!(sizes(None), unsaid, "{what}");
            assert_eq!(sizes(Some(Keep)), keep, "{what}");
            assert_eq!(sizes(Some(Merge)), merge, "{what}");
            assert_eq!(sizes(Some(Drop)), drop, "{what}");
        }
    }
}
