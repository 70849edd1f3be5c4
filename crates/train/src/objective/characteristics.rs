//! A head that tells which concepts an image shows, and where it looks for each.

use super::{Pass, linear_parameters};
use crate::error::TrainError;
use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, relu};
use dermx_model::NamedTensor;
use std::collections::BTreeMap;

const HIDDEN: &str = "characteristics.0";
const OUTPUT: &str = "characteristics.1";

/// A hidden layer and a logit for each concept, on the means of the last feature maps: dropout, linear, ReLU,
/// dropout, linear.
///
/// # Source
/// The head for characteristics of Jalaboi et al., 2023, <https://doi.org/10.1016/j.media.2022.102647>.
#[derive(Debug, Clone, PartialEq)]
pub struct CharacteristicsConfig {
    /// Channels of the last feature maps.
    pub num_features: usize,
    /// Number of hidden values.
    pub num_hidden: usize,
    /// Number of concepts.
    pub num_concepts: usize,
    /// Share of the features, and of the hidden values, that is dropped.
    pub dropout: f64,
}

/// What the head makes of a batch.
pub(super) struct Characteristics {
    /// `[batch, concepts]`.
    pub logits: Tensor<2>,
    /// Class activation maps of the concepts, `[batch, concepts, height, width]`, not negative. Their weights
    /// are constants to the gradient.
    pub maps: Tensor<4>,
}

impl CharacteristicsConfig {
    /// Starting values.
    pub(super) fn parameters(&self, seed: u64) -> BTreeMap<String, NamedTensor> {
        let hidden = linear_parameters(HIDDEN, [self.num_hidden, self.num_features], seed);
        let output = linear_parameters(OUTPUT, [self.num_concepts, self.num_hidden], seed);
        hidden.into_iter().chain(output).collect()
    }

    /// Logits and maps of the batch.
    ///
    /// The Grad-CAM weight of a channel is the mean over the cells of the gradient of the concept's logit. The
    /// features are the means of the maps, so that it is the gradient of the feature over the number of
    /// cells, which a product of the two matrices gives for all concepts at once.
    pub(super) fn of(&self, pass: &Pass<'_>) -> Result<Characteristics, TrainError> {
        let maps = pass.activation(0)?;
        let [batch, channels, height, width] = maps.dims();
        let num_cells = height * width;
        let cells = maps.reshape([batch, channels, num_cells]);
        let get = |name: &str| pass.parameters.get::<2>(&format!("{name}.weight"));
        let bias = |name: &str| {
            Ok::<_, TrainError>(pass.parameters.get::<1>(&format!("{name}.bias"))?.unsqueeze::<2>())
        };
        let (hidden, output) = (get(HIDDEN)?, get(OUTPUT)?);
        let kept = |place: &str, num_values: usize| {
            let factors = pass.random.dropout(place, num_values, self.dropout);
            pass.constant(factors, [batch, num_values])
        };
        let kept_features = kept("drop objective.characteristics.0", channels);
        let kept_hidden = kept("drop objective.characteristics.1", self.num_hidden);
        let features = cells.clone().mean_dim(2).reshape([batch, channels]) * kept_features.clone();
        let before = features.matmul(hidden.clone().transpose()) + bias(HIDDEN)?;
        let values = relu(before.clone()) * kept_hidden.clone();
        let logits = values.matmul(output.clone().transpose()) + bias(OUTPUT)?;

        let slopes = before.detach().greater_elem(0.0).float() * kept_hidden;
        let shape = [batch, self.num_concepts, self.num_hidden];
        let slopes = slopes.reshape([batch, 1, self.num_hidden]).expand(shape);
        let of_hidden = slopes * output.detach().unsqueeze::<3>();
        let of_features = of_hidden
            .reshape([batch * self.num_concepts, self.num_hidden])
            .matmul(hidden.detach())
            .reshape([batch, self.num_concepts, channels]);
        let weights = of_features * kept_features.reshape([batch, 1, channels]) / num_cells as f32;
        let maps = relu(weights.matmul(cells));
        Ok(Characteristics {
            logits,
            maps: maps.reshape([batch, self.num_concepts, height, width]),
        })
    }
}

/// Binary cross-entropy of `logits` with `present`, its mean over images and concepts, `[1]`.
///
/// # Shapes
/// - `logits`, `present`: `[images, concepts]`, the latter in \[0, 1\]
pub(super) fn binary_cross_entropy(logits: Tensor<2>, present: Tensor<2>) -> Tensor<1> {
    let absent = present.clone().neg() + 1.0;
    let likelihood = log_sigmoid(logits.clone()) * present + log_sigmoid(logits.neg()) * absent;
    likelihood.mean().neg()
}
