//! Learning where experts look.

use super::characteristics::binary_cross_entropy;
use super::resample::Resample;
use super::{AttentionLoss, Characteristics, CrossEntropy, Loss, Objective, Pass};
use crate::error::TrainError;
use crate::targets::BatchMasks;
use crate::train_step::loss_value;
use burn::tensor::Tensor;
use dermx_model::{NamedTensor, Network};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Keeps the largest value of an empty map from being divided by.
const EPSILON: f32 = 1e-7;

/// At which size maps and masks are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapSize {
    /// At that of the masks: maps are resized, between the centres of cells.
    Bilinear,
    /// At that of the masks: each pixel has the value of its cell.
    Nearest,
    /// At that of the maps: a cell of a mask is the share of it that is outlined.
    Maps,
}

/// Cross-entropy of the classes, binary cross-entropy of the concepts that experts outlined, and a loss of the
/// class activation maps of the concepts against the outlines:
/// `L = L_class + w_c L_concepts + w_a L_attention`.
///
/// Images that no expert looked at learn by their class alone.
///
/// # Source
/// Jalaboi et al., 2023, <https://doi.org/10.1016/j.media.2022.102647>.
#[derive(Debug, Clone, PartialEq)]
pub struct Guided {
    /// The loss of the classes.
    pub diagnosis: CrossEntropy,
    /// Who tells the concepts.
    pub characteristics: Characteristics,
    /// `w_c`.
    pub characteristics_weight: f32,
    /// How maps and outlines are compared.
    pub attention: AttentionLoss,
    /// `w_a`; with 0 no map is made.
    pub attention_weight: f32,
    /// Whether maps are brought to \[0, 1\], each by its smallest and largest value.
    pub normalize: bool,
    /// At which size maps and masks are compared.
    pub map_size: MapSize,
    /// Whether maps of concepts that the head does not find (probability up to 1/2) count as empty. They have no
    /// gradient then.
    pub only_predicted: bool,
}

impl Objective for Guided {
    fn taps(&self, network: &Network) -> Vec<String> {
        self.characteristics.taps(network)
    }

    fn parameters(&self, seed: u64) -> BTreeMap<String, NamedTensor> {
        self.characteristics.parameters(seed)
    }

    fn loss(&self, pass: &Pass<'_>) -> Result<Loss, TrainError> {
        let masks = pass.targets.masks.as_ref().ok_or_else(|| {
            TrainError::Objective("the training images have no outlines of concepts".to_string())
        })?;
        let diagnosis = self.diagnosis.of(pass);
        let mut parts = vec![("diagnosis", diagnosis.clone(), 1.0)];
        if !masks.known.is_empty() {
            let (characteristics, attention) = self.of_known(pass, masks)?;
            parts.push(("characteristics", characteristics, self.characteristics_weight));
            parts.extend(attention.map(|loss| ("attention", loss, self.attention_weight)));
        }
        let named =
            parts.iter().map(|(name, loss, _)| (name.to_string(), loss_value(loss.clone())));
        let named = named.collect();
        let sum = parts.into_iter().map(|(_, loss, weight)| loss * weight).reduce(|a, b| a + b);
        Ok(Loss { value: sum.unwrap_or(diagnosis), parts: named })
    }
}

impl Guided {
    /// Losses of the concepts and of the maps, means over all images of the batch of which experts know.
    fn of_known(
        &self,
        pass: &Pass<'_>,
        masks: &BatchMasks,
    ) -> Result<(Tensor<1>, Option<Tensor<1>>), TrainError> {
        let found = self.characteristics.of(pass)?;
        let known: Vec<i32> = masks.known.iter().map(|&idx| idx as i32).collect();
        let known = Tensor::from_data(known.as_slice(), &pass.logits.device());
        let shape = [masks.known.len(), self.characteristics.num_concepts()];
        let logits = found.logits.select(0, known.clone());
        let present = pass.constant(masks.present.clone(), shape);
        let of_concepts = binary_cross_entropy(logits.clone(), present);
        if self.attention_weight == 0.0 {
            return Ok((of_concepts, None));
        }
        let [height, width] = masks.size;
        let masks = pass.constant(masks.values.clone(), [shape[0], shape[1], height, width]);
        let maps = found.maps.select(0, known);
        let maps = if self.normalize { normalized(maps) } else { maps };
        let maps = match self.only_predicted {
            true => {
                maps * logits.detach().greater_elem(0.0).float().reshape([shape[0], shape[1], 1, 1])
            }
            false => maps,
        };
        let (maps, masks) = self.at_one_size(pass, maps, masks);
        let cells = |x: Tensor<4>| x.flatten::<3>(2, 3);
        Ok((of_concepts, Some(self.attention.of(cells(maps), cells(masks)))))
    }

    fn at_one_size(
        &self,
        pass: &Pass<'_>,
        maps: Tensor<4>,
        masks: Tensor<4>,
    ) -> (Tensor<4>, Tensor<4>) {
        let size = |x: &Tensor<4>| [x.dims()[2], x.dims()[3]];
        let (map_size, mask_size) = (size(&maps), size(&masks));
        match self.map_size {
            MapSize::Bilinear => (resized(pass, maps, mask_size, Resample::Bilinear), masks),
            MapSize::Nearest => (resized(pass, maps, mask_size, Resample::Nearest), masks),
            MapSize::Maps => (maps, resized(pass, masks, map_size, Resample::Area)),
        }
    }
}

/// `(M - min M) / (max (M - min M) + 1e-7)` of each map.
fn normalized(maps: Tensor<4>) -> Tensor<4> {
    let dims = maps.dims();
    let [images, concepts, height, width] = dims;
    let maps = maps.reshape([images * concepts, height * width]);
    let above = maps.clone() - maps.min_dim(1);
    let largest = above.clone().max_dim(1) + EPSILON;
    (above / largest).reshape(dims)
}

/// `x`, `[images, concepts, height, width]`, at another size.
fn resized(pass: &Pass<'_>, x: Tensor<4>, size: [usize; 2], how: Resample) -> Tensor<4> {
    let [images, concepts, height, width] = x.dims();
    let [rows, columns] = size;
    let of_columns = pass.constant(how.matrix(width, columns), [columns, width]);
    let x = x.reshape([images * concepts * height, width]).matmul(of_columns.transpose());
    let of_rows = pass.constant(how.matrix(height, rows), [1, rows, height]);
    let x = x.reshape([images * concepts, height, columns]);
    let of_rows = of_rows.expand([images * concepts, rows, height]);
    of_rows.matmul(x).reshape([images, concepts, rows, columns])
}
