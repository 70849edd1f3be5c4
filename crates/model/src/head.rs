//! What turns the last feature maps into logits.

use crate::drop::{DropSite, DropUnit};
use crate::families::FAMILIES;
use crate::layout::channels_first;
use crate::tap::Tap;
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::tensor::Tensor;
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

/// From the last feature maps to the inputs of the linear layer.
#[derive(Module, Debug)]
pub struct Pooling {
    flatten: bool,
    dropout: f64,
}

impl Pooling {
    /// The pooling of `head` in a network that drops features at the rate `dropout`.
    pub(crate) fn new(head: Head, dropout: f64) -> Self {
        let dropout = if head == Head::GapBn { 0.2 } else { dropout };
        Self { flatten: head == Head::Flatten, dropout }
    }

    /// Pools or flattens, normalizes, and calls the tap of dropout.
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
        channels_first(x).flatten(1, 3)
    }

    pub(crate) fn drop_site(&self) -> Option<DropSite> {
        let site =
            DropSite { name: DROPOUT.to_string(), rate: self.dropout, unit: DropUnit::Value };
        (self.dropout > 0.0).then_some(site)
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
