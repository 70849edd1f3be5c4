//! How far maps are from experts' masks.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What is compared of maps `M` and masks `S`, both in \[0, 1\]; sums are over the images of the batch, all
/// concepts and all cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionLoss {
    /// `1 - (se + sp) / 2` with `se = (sum MS + 1) / (sum S + 1)`,
    /// `sp = (sum (1 - M)(1 - S) + 1) / (sum (1 - S) + 1)` and the products cut to \[0, 1\]
    /// (Jalaboi et al., 2023, <https://doi.org/10.1016/j.media.2022.102647>).
    SoftSeSp,
    /// `1 - (2 sum MS + 1) / (sum M + sum S + 1)` (Milletari et al., 2016, <https://arxiv.org/abs/1606.04797>).
    Dice,
    /// `(M - S)^2` summed over the cells, its mean over concepts and images.
    Mse,
    /// The same, its mean over the concepts that were outlined in an image, and over images.
    MseActive,
}

impl AttentionLoss {
    /// The loss, `[1]`; of images without an outlined concept `MseActive` makes 0.
    ///
    /// # Shapes
    /// - `maps`, `masks`: `[images, concepts, cells]`
    pub(super) fn of(self, maps: Tensor<3>, masks: Tensor<3>) -> Tensor<1> {
        match self {
            Self::SoftSeSp => {
                let rest = |x: &Tensor<3>| x.clone().neg() + 1.0;
                let (no_map, no_mask) = (rest(&maps), rest(&masks));
                let share = |hits: Tensor<3>, all: Tensor<3>| {
                    (hits.clamp(0.0, 1.0).sum() + 1.0) / (all.sum() + 1.0)
                };
                let sensitivity = share(maps * masks.clone(), masks);
                let specificity = share(no_map * no_mask.clone(), no_mask);
                ((sensitivity + specificity) * 0.5).neg() + 1.0
            }
            Self::Dice => {
                let both = (maps.clone() * masks.clone()).sum() * 2.0 + 1.0;
                (both / (maps.sum() + masks.sum() + 1.0)).neg() + 1.0
            }
            Self::Mse => {
                let [images, concepts, _] = maps.dims();
                let gap = maps - masks;
                (gap.clone() * gap).sum() / (images * concepts) as f32
            }
            Self::MseActive => {
                let [images, _, _] = maps.dims();
                let active = masks.clone().max_dim(2).greater_elem(0.0).float().sum_dim(1);
                let gap = maps - masks;
                let of_image = (gap.clone() * gap).sum_dim(2).sum_dim(1);
                let is_outlined = active.clone().clamp_max(1.0);
                (of_image * is_outlined / active.clamp_min(1.0)).sum() / images as f32
            }
        }
    }
}
