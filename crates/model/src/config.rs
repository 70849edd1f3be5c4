//! What a network is built from.

use crate::architecture::Architecture;
use crate::descriptor::NormSettings;
use crate::head::{ConceptHeadConfig, Head};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// No network needs longer sides, in pixels.
const MAX_MIN_SIDE_PX: usize = 1024;

/// Where a ResNet strides, and its batch normalization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// The 3x3 convolution of a bottleneck strides ("v1.5"); epsilon 1e-5, momentum 0.1.
    Torchvision,
    /// As in the paper and in Keras: stride in the first 1x1 convolution of a bottleneck; epsilon
    /// 1.001e-5 and momentum 0.01 (0.99 as Keras counts).
    V1,
}

/// What feature maps are surrounded with: zeros for convolutions, for poolings what is never the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// As much on all sides: `(k - 1) / 2`.
    #[serde(alias = "symmetric")]
    Torchvision,
    /// TensorFlow's "SAME": with `p = max(0, (ceil(n / s) - 1) s + k - n)` in all, `floor(p / 2)`
    /// above and left and the rest below and right. Differs for even sizes where there is a stride.
    /// Blocks of a MobileNet that stride have one row below and one column to the right, as in Keras.
    /// Means of an InceptionV3 are over the cells that there are, and do not count the border's zeros.
    /// Nothing else changes: the epsilons of the batch normalizations stay torchvision's.
    #[serde(alias = "same")]
    Tf,
}

impl Padding {
    /// The name in configurations and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Torchvision => "torchvision",
            Self::Tf => "tf",
        }
    }
}

/// What a network is built from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NetworkConfig {
    /// Which network.
    pub architecture: Architecture,
    /// Which head.
    pub head: Head,
    /// Number of logits.
    pub num_classes: usize,
    /// Which kind; see [`Architecture::takes_variant`].
    pub variant: Variant,
    /// Which padding; see [`Architecture::takes_padding`]. It is the same in all libraries elsewhere.
    pub padding: Padding,
    /// Epsilon of the batch normalizations before the head; `None` for that of torchvision, or of
    /// Keras for [`Variant::V1`].
    pub batch_norm_epsilon: Option<f64>,
    /// Stride of the last stage that has one: 2, or 1 for feature maps (and heat maps) of twice the
    /// resolution; see [`Architecture::takes_last_stride`].
    ///
    /// # Source
    /// 1: Luo et al., 2019, <https://arxiv.org/abs/1903.07071>, "last stride".
    pub last_stride: usize,
    /// `[height, width]` of the images in pixels; only [`Head::Flatten`] depends on it.
    pub input_size: [usize; 2],
    /// Concepts from which the classes are told, too, with [`Head::Gap`]; see
    /// [`Architecture::takes_concept_head`].
    pub concept_head: Option<ConceptHeadConfig>,
}

impl NetworkConfig {
    /// The network as torchvision builds it.
    pub const fn torchvision(architecture: Architecture, num_classes: usize) -> Self {
        Self {
            architecture,
            head: architecture.family().heads[0],
            num_classes,
            variant: Variant::Torchvision,
            padding: Padding::Torchvision,
            batch_norm_epsilon: None,
            last_stride: 2,
            input_size: [224, 224],
            concept_head: None,
        }
    }

    /// The network with torchvision's settings and a head of the given `shapes`, which are keyed by
    /// torchvision's names. `None` if the matrix [`Architecture::head_matrix`] is missing.
    ///
    /// A [`Head::Flatten`] tells the number of cells of the last feature maps, but not their height
    /// and width: `input_size` is then chosen so that they form one column.
    pub fn of_shapes(
        architecture: Architecture,
        shapes: &BTreeMap<String, Vec<usize>>,
    ) -> Option<Self> {
        let &[num_classes, num_inputs] = shapes.get(&architecture.head_matrix())?.as_slice() else {
            return None;
        };
        if num_classes == 0 {
            return None;
        }
        let head = architecture.usual_head();
        let has_norm = architecture.takes_head(Head::GapBn)
            && shapes.contains_key(&format!("{}.weight", architecture.family().head.norm));
        let torchvision = Self { head, ..Self::torchvision(architecture, num_classes) };
        let hidden = architecture.family().head.hidden.as_ref();
        if hidden.is_some_and(|hidden| shapes.contains_key(&format!("{}.weight", hidden.first))) {
            return Some(Self { head: Head::Mlp, ..torchvision });
        }
        if let Some(concept_head) = concept_head_of(shapes) {
            return Some(Self { concept_head: Some(concept_head), ..torchvision });
        }
        let num_features = architecture.num_features();
        Some(match num_inputs == num_features {
            true if has_norm => Self { head: Head::GapBn, ..torchvision },
            true => torchvision,
            false if !architecture.takes_head(Head::Flatten) => torchvision,
            false => {
                let num_cells = (num_inputs / num_features).max(1);
                Self { head: Head::Flatten, input_size: [32 * num_cells, 32], ..torchvision }
            }
        })
    }

    /// `[height, width]` of the last feature maps for images of `size` pixels.
    pub fn feature_size(&self, size: [usize; 2]) -> [usize; 2] {
        self.architecture.descriptor.blueprint.feature_size(self, size)
    }

    /// The shortest side of images of which the last feature maps still have a cell, in pixels.
    pub fn min_side_px(&self) -> usize {
        let has_cells = |&side: &usize| self.feature_size([side; 2]).iter().all(|cells| *cells > 0);
        (1..MAX_MIN_SIDE_PX).find(has_cells).unwrap_or(MAX_MIN_SIDE_PX)
    }

    /// Whether `value` is a valid epsilon of batch normalization: positive and at most 1.
    pub fn is_epsilon(value: f64) -> bool {
        value > 0.0 && value <= 1.0
    }

    /// Epsilon of the batch normalizations before the head.
    pub fn epsilon(&self) -> f64 {
        self.batch_norm_epsilon.unwrap_or(self.batch_norm().epsilon)
    }

    /// The usual settings of the batch normalizations before the head.
    pub(crate) fn batch_norm(&self) -> NormSettings {
        self.architecture.descriptor.blueprint.batch_norm(self)
    }

    /// The batch normalization of the head, if it has one.
    pub(crate) fn head_norm(&self, device: &Device) -> Option<BatchNorm> {
        let config = BatchNormConfig::new(self.architecture.num_features());
        (self.head == Head::GapBn)
            .then(|| config.with_epsilon(1e-3).with_momentum(0.01).init(device))
    }

    /// The linear layer of the head.
    pub(crate) fn head_linear(&self, device: &Device) -> Linear {
        let num_features = self.architecture.num_features();
        let hidden = self.architecture.family().head.hidden.as_ref();
        let of_concepts = self.concept_head.map(|head| head.num_hidden + head.num_concepts);
        let num_inputs = match self.head {
            Head::Gap | Head::GapBn | Head::Token => num_features,
            Head::Flatten => {
                num_features * self.feature_size(self.input_size).iter().product::<usize>()
            }
            Head::Mlp => hidden.map_or(num_features, |hidden| hidden.num_features),
        };
        LinearConfig::new(of_concepts.unwrap_or(num_inputs), self.num_classes).init(device)
    }
}

/// The head for concepts that weights of `shapes` have. Its dropout they do not tell.
fn concept_head_of(shapes: &BTreeMap<String, Vec<usize>>) -> Option<ConceptHeadConfig> {
    let output = shapes.get("pooling.concepts.characteristics.1.weight")?;
    let &[num_concepts, num_hidden] = output.as_slice() else { return None };
    Some(ConceptHeadConfig { num_concepts, num_hidden, dropout: 0.0 })
}
