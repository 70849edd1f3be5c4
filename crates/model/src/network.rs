//! The networks by name, behind one type.

use crate::resnet::ResNet;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The name of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// ResNet-18, 11.7 M parameters with 1000 classes.
    Resnet18,
    /// ResNet-50, 25.6 M parameters with 1000 classes.
    Resnet50,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 2] = [Self::Resnet18, Self::Resnet50];

    /// The name in configurations and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet50 => "resnet50",
        }
    }

    /// Number of feature maps before the head.
    pub const fn num_features(self) -> usize {
        match self {
            Self::Resnet18 => 512,
            Self::Resnet50 => 2048,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Architecture {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{name}` is not an architecture; there are: {names}")
        })
    }
}

/// What turns the last feature maps into logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// Global average pooling and a linear layer; takes any image size.
    Gap,
    /// All cells of the feature maps and a linear layer, as the DermX study did for ResNet-50;
    /// bound to one image size.
    Flatten,
}

/// What a network is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkConfig {
    /// Which network.
    pub architecture: Architecture,
    /// Which head.
    pub head: Head,
    /// Number of logits.
    pub num_classes: usize,
    /// Stride of the last stage: 2, or 1 for feature maps (and heat maps) of twice the resolution.
    ///
    /// # Source
    /// 1: Luo et al., 2019, <https://arxiv.org/abs/1903.07071>, "last stride".
    pub last_stride: usize,
    /// `[height, width]` of the images in pixels; only [`Head::Flatten`] depends on it.
    pub input_size: [usize; 2],
}

impl NetworkConfig {
    /// `[height, width]` of the last feature maps for images of `size` pixels.
    pub fn feature_size(&self, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side.div_ceil(16 * self.last_stride))
    }

    /// Builds the network on `device` with Burn's default initialization.
    pub fn init(&self, device: &Device) -> Network {
        match self.architecture {
            Architecture::Resnet18 | Architecture::Resnet50 => {
                Network::ResNet(ResNet::new(self, device))
            }
        }
    }
}

/// A network of any architecture.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Network {
    /// ResNet-18 or ResNet-50.
    ResNet(ResNet),
}

impl Network {
    /// The one forward pass: logits, with `tap` called at every named tap in execution order.
    ///
    /// The pass goes on with the tensor that `tap` returns, so a caller can look at, replace or
    /// detach an activation. Batch normalization uses batch statistics only on an autodiff device
    /// and only while its training flag is on; freeze the network to explain it.
    ///
    /// # Shapes
    /// - `images`: `[batch, 3, height, width]`, standardized
    /// - output: `[batch, num_classes]`
    pub fn forward_tapped(
        &self,
        images: Tensor<4>,
        tap: &mut dyn FnMut(&str, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        match self {
            Self::ResNet(network) => network.forward_tapped(images, tap),
        }
    }

    /// Logits; [`Self::forward_tapped`] with taps that do nothing.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_tapped(images, &mut |_, x| x)
    }

    /// Names of the taps in execution order.
    pub fn tap_names(&self) -> Vec<String> {
        match self {
            Self::ResNet(network) => network.tap_names(),
        }
    }

    /// The tap that class activation maps read unless told otherwise: the last convolutional block.
    pub fn last_tap(&self) -> &'static str {
        match self {
            Self::ResNet(_) => "layer4",
        }
    }
}
