//! Images mixed in pairs.

use dermx_data::{ImageSize, Random};

/// How the images of a batch are mixed. With both set, each batch takes one of them, with equal
/// probability.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MixConfig {
    /// Mixup with a share of the beta distribution (alpha, alpha) (Zhang et al., 2018,
    /// <https://arxiv.org/abs/1710.09412>).
    pub mixup_alpha: Option<f64>,
    /// CutMix with a share of the beta distribution (alpha, alpha) (Yun et al., 2019,
    /// <https://arxiv.org/abs/1905.04899>).
    pub cutmix_alpha: Option<f64>,
}

/// How one batch is mixed: each image with the one before it, the first with the last, as
/// torchvision's `MixUp` and `CutMix`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mix {
    /// Not at all.
    None,
    /// `share` of the image and `1 - share` of the other, pixel by pixel.
    Mixup {
        /// The image's share.
        share: f32,
    },
    /// A rectangle of the other in the image, about (row, column), with `sqrt(1 - share)` of the
    /// sides, cut at the borders.
    Cutmix {
        /// The image's share before the rectangle is cut.
        share: f64,
        /// Row of the center.
        row: usize,
        /// Column of the center.
        column: usize,
    },
}

impl MixConfig {
    /// The mix of the batch of these `names`: a function of (seed, epoch, names).
    pub fn draw(&self, size: ImageSize, seed: u64, epoch: u32, names: &[&str]) -> Mix {
        let mut random = Random::new(seed, "mix", u64::from(epoch), &names.join("\n"));
        let mixup = |random: &mut Random, alpha| Mix::Mixup { share: random.beta(alpha) as f32 };
        let cutmix = |random: &mut Random, alpha| Mix::Cutmix {
            share: random.beta(alpha),
            row: random.below(size.height as usize),
            column: random.below(size.width as usize),
        };
        match (self.mixup_alpha, self.cutmix_alpha) {
            (None, None) => Mix::None,
            (Some(alpha), None) => mixup(&mut random, alpha),
            (None, Some(alpha)) => cutmix(&mut random, alpha),
            (Some(alpha), Some(_)) if random.chance(0.5) => mixup(&mut random, alpha),
            (Some(_), Some(alpha)) => cutmix(&mut random, alpha),
        }
    }
}

impl Mix {
    /// Mixes the images `planes`, `[num_images, 3, height, width]` in row-major order; returns what
    /// share of each is its own.
    pub fn apply(&self, planes: &mut [f32], num_images: usize, size: ImageSize) -> f32 {
        let image_len = planes.len() / num_images.max(1);
        match *self {
            Self::None => 1.0,
            Self::Mixup { share } => {
                each_with_other(planes, image_len, |image, other| {
                    for (value, other) in image.iter_mut().zip(other) {
                        *value = *value * share + other * (1.0 - share);
                    }
                });
                share
            }
            Self::Cutmix { share, row, column } => {
                let (height, width) = (size.height as usize, size.width as usize);
                let half = 0.5 * (1.0 - share).sqrt();
                let [rows, columns] = [(height, row), (width, column)].map(|(side, center)| {
                    let half = (half * side as f64) as usize;
                    center.saturating_sub(half)..(center + half).min(side)
                });
                each_with_other(planes, image_len, |image, other| {
                    let lines = image.chunks_exact_mut(width).zip(other.chunks_exact(width));
                    for (idx, (line, other)) in lines.enumerate() {
                        if rows.contains(&(idx % height)) {
                            line[columns.clone()].copy_from_slice(&other[columns.clone()]);
                        }
                    }
                });
                (1.0 - (rows.len() * columns.len()) as f64 / (height * width) as f64) as f32
            }
        }
    }
}

/// Calls `mix(image, image before it)` for every image; the first is mixed with the last. The second
/// argument is the original image, not its mixture.
fn each_with_other(planes: &mut [f32], image_len: usize, mix: impl Fn(&mut [f32], &[f32])) {
    let mut images = planes.chunks_exact_mut(image_len.max(1)).rev();
    let Some(mut image) = images.next() else { return };
    let last = image.to_vec();
    for before in images {
        mix(image, before);
        image = before;
    }
    mix(image, &last);
}
