//! The batches of an epoch.

use crate::config::FitConfig;
use crate::draw::Draw;
use crate::error::TrainError;
use crate::labelled::LabelledPhotos;
use crate::targets::BatchTargets;

/// Images that go through the network together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub draws: &'a [Draw],
    /// Number of images of the optimizer step that the batch is a part of.
    pub num_step_images: usize,
    /// Whether the optimizer makes its step after this batch.
    pub ends_step: bool,
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
pub(crate) struct BatchImages {
    /// `[num_images, 3, height, width]`, row-major.
    pub planes: Vec<f32>,
    /// What they should yield.
    pub targets: BatchTargets,
}

impl Batch<'_> {
    /// What the random numbers of each image are named by.
    pub fn names(&self) -> Vec<&str> {
        self.draws.iter().map(|draw| draw.name.as_str()).collect()
    }

    /// Reads, augments and mixes the images.
    pub fn images(
        &self,
        set: LabelledPhotos<'_>,
        config: &FitConfig,
        epoch: u32,
    ) -> Result<BatchImages, TrainError> {
        let FitConfig { seed, augment, mix, .. } = config;
        let photos = set.photos;
        let mut planes = photos.augmented_batch(self.draws, augment, *seed, epoch)?;
        let mix = mix.draw(photos.size(), *seed, epoch, &self.names());
        let share = mix.apply(&mut planes, self.draws.len(), photos.size());
        let (columns, masks) = match set.targets {
            Some(targets) => targets.of(self.draws, augment, *seed, epoch),
            None => (Vec::new(), None),
        };
        let classes = self.draws.iter().map(|draw| set.class_idx[draw.idx]).collect();
        Ok(BatchImages { planes, targets: BatchTargets { classes, share, columns, masks } })
    }
}
