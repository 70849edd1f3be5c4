//! A head that tells which concepts an image shows, and where it looks for each.

use super::{Pass, linear_parameters};
use crate::error::TrainError;
use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, relu};
use dermx_model::{ConceptHeadConfig, ConceptTaps, NamedTensor, Network};
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

/// Who tells the concepts of an image.
#[derive(Debug, Clone, PartialEq)]
pub enum Characteristics {
    /// A head of the objective's own, which prediction does not need.
    Own(CharacteristicsConfig),
    /// The network, which tells the classes from them, too; see [`dermx_model::ConceptHead`].
    OfNetwork(ConceptHeadConfig),
}

/// What is told of a batch.
pub(super) struct Told {
    /// `[batch, concepts]`.
    pub logits: Tensor<2>,
    /// Class activation maps of the concepts, `[batch, concepts, height, width]`, not negative. Their weights
    /// are constants to the gradient.
    pub maps: Tensor<4>,
}

impl Characteristics {
    /// Number of concepts.
    pub const fn num_concepts(&self) -> usize {
        match self {
            Self::Own(config) => config.num_concepts,
            Self::OfNetwork(config) => config.num_concepts,
        }
    }

    /// The taps that are read.
    pub(super) fn taps(&self, network: &Network) -> Vec<String> {
        let of_network = [ConceptTaps::FEATURES, ConceptTaps::HIDDEN, ConceptTaps::LOGITS];
        let further = match self {
            Self::Own(_) => &[][..],
            Self::OfNetwork(_) => &of_network,
        };
        [network.last_tap()].iter().chain(further).map(ToString::to_string).collect()
    }

    /// Starting values.
    pub(super) fn parameters(&self, seed: u64) -> BTreeMap<String, NamedTensor> {
        match self {
            Self::Own(config) => config.parameters(seed),
            Self::OfNetwork(_) => BTreeMap::new(),
        }
    }

    /// Logits and maps of the batch.
    pub(super) fn of(&self, pass: &Pass<'_>) -> Result<Told, TrainError> {
        match self {
            Self::Own(config) => config.of(pass),
            Self::OfNetwork(config) => of_network(pass, config.dropout),
        }
    }
}

impl CharacteristicsConfig {
    fn parameters(&self, seed: u64) -> BTreeMap<String, NamedTensor> {
        let hidden = linear_parameters(HIDDEN, [self.num_hidden, self.num_features], seed);
        let output = linear_parameters(OUTPUT, [self.num_concepts, self.num_hidden], seed);
        hidden.into_iter().chain(output).collect()
    }

    fn of(&self, pass: &Pass<'_>) -> Result<Told, TrainError> {
        let features = pass.activation(0)?;
        let [batch, channels, height, width] = features.dims();
        let cells = features.clone().reshape([batch, channels, height * width]);
        let get = |name: &str| pass.parameters.get::<2>(&format!("{name}.weight"));
        let bias = |name: &str| {
            Ok::<_, TrainError>(pass.parameters.get::<1>(&format!("{name}.bias"))?.unsqueeze::<2>())
        };
        let (hidden, output) = (get(HIDDEN)?.transpose(), get(OUTPUT)?.transpose());
        let kept = |place: &str, num_values: usize| {
            let factors = pass.random.dropout(place, num_values, self.dropout);
            pass.constant(factors, [batch, num_values])
        };
        let kept_features = kept("drop objective.characteristics.0", channels);
        let kept_hidden = kept("drop objective.characteristics.1", self.num_hidden);
        let means = cells.mean_dim(2).reshape([batch, channels]) * kept_features.clone();
        let before = means.matmul(hidden.clone()) + bias(HIDDEN)?;
        let values = relu(before.clone()) * kept_hidden.clone();
        let logits = values.matmul(output.clone()) + bias(OUTPUT)?;
        let slopes = before.detach().greater_elem(0.0).float() * kept_hidden;
        Ok(Told { logits, maps: maps(features, kept_features, slopes, [hidden, output]) })
    }
}

/// What a network with a head for concepts tells of the batch. Where dropout at the rate `dropout` left a value, it is
/// not 0; a feature that was 0 before has an empty map, to which its weight does not matter.
fn of_network(pass: &Pass<'_>, dropout: f64) -> Result<Told, TrainError> {
    let head = pass.network.concept_head();
    let head = head.ok_or_else(|| TrainError::Objective("the network tells no concepts".into()))?;
    let values = |idx: usize| Ok::<_, TrainError>(pass.activation(idx)?.flatten::<2>(1, 3));
    let kept = (1.0 / (1.0 - dropout)) as f32;
    let kept_features = values(1)?.detach().not_equal_elem(0.0).float() * kept;
    let slopes = values(2)?.detach().greater_elem(0.0).float() * kept;
    let weights = head.concept_weights();
    Ok(Told { logits: values(3)?, maps: maps(pass.activation(0)?, kept_features, slopes, weights) })
}

/// Class activation maps of the concepts, `[batch, concepts, height, width]`.
///
/// The Grad-CAM weight of a channel is the mean over the cells of the gradient of the concept's logit. The
/// features that the logits come from are the means of the maps, so that it is the gradient of the feature over the
/// number of cells, which a product of the two matrices gives for all concepts at once.
///
/// # Shapes
/// - `features`: `[batch, channels, height, width]`; `kept_features`, factors of dropout: `[batch, channels]`
/// - `slopes`, of the hidden values, with dropout: `[batch, hidden]`
/// - the matrices: `[channels, hidden]`, `[hidden, concepts]`
fn maps(
    features: Tensor<4>,
    kept_features: Tensor<2>,
    slopes: Tensor<2>,
    [hidden, output]: [Tensor<2>; 2],
) -> Tensor<4> {
    let [batch, channels, height, width] = features.dims();
    let [num_hidden, num_concepts] = output.dims();
    let num_cells = height * width;
    let slopes = slopes.reshape([batch, 1, num_hidden]).expand([batch, num_concepts, num_hidden]);
    let of_hidden = slopes * output.detach().transpose().unsqueeze::<3>();
    let of_features = of_hidden
        .reshape([batch * num_concepts, num_hidden])
        .matmul(hidden.detach().transpose())
        .reshape([batch, num_concepts, channels]);
    let weights = of_features * kept_features.reshape([batch, 1, channels]) / num_cells as f32;
    let cells = features.reshape([batch, channels, num_cells]);
    relu(weights.matmul(cells)).reshape([batch, num_concepts, height, width])
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
