//! What a network learns by: a loss, and further parameters that it needs.

mod attention_loss;
mod characteristics;
mod cross_entropy;
mod guided;
mod multi_label;
mod resample;

pub use attention_loss::AttentionLoss;
pub use characteristics::{Characteristics, CharacteristicsConfig};
pub use cross_entropy::{
    CrossEntropy, balanced_class_weights, class_weights, cross_entropy, targets,
};
pub use guided::{Guided, MapSize};
pub(crate) use multi_label::is_right;
pub use multi_label::{MultiLabel, balanced_pos_weight, label_cross_entropy, positives};

use crate::error::TrainError;
use crate::initialize::initial_tensor;
use crate::labelled::{LabelledPhotos, Sets};
use crate::metrics::{ValidationMetrics, argmax};
use crate::parameters::Parameters;
use crate::targets::BatchTargets;
use burn::tensor::{Tensor, TensorData};
use dermx_data::Random;
use dermx_model::{NamedTensor, Network};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A loss, with what it looks at and what else learns by it.
///
/// [`CrossEntropy`] is the usual one. Others may read activations inside the network, and may have parameters of
/// their own (a further head, say), which the optimizer moves with those of the network and checkpoints hold.
pub trait Objective: Debug + Send + Sync {
    /// Names of the taps of `network` whose activations [`Self::loss`] reads; see [`Network::tap_names`].
    fn taps(&self, network: &Network) -> Vec<String> {
        let _ = network;
        Vec::new()
    }

    /// Further parameters by name with their starting values, a function of `seed`. [`linear_parameters`]
    /// draws those of a linear layer.
    fn parameters(&self, seed: u64) -> BTreeMap<String, NamedTensor> {
        let _ = seed;
        BTreeMap::new()
    }

    /// Loss of a batch: a mean over its images.
    ///
    /// # Errors
    /// Something that the loss needs is missing.
    fn loss(&self, pass: &Pass<'_>) -> Result<Loss, TrainError>;

    /// Whether it can be learned from `sets`; asked before the first step.
    ///
    /// # Errors
    /// Something that the loss or the scores need is missing.
    fn check(&self, sets: &Sets<'_>) -> Result<(), TrainError> {
        let _ = sets;
        Ok(())
    }

    /// By which weights photos are drawn, with replacement, where [`crate::Sampling::Balanced`] is chosen; `None`
    /// where every class is drawn equally often.
    fn photo_weights(&self, set: LabelledPhotos<'_>) -> Option<Vec<f64>> {
        let _ = set;
        None
    }

    /// Number of images of a batch that the network is right about; `logits` are those of its images one after the
    /// other. As a rule those whose largest logit is that of their class.
    fn num_correct(&self, logits: &[f32], targets: &BatchTargets) -> usize {
        let num_logits = logits.len() / targets.classes.len().max(1);
        let rows = logits.chunks(num_logits.max(1)).zip(&targets.classes);
        rows.filter(|(row, class)| argmax(row) == **class).count()
    }

    /// Scores on the validation photos `set`, of which `logits` are, `num_logits` for each.
    fn score(
        &self,
        logits: &[f32],
        num_logits: usize,
        set: LabelledPhotos<'_>,
    ) -> ValidationMetrics {
        ValidationMetrics::new(logits, set.class_idx, num_logits)
    }
}

/// The forward pass of a batch, as an [`Objective`] sees it.
#[derive(Debug)]
pub struct Pass<'a> {
    /// The network.
    pub network: &'a Network,
    /// `[batch, num_classes]`.
    pub logits: Tensor<2>,
    /// The activations at the taps that the objective names, in their order, each
    /// `[batch, channels, height, width]`.
    pub activations: Vec<Tensor<4>>,
    /// The objective's own parameters.
    pub parameters: &'a Parameters,
    /// What the images should yield.
    pub targets: &'a BatchTargets,
    /// Where the random numbers of the batch come from.
    pub random: PassRandom<'a>,
}

/// Names the random numbers of a batch, so that they depend on neither threads nor the batch.
#[derive(Debug, Clone, Copy)]
pub struct PassRandom<'a> {
    /// Seed of the run.
    pub seed: u64,
    /// The epoch, from 1.
    pub epoch: u32,
    /// Names of the images' draws.
    pub names: &'a [&'a str],
}

/// The loss of a batch.
#[derive(Debug)]
pub struct Loss {
    /// What is differentiated, `[1]`.
    pub value: Tensor<1>,
    /// What it is made of, where that is more than one term: name and value.
    pub parts: BTreeMap<String, f64>,
}

impl From<Tensor<1>> for Loss {
    fn from(value: Tensor<1>) -> Self {
        Self { value, parts: BTreeMap::new() }
    }
}

impl Pass<'_> {
    /// The activation at the tap that the objective names at place `idx`.
    ///
    /// # Errors
    /// It names fewer.
    pub fn activation(&self, idx: usize) -> Result<Tensor<4>, TrainError> {
        let found = self.activations.get(idx).cloned();
        found.ok_or_else(|| TrainError::Objective(format!("it names no tap at place {idx}")))
    }

    /// A tensor of the batch's device without a gradient.
    pub fn constant<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &self.logits.device())
    }
}

impl PassRandom<'_> {
    /// Factors of dropout for `num_values` values of each image, `[batch, num_values]` in row-major order: 0
    /// with probability `rate`, and `1 / (1 - rate)` else.
    pub fn dropout(&self, purpose: &str, num_values: usize, rate: f64) -> Vec<f32> {
        if rate == 0.0 {
            return vec![1.0; self.names.len() * num_values];
        }
        let kept = (1.0 / (1.0 - rate)) as f32;
        let factors = self.names.iter().flat_map(|name| {
            let mut random = Random::new(self.seed, purpose, u64::from(self.epoch), name);
            (0..num_values).map(move |_| if random.unit() < rate { 0.0 } else { kept })
        });
        factors.collect()
    }
}

/// Starting values of a linear layer `name`: `name.weight`, `[outputs, inputs]`, uniform in
/// `+-sqrt(6 / (inputs + outputs))` (Glorot and Bengio, 2010), and `name.bias`, zeros.
pub fn linear_parameters(
    name: &str,
    [outputs, inputs]: [usize; 2],
    seed: u64,
) -> [(String, NamedTensor); 2] {
    let tensor = |part: &str, shape: Vec<usize>| {
        let name = format!("{name}.{part}");
        let tensor = initial_tensor(&name, shape, seed);
        (name, tensor)
    };
    [tensor("weight", vec![outputs, inputs]), tensor("bias", vec![outputs])]
}
