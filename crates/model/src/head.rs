//! What turns the last feature maps into logits.

use crate::config::NetworkConfig;
use crate::drop::{DropSite, DropUnit};
use crate::families::FAMILIES;
use crate::layout::channels_first;
use crate::tap::Tap;
use burn::module::Module;
use burn::nn::{BatchNorm, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use dermx_kernels::global_avg_pool;
use serde::{Deserialize, Serialize};

/// Name of the tap where training drops features of the head.
const DROPOUT: &str = "dropout";

/// What turns the last feature maps into logits.
///
/// Every head ends in a linear layer. In training, a network applies dropout to the inputs of that layer
/// where torchvision's does, at its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Global average pooling and a linear layer; takes any image size.
    Gap,
    /// Global average pooling, batch normalization (epsilon 1e-3, momentum 0.99 in Keras' sense),
    /// dropout of 0.2 and a linear layer, as the DermX study did for EfficientNet-B4.
    GapBn,
    /// A linear layer on all cells of the feature maps, as the DermX study did for ResNet-50; works
    /// for one image size only.
    Flatten,
    /// Pooling to a few cells, hidden linear layers with dropout, and a linear layer, as the authors of
    /// the first networks did; takes any image size.
    Mlp,
    /// The class token and a linear layer, as in a vision transformer.
    Token,
}

/// Whether a parameter of that name belongs to the head of a network. No family has a name before the
/// head that is one of a head in another.
pub fn is_head(name: &str) -> bool {
    FAMILIES.iter().any(|family| family.is_head(name))
}

/// First part of the names of the parameters between pooling and the linear layer of the classes, in every family.
pub(crate) const POOLING: &str = "pooling";

/// What a head is built from that tells concepts, and the classes from them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConceptHeadConfig {
    /// Number of concepts.
    pub num_concepts: usize,
    /// Number of hidden values, of the concepts and of the classes each.
    pub num_hidden: usize,
    /// Share of the features, and of the hidden values, that training drops.
    pub dropout: f64,
}

impl ConceptHeadConfig {
    /// The smallest there is.
    pub(crate) const SMALLEST: Self = Self { num_concepts: 1, num_hidden: 1, dropout: 0.0 };
}

/// Between the pooled features and the linear layer of the classes: hidden values for the classes, and concepts, whose
/// logits the classes are told from, too.
///
/// With dropout `d`, features `f` and linear layers `L`: concepts are `c = L(d(relu(L(d(f)))))`, and the linear
/// layer of the classes takes `d(relu(L(d(f))))`, with layers of its own, followed by `c`.
///
/// # Source
/// The heads with a skip connection of Jalaboi et al., 2023, <https://doi.org/10.1016/j.media.2022.102647>.
#[derive(Module, Debug)]
pub struct ConceptHead {
    characteristics: (Linear, Linear),
    classes: Linear,
    dropout: f64,
}

/// Names of the taps of a [`ConceptHead`], which see values as feature maps of one cell.
#[derive(Debug)]
pub struct ConceptTaps;

impl ConceptTaps {
    /// The features that the concepts are told from, after dropout.
    pub const FEATURES: &'static str = "concepts.features";
    /// Their hidden values, after dropout.
    pub const HIDDEN: &'static str = "concepts.hidden";
    /// Their logits.
    pub const LOGITS: &'static str = "concepts";
    const OF_CLASSES: [&'static str; 2] = ["classes.features", "classes.hidden"];
}

impl ConceptHead {
    fn new(config: ConceptHeadConfig, num_features: usize, device: &Device) -> Self {
        let ConceptHeadConfig { num_concepts, num_hidden, dropout } = config;
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        Self {
            characteristics: (linear(num_features, num_hidden), linear(num_hidden, num_concepts)),
            classes: linear(num_features, num_hidden),
            dropout,
        }
    }

    /// # Shapes
    /// - `features`: `[batch, features]`
    /// - output: `[batch, hidden + concepts]`
    fn forward(&self, features: Tensor<2>, tap: &mut Tap<'_>) -> Tensor<2> {
        let (hidden, output) = &self.characteristics;
        let x = tapped(tap, ConceptTaps::FEATURES, features.clone());
        let x = tapped(tap, ConceptTaps::HIDDEN, relu(hidden.forward(x)));
        let concepts = tapped(tap, ConceptTaps::LOGITS, output.forward(x));
        let [before, behind] = ConceptTaps::OF_CLASSES;
        let x = tapped(tap, before, features);
        let x = tapped(tap, behind, relu(self.classes.forward(x)));
        Tensor::cat(vec![x, concepts], 1)
    }

    /// The matrices from the features to the hidden values of the concepts, and from there to their logits.
    ///
    /// # Shapes
    /// - `[features, hidden]`, `[hidden, concepts]`
    pub fn concept_weights(&self) -> [Tensor<2>; 2] {
        let (hidden, output) = &self.characteristics;
        [hidden, output].map(|linear| linear.weight.val())
    }

    fn tap_names() -> [&'static str; 5] {
        let [before, behind] = ConceptTaps::OF_CLASSES;
        [ConceptTaps::FEATURES, ConceptTaps::HIDDEN, ConceptTaps::LOGITS, before, behind]
    }
}

/// `x`, `[batch, values]`, after the tap `name`.
fn tapped(tap: &mut Tap<'_>, name: &str, x: Tensor<2>) -> Tensor<2> {
    let [batch, num_values] = x.dims();
    tap.apply(name, x.reshape([batch, 1, 1, num_values])).reshape([batch, num_values])
}

/// From the last feature maps to the inputs of the linear layer.
#[derive(Module, Debug)]
pub struct Pooling {
    flatten: bool,
    dropout: f64,
    concepts: Option<ConceptHead>,
}

impl Pooling {
    /// The pooling of `config` in a network that drops features at the rate `dropout`.
    pub(crate) fn new(config: &NetworkConfig, dropout: f64, device: &Device) -> Self {
        let dropout = match (config.head, config.concept_head) {
            (_, Some(_)) => 0.0,
            (Head::GapBn, None) => 0.2,
            _ => dropout,
        };
        let num_features = config.architecture.num_features();
        let concepts =
            config.concept_head.map(|config| ConceptHead::new(config, num_features, device));
        Self { flatten: config.head == Head::Flatten, dropout, concepts }
    }

    /// Pools or flattens, normalizes, calls the tap of dropout, and tells concepts where there is a head for them.
    ///
    /// # Shapes
    /// - `x`: `[batch, height, width, channels]`
    /// - output: `[batch, features]`
    pub(crate) fn forward(
        &self,
        x: Tensor<4>,
        norm: Option<&BatchNorm>,
        tap: &mut Tap<'_>,
    ) -> Tensor<2> {
        let mut x = if self.flatten { x } else { pooled(x, norm) };
        if self.dropout > 0.0 {
            x = tap.apply(DROPOUT, x);
        }
        // The weights of the linear layer expect the order channels, height, width.
        let features = channels_first(x).flatten(1, 3);
        match &self.concepts {
            Some(concepts) => concepts.forward(features, tap),
            None => features,
        }
    }

    pub(crate) const fn concepts(&self) -> Option<&ConceptHead> {
        self.concepts.as_ref()
    }

    pub(crate) fn tap_names(&self) -> Vec<String> {
        let dropout = (self.dropout > 0.0).then_some(DROPOUT);
        let of_concepts = self.concepts.iter().flat_map(|_| ConceptHead::tap_names());
        dropout.into_iter().chain(of_concepts).map(str::to_string).collect()
    }

    pub(crate) fn drop_sites(&self) -> Vec<DropSite> {
        let rate_at = |name: String| match &self.concepts {
            Some(_) if name == ConceptTaps::LOGITS => None,
            Some(concepts) => Some((name, concepts.dropout)),
            None => Some((name, self.dropout)),
        };
        let sites = self.tap_names().into_iter().filter_map(rate_at);
        let sites = sites.filter(|(_, rate)| *rate > 0.0);
        sites.map(|(name, rate)| DropSite { name, rate, unit: DropUnit::Value }).collect()
    }
}

/// The mean of each channel, normalized: `[batch, 1, 1, channels]`.
fn pooled(x: Tensor<4>, norm: Option<&BatchNorm>) -> Tensor<4> {
    let means = global_avg_pool(x);
    let [batch, channels] = means.dims();
    let means = match norm {
        Some(norm) => norm.forward(means),
        None => means,
    };
    means.reshape([batch, 1, 1, channels])
}
