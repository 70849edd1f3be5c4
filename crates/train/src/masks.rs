//! Outlines of several experts as one mask for each concept.

use crate::draw::Draw;
use crate::targets::BatchMasks;
use dermx_data::{AugmentConfig, ImageSize, Reading, augment_mask};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How masks of several experts become one.
///
/// # Source
/// Jalaboi et al., 2023, <https://doi.org/10.1016/j.media.2022.102647>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consensus {
    /// A pixel that any of them outlined.
    Any,
    /// A pixel that more than half of those who looked at the image outlined.
    Majority,
    /// A pixel that all who looked at the image outlined.
    All,
    /// The number of those who outlined a pixel, divided by the number of experts that the data set has.
    FuzzyFixed,
    /// The number of those who outlined a pixel, divided by the number of those who looked at the image.
    FuzzyRelative,
}

/// The masks of all concepts in each photo.
#[derive(Debug, Clone, PartialEq)]
pub struct ConceptMasks {
    concepts: Vec<String>,
    size: ImageSize,
    /// `None` of a photo that no expert looked at.
    photos: Vec<Option<PhotoMasks>>,
}

#[derive(Debug, Clone, PartialEq)]
struct PhotoMasks {
    /// How many experts outlined each pixel; `None` of a concept that none outlined.
    counts: Vec<Option<Vec<u8>>>,
    /// What a number of experts comes to.
    levels: Vec<f32>,
}

impl ConceptMasks {
    /// The masks of `concepts` at `size`, for photos with these readings; `num_raters` is the number of experts
    /// of the data set. Readings that were discarded do not count.
    pub fn new(
        concepts: Vec<String>,
        photos: &[Vec<&Reading>],
        num_raters: usize,
        consensus: Consensus,
        size: ImageSize,
    ) -> Self {
        let of_photo = |readings: &Vec<&Reading>| {
            let kept: Vec<&Reading> =
                readings.iter().copied().filter(|reading| !reading.is_discarded()).collect();
            let levels = consensus.levels(kept.len(), num_raters);
            let count = |concept: &String| count(&kept, concept, size);
            let counts = || concepts.iter().map(count).collect();
            (!kept.is_empty()).then(|| PhotoMasks { counts: counts(), levels })
        };
        let photos = photos.par_iter().map(of_photo).collect();
        Self { concepts, size, photos }
    }

    /// Names of the concepts.
    pub fn concepts(&self) -> &[String] {
        &self.concepts
    }

    /// Number of photos in which an expert outlined each concept.
    pub fn num_per_concept(&self) -> Vec<usize> {
        let mut numbers = vec![0; self.concepts.len()];
        for photo in self.photos.iter().flatten() {
            for (number, counts) in numbers.iter_mut().zip(&photo.counts) {
                *number += usize::from(counts.is_some());
            }
        }
        numbers
    }

    /// BLAKE3 of all masks.
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.concepts.join("\n").as_bytes());
        for photo in &self.photos {
            let Some(PhotoMasks { counts, levels }) = photo else {
                hasher.update(b"unknown");
                continue;
            };
            levels.iter().for_each(|level| {
                hasher.update(&level.to_le_bytes());
            });
            for counts in counts {
                hasher.update(counts.as_deref().unwrap_or(b"absent"));
            }
        }
        hasher.finalize()
    }

    /// Those of `draws`, augmented as the photos are.
    pub(crate) fn batch(
        &self,
        draws: &[Draw],
        config: &AugmentConfig,
        seed: u64,
        epoch: u32,
    ) -> BatchMasks {
        let of_draw = |(place, draw): (usize, &Draw)| {
            let photo = self.photos.get(draw.idx)?.as_ref()?;
            let params = draw.augmentation(config, seed, epoch);
            let num_pixels = self.size.num_pixels();
            let mut values = Vec::with_capacity(photo.counts.len() * num_pixels);
            for counts in &photo.counts {
                match counts {
                    None => values.resize(values.len() + num_pixels, 0.0),
                    Some(counts) => {
                        let level = |&count: &u8| photo.levels[usize::from(count)];
                        let mask: Vec<f32> = counts.iter().map(level).collect();
                        values.extend(augment_mask(&mask, self.size, &params, config));
                    }
                }
            }
            let present = photo.counts.iter().map(|counts| f32::from(u8::from(counts.is_some())));
            Some((place, values, present.collect::<Vec<f32>>()))
        };
        let found: Vec<_> = draws.par_iter().enumerate().filter_map(of_draw).collect();
        let size = [self.size.height as usize, self.size.width as usize];
        let mut batch = BatchMasks { size, ..BatchMasks::default() };
        for (place, values, present) in found {
            batch.known.push(place);
            batch.values.extend(values);
            batch.present.extend(present);
        }
        batch
    }
}

impl Consensus {
    /// What 0 to `num_readings` experts who outlined a pixel come to.
    fn levels(self, num_readings: usize, num_raters: usize) -> Vec<f32> {
        let level = |count: usize| match self {
            Self::Any => f32::from(u8::from(count > 0)),
            Self::Majority => f32::from(u8::from(2 * count > num_readings)),
            Self::All => f32::from(u8::from(count > 0 && count == num_readings)),
            Self::FuzzyFixed => count as f32 / num_raters.max(1) as f32,
            Self::FuzzyRelative => count as f32 / num_readings.max(1) as f32,
        };
        // A count is a byte.
        (0..=num_readings.min(usize::from(u8::MAX))).map(level).collect()
    }
}

/// How many of `readings` have each pixel in `concept`; `None` if none outlined it.
fn count(readings: &[&Reading], concept: &str, size: ImageSize) -> Option<Vec<u8>> {
    let mut counts: Option<Vec<u8>> = None;
    for mask in readings.iter().filter_map(|reading| reading.mask_nearest(concept, size)) {
        let counts = counts.get_or_insert_with(|| vec![0; size.num_pixels()]);
        for &[start, end] in mask.runs() {
            for count in &mut counts[start as usize..end as usize] {
                *count = count.saturating_add(1);
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::Consensus;

    #[test]
    fn two_of_three_outlines_are_a_mask_of_each_kind() {
        // Of 0 to 3 experts who looked at the image; the data set has 4.
        for (consensus, expected) in [
            (Consensus::Any, [0.0, 1.0, 1.0, 1.0]),
            (Consensus::Majority, [0.0, 0.0, 1.0, 1.0]),
            (Consensus::All, [0.0, 0.0, 0.0, 1.0]),
            (Consensus::FuzzyFixed, [0.0, 0.25, 0.5, 0.75]),
            (Consensus::FuzzyRelative, [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]),
        ] {
            assert_eq!(consensus.levels(3, 4), expected, "{consensus:?}");
        }
    }
}
