//! The networks behind one type.

use crate::architecture::{Architecture, Plan};
use crate::drop::DropSite;
use crate::efficientnet::EfficientNet;
use crate::head::Head;
use crate::layers::{Tracer, channels_first, channels_last};
use crate::resnet::ResNet;
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use dermx_kernels::cpu::ConvShape;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a ResNet strides, and its batch normalization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Stride in the 3x3 convolution of a bottleneck ("v1.5"); epsilon 1e-5, momentum 0.1.
    Torchvision,
    /// As in the paper and in Keras: stride in the first 1x1 convolution of a bottleneck; epsilon
    /// 1.001e-5 and momentum 0.01 (0.99 as Keras counts).
    V1,
}

/// Where an EfficientNet pads with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// As much on all sides: `(k - 1) / 2`.
    #[serde(alias = "symmetric")]
    Torchvision,
    /// TensorFlow's "SAME": with `p = max(0, (ceil(n / s) - 1) s + k - n)` in all, `floor(p / 2)`
    /// above and left and the rest below and right. Differs for even sizes where there is a stride.
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
    /// Which kind of ResNet; nothing to an EfficientNet.
    pub variant: Variant,
    /// Which padding; nothing to a ResNet, whose padding is the same in all libraries.
    pub padding: Padding,
    /// Epsilon of the batch normalizations before the head; `None` for that of torchvision, or of
    /// Keras for [`Variant::V1`].
    pub batch_norm_epsilon: Option<f64>,
    /// Stride of the last stage that has one: 2, or 1 for feature maps (and heat maps) of twice the
    /// resolution.
    ///
    /// # Source
    /// 1: Luo et al., 2019, <https://arxiv.org/abs/1903.07071>, "last stride".
    pub last_stride: usize,
    /// `[height, width]` of the images in pixels; only [`Head::Flatten`] depends on it.
    pub input_size: [usize; 2],
}

/// Names of the scale of a head's batch normalization.
const HEAD_NORMS: [&str; 2] = ["fc_bn.weight", "classifier.0.weight"];

impl NetworkConfig {
    /// The network as torchvision builds it.
    pub const fn torchvision(architecture: Architecture, num_classes: usize) -> Self {
        Self {
            architecture,
            head: Head::Gap,
            num_classes,
            variant: Variant::Torchvision,
            padding: Padding::Torchvision,
            batch_norm_epsilon: None,
            last_stride: 2,
            input_size: [224, 224],
        }
    }

    /// The network of torchvision's kind whose head has the shapes that `shapes` gives for
    /// torchvision's names; `None` without the matrix [`Architecture::head_matrix`].
    ///
    /// A head on all cells of the last feature maps does not tell how high and wide they are:
    /// `input_size` is then that of an image whose cells make one column.
    pub fn of_shapes(
        architecture: Architecture,
        shapes: &BTreeMap<String, Vec<usize>>,
    ) -> Option<Self> {
        let &[num_classes, num_inputs] = shapes.get(architecture.head_matrix())?.as_slice() else {
            return None;
        };
        if num_classes == 0 {
            return None;
        }
        let has_norm = HEAD_NORMS.iter().any(|name| shapes.contains_key(*name));
        let torchvision = Self::torchvision(architecture, num_classes);
        let num_features = architecture.num_features();
        Some(match num_inputs == num_features {
            true if has_norm => Self { head: Head::GapBn, ..torchvision },
            true => torchvision,
            false => {
                let num_cells = (num_inputs / num_features).max(1);
                Self { head: Head::Flatten, input_size: [32 * num_cells, 32], ..torchvision }
            }
        })
    }

    /// `[height, width]` of the last feature maps for images of `size` pixels.
    pub fn feature_size(&self, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side.div_ceil(16 * self.last_stride))
    }

    /// Whether an epsilon of batch normalization may have this value: positive, and at most 1.
    pub fn is_epsilon(value: f64) -> bool {
        value > 0.0 && value <= 1.0
    }

    /// Epsilon of the batch normalizations before the head.
    pub fn epsilon(&self) -> f64 {
        let usual = match (self.architecture.plan(), self.variant) {
            (Plan::ResNet(_), Variant::Torchvision) => 1e-5,
            (Plan::ResNet(_), Variant::V1) => 1.001e-5,
            (Plan::EfficientNet(plan), _) => plan.batch_norm().0,
        };
        self.batch_norm_epsilon.unwrap_or(usual)
    }

    /// Builds the network on `device` with Burn's default initialization.
    pub fn init(&self, device: &Device) -> Network {
        match self.architecture.plan() {
            Plan::ResNet(plan) => Network::ResNet(ResNet::new(&plan, self, device)),
            Plan::EfficientNet(plan) => {
                Network::EfficientNet(EfficientNet::new(&plan, self, device))
            }
        }
    }

    /// The batch normalization of the head, if it has one.
    pub(crate) fn head_norm(&self, device: &Device) -> Option<BatchNorm> {
        let config = BatchNormConfig::new(self.architecture.num_features());
        (self.head == Head::GapBn)
            .then(|| config.with_epsilon(1e-3).with_momentum(0.01).init(device))
    }

    /// The linear layer of the head.
    pub(crate) fn head_linear(&self, device: &Device) -> Linear {
        let num_cells = match self.head {
            Head::Gap | Head::GapBn => 1,
            Head::Flatten => self.feature_size(self.input_size).iter().product(),
        };
        let num_inputs = self.architecture.num_features() * num_cells;
        LinearConfig::new(num_inputs, self.num_classes).init(device)
    }
}

/// Who looks at activations on their way.
pub(crate) struct Tap<'a> {
    /// The taps that are called; all of them if there is no list.
    names: Option<&'a [&'a str]>,
    /// Called with the name and the activation, channels first; the pass goes on with what it
    /// returns.
    call: &'a mut dyn FnMut(&str, Tensor<4>) -> Tensor<4>,
}

impl Tap<'_> {
    /// Whether the tap `name` is called.
    pub fn wants(&self, name: &str) -> bool {
        self.names.is_none_or(|names| names.contains(&name))
    }

    /// What the pass goes on with from the tap `name`.
    ///
    /// # Shapes
    /// - `x` and output: `[batch, height, width, channels]`
    pub fn apply(&mut self, name: &str, x: Tensor<4>) -> Tensor<4> {
        match self.wants(name) {
            true => channels_last((self.call)(name, channels_first(x))),
            false => x,
        }
    }
}

/// A network of any architecture.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Network {
    /// A ResNet.
    ResNet(ResNet),
    /// An EfficientNet.
    EfficientNet(EfficientNet),
}

impl Network {
    /// The one forward pass: logits, with `tap` called at every named tap in execution order.
    ///
    /// The pass goes on with the tensor that `tap` returns, so a caller can look at, replace or
    /// detach an activation; training applies its [`DropSite`]s there. Batch normalization uses
    /// batch statistics only on an autodiff device and only while its training flag is on; freeze
    /// the network to explain it.
    ///
    /// # Shapes
    /// - `images`: `[batch, 3, height, width]`, standardized
    /// - output: `[batch, num_classes]`
    pub fn forward_tapped(
        &self,
        images: Tensor<4>,
        tap: &mut dyn FnMut(&str, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        self.pass(images, Tap { names: None, call: tap })
    }

    /// [`Self::forward_tapped`] with the taps `names` alone; the same bits in less time, since layers
    /// without a tap between them are computed together.
    pub fn forward_tapped_at(
        &self,
        images: Tensor<4>,
        names: &[&str],
        tap: &mut dyn FnMut(&str, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        self.pass(images, Tap { names: Some(names), call: tap })
    }

    /// Logits; [`Self::forward_tapped`] with taps that do nothing.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_tapped_at(images, &[], &mut |_, x| x)
    }

    fn pass(&self, images: Tensor<4>, mut tap: Tap<'_>) -> Tensor<2> {
        match self {
            Self::ResNet(network) => network.forward_tapped(images, &mut tap),
            Self::EfficientNet(network) => network.forward_tapped(images, &mut tap),
        }
    }

    /// All convolutions for `batch` images of `size` (height, width), without those of squeeze and
    /// excitation.
    pub fn conv_shapes(&self, batch: usize, size: [usize; 2]) -> Vec<ConvShape> {
        self.trace(batch, size).shapes
    }

    /// Whether a batch normalization that trains sees one value a channel of a batch of one image of
    /// `size` (height, width): feature maps of one cell, or pooled ones. Its variance is 0 then, and
    /// what comes out does not depend on the image.
    pub fn normalizes_one_value(&self, size: [usize; 2]) -> bool {
        self.trace(1, size).normalizes_one_cell
    }

    fn trace(&self, batch: usize, size: [usize; 2]) -> Tracer {
        let mut tracer = Tracer { batch, size, shapes: Vec::new(), normalizes_one_cell: false };
        match self {
            Self::ResNet(network) => network.trace(&mut tracer),
            Self::EfficientNet(network) => network.trace(&mut tracer),
        }
        tracer
    }

    /// Names of the taps in execution order.
    ///
    /// They are torchvision's names of the modules whose output they see: every stage (`layer4`,
    /// `features.7`), every block (`layer4.2`, `features.7.1`), and in every block what comes
    /// before the sum: the last convolution (`layer4.2.conv3`) of a ResNet, before its batch
    /// normalization, and all of the branch (`features.7.1.block`) of an EfficientNet. Besides
    /// there are `stem` (the pooled first layer of a ResNet), `features.0` and `features.8` (first
    /// and last convolution of an EfficientNet), and `dropout` where the head has one.
    pub fn tap_names(&self) -> Vec<String> {
        match self {
            Self::ResNet(network) => network.tap_names(),
            Self::EfficientNet(network) => network.tap_names(),
        }
    }

    /// The tap that class activation maps read unless told otherwise: the last feature maps.
    pub fn last_tap(&self) -> &'static str {
        match self {
            Self::ResNet(_) => "layer4",
            Self::EfficientNet(_) => "features.8",
        }
    }

    /// The taps at which training drops activations by chance, in execution order.
    pub fn drop_sites(&self) -> Vec<DropSite> {
        match self {
            Self::ResNet(network) => network.drop_sites(),
            Self::EfficientNet(network) => network.drop_sites(),
        }
    }
}
