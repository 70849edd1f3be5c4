//! Which images an epoch sees, and in which order.

use crate::draw::Draw;
use crate::labelled::LabelledPhotos;
use crate::objective::Objective;
use crate::photos::Photos;
use dermx_data::Random;
use serde::{Deserialize, Serialize};

/// How the images of an epoch are drawn; an epoch has as many images as there are photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Every image once.
    Shuffle,
    /// Every class equally often, up to one image. Large classes give other images in every epoch;
    /// images of small classes occur several times, augmented differently each time. An objective may have
    /// images drawn by weights instead ([`Objective::photo_weights`]).
    Balanced,
}

impl Sampling {
    /// The images of `epoch` in order, a function of (seed, epoch).
    pub fn draw(self, photos: &Photos, class_idx: &[usize], seed: u64, epoch: u32) -> Vec<Draw> {
        let draws: Vec<Pick> = match self {
            Self::Shuffle => {
                photos.indices().into_iter().map(|idx| Pick { idx, repeat: 0 }).collect()
            }
            Self::Balanced => balanced(class_idx, seed, epoch),
        };
        ordered(draws, photos, seed, epoch)
    }

    /// As [`Self::draw`], balanced as `objective` wants it.
    pub(crate) fn draw_by(
        self,
        objective: &dyn Objective,
        set: LabelledPhotos<'_>,
        seed: u64,
        epoch: u32,
    ) -> Vec<Draw> {
        let weights = match self {
            Self::Shuffle => None,
            Self::Balanced => objective.photo_weights(set),
        };
        match weights {
            Some(weights) => ordered(weighted(&weights, seed, epoch), set.photos, seed, epoch),
            None => self.draw(set.photos, set.class_idx, seed, epoch),
        }
    }
}

fn ordered(mut draws: Vec<Pick>, photos: &Photos, seed: u64, epoch: u32) -> Vec<Draw> {
    Random::new(seed, "order", u64::from(epoch), "").shuffle(&mut draws);
    let draw = |Pick { idx, repeat }| Draw::new(photos.id(idx), idx, repeat);
    draws.into_iter().map(draw).collect()
}

/// As many photos as there are, each drawn with replacement with a probability of its weight over the sum of all, as
/// PyTorch's `WeightedRandomSampler`.
fn weighted(weights: &[f64], seed: u64, epoch: u32) -> Vec<Pick> {
    let up_to: Vec<f64> = weights
        .iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let total = up_to.last().copied().unwrap_or_default();
    let mut random = Random::new(seed, "balance", u64::from(epoch), "");
    let mut num_seen = vec![0; weights.len()];
    let mut pick = || {
        let at = random.unit() * total;
        let idx = up_to.partition_point(|sum| *sum <= at).min(weights.len() - 1);
        num_seen[idx] += 1;
        Pick { idx, repeat: num_seen[idx] - 1 }
    };
    weights.iter().map(|_| pick()).collect()
}

/// A photo, and how often the epoch has seen it before.
#[derive(Debug, Clone, Copy)]
struct Pick {
    idx: usize,
    repeat: usize,
}

/// The same number of images of every class that has images; as many classes as needed give one more,
/// so that the epoch has as many images as there are photos.
fn balanced(class_idx: &[usize], seed: u64, epoch: u32) -> Vec<Pick> {
    let num_classes = class_idx.iter().max().map_or(0, |max| max + 1);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); num_classes];
    for (idx, &class) in class_idx.iter().enumerate() {
        members[class].push(idx);
    }
    members.retain(|members| !members.is_empty());
    let mut random = Random::new(seed, "balance", u64::from(epoch), "");
    random.shuffle(&mut members);
    let num_classes = members.len();
    let mut draws = Vec::with_capacity(class_idx.len());
    for (place, members) in members.iter_mut().enumerate() {
        random.shuffle(members);
        let num_draws = (class_idx.len() + num_classes - 1 - place) / num_classes;
        draws.extend(
            (0..num_draws)
                .map(|n| Pick { idx: members[n % members.len()], repeat: n / members.len() }),
        );
    }
    draws
}

#[cfg(test)]
mod tests {
    use super::{balanced, weighted};

    #[test]
    fn classes_are_drawn_equally_often_and_images_evenly() {
        // 11 images: 7 of class 0, 1 of class 1, none of class 2, 3 of class 3.
        let class_idx = [0, 0, 3, 0, 1, 0, 3, 0, 0, 3, 0];
        for epoch in 0..20 {
            let draws = balanced(&class_idx, 1, epoch);
            assert_eq!(draws.len(), class_idx.len());
            let count = |class| draws.iter().filter(|pick| class_idx[pick.idx] == class).count();
            let mut counts = [count(0), count(1), count(3)];
            counts.sort_unstable();
            // 11 = 4 + 4 + 3
            assert_eq!(counts, [3, 4, 4]);
            let mut repeats: Vec<usize> =
                draws.iter().filter(|pick| pick.idx == 4).map(|pick| pick.repeat).collect();
            repeats.sort_unstable();
            assert_eq!(repeats, (0..count(1)).collect::<Vec<_>>());
            assert!(draws.iter().all(|pick| class_idx[pick.idx] != 0 || pick.repeat == 0));
        }
    }

    #[test]
    fn epochs_see_other_images_of_a_large_class() {
        let class_idx: Vec<usize> = (0..40).map(|idx| usize::from(idx >= 38)).collect();
        let large = |epoch| {
            let draws = balanced(&class_idx, 1, epoch).into_iter().map(|pick| pick.idx);
            let mut large: Vec<usize> = draws.filter(|&idx| idx < 38).collect();
            large.sort_unstable();
            large
        };
        assert_eq!(large(1), large(1));
        assert_ne!(large(1), large(2));
    }
    #[test]
    fn photos_are_drawn_as_often_as_they_weigh() {
        // 1 of 8, 4 of 8, none, 3 of 8: of 4 draws in each of 2000 epochs 1000, 4000, 0 and 3000.
        let weights = [0.5, 2.0, 0.0, 1.5];
        let mut counts = [0_u32; 4];
        for epoch in 0..2000 {
            let draws = weighted(&weights, 1, epoch);
            assert_eq!(draws.len(), 4);
            draws.iter().for_each(|pick| counts[pick.idx] += 1);
            let mut repeats: Vec<_> = draws.iter().map(|pick| (pick.idx, pick.repeat)).collect();
            repeats.sort_unstable();
            repeats.dedup();
            assert_eq!(repeats.len(), 4, "two draws of one photo have other names");
        }
        // Three standard deviations of 8000 draws are at most 134.
        for (count, expected) in counts.iter().zip([1000, 4000, 0, 3000]) {
            assert!(count.abs_diff(expected) <= 134, "{counts:?}");
        }
        let draws = || weighted(&weights, 1, 7).iter().map(|pick| pick.idx).collect::<Vec<_>>();
        assert_eq!(draws(), draws());
    }
}
