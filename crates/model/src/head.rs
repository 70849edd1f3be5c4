//! What turns the last feature maps into logits.

use crate::drop::{DropSite, DropUnit};
use crate::network::Tap;
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Name of the tap where training drops features of the head.
const DROPOUT: &str = "dropout";

/// What turns the last feature maps into logits.
///
/// All end in a linear layer. An EfficientNet drops some of its inputs in training, at the rate of
/// its size, as torchvision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Global average pooling and a linear layer; takes any image size.
    Gap,
    /// Global average pooling, batch normalization (epsilon 1e-3, momentum 0.99 in Keras' sense),
    /// dropout of 0.2 and a linear layer, as the DermX study did for EfficientNet-B4.
    GapBn,
    /// All cells of the feature maps and a linear layer, as the DermX study did for ResNet-50;
    /// bound to one image size.
    Flatten,
}

/// Whether a parameter of that torchvision name belongs to the head.
pub fn is_head(name: &str) -> bool {
    ["fc.", "fc_bn.", "classifier."].iter().any(|head| name.starts_with(head))
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

    /// Pools or flattens, normalizes, and lets training drop.
    ///
    /// # Shapes
    /// - `x`: `[batch, channels, height, width]`
    /// - output: `[batch, features]`
    pub(crate) fn forward(
        &self,
        x: Tensor<4>,
        norm: Option<&BatchNorm>,
        tap: Tap<'_>,
    ) -> Tensor<2> {
        let mut x = if self.flatten { x } else { x.mean_dims(&[2, 3]) };
        if let Some(norm) = norm {
            x = norm.forward(x);
        }
        if self.dropout > 0.0 {
            x = tap(DROPOUT, x);
        }
        x.flatten(1, 3)
    }

    pub(crate) fn drop_site(&self) -> Option<DropSite> {
        let site =
            DropSite { name: DROPOUT.to_string(), rate: self.dropout, unit: DropUnit::Value };
        (self.dropout > 0.0).then_some(site)
    }
}
