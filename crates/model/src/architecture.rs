//! Names of the networks.

use crate::family::{EfficientNetScale, Family, ResNetDepth};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The name of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Architecture {
    Resnet18,
    Resnet34,
    Resnet50,
    Resnet101,
    Resnet152,
    EfficientnetB0,
    EfficientnetB1,
    EfficientnetB2,
    EfficientnetB3,
    EfficientnetB4,
    EfficientnetB5,
    EfficientnetB6,
    EfficientnetB7,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 13] = [
        Self::Resnet18,
        Self::Resnet34,
        Self::Resnet50,
        Self::Resnet101,
        Self::Resnet152,
        Self::EfficientnetB0,
        Self::EfficientnetB1,
        Self::EfficientnetB2,
        Self::EfficientnetB3,
        Self::EfficientnetB4,
        Self::EfficientnetB5,
        Self::EfficientnetB6,
        Self::EfficientnetB7,
    ];

    /// The name in configurations and on the command line; torchvision's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::Resnet50 => "resnet50",
            Self::Resnet101 => "resnet101",
            Self::Resnet152 => "resnet152",
            Self::EfficientnetB0 => "efficientnet_b0",
            Self::EfficientnetB1 => "efficientnet_b1",
            Self::EfficientnetB2 => "efficientnet_b2",
            Self::EfficientnetB3 => "efficientnet_b3",
            Self::EfficientnetB4 => "efficientnet_b4",
            Self::EfficientnetB5 => "efficientnet_b5",
            Self::EfficientnetB6 => "efficientnet_b6",
            Self::EfficientnetB7 => "efficientnet_b7",
        }
    }

    /// Number of feature maps before the head.
    pub fn num_features(self) -> usize {
        match self.family() {
            Family::ResNet(depth) => depth.num_features(),
            Family::EfficientNet(scale) => scale.num_features(),
        }
    }

    /// torchvision's name of the matrix of the linear layer.
    pub fn head_matrix(self) -> &'static str {
        if self.is_resnet() { "fc.weight" } else { "classifier.1.weight" }
    }

    /// Whether it is a ResNet; else it is an EfficientNet.
    pub fn is_resnet(self) -> bool {
        matches!(self.family(), Family::ResNet(_))
    }

    /// Blocks of each ResNet; multipliers of width and depth and the rate of dropout of each
    /// EfficientNet, as in torchvision.
    pub(crate) const fn family(self) -> Family {
        match self {
            Self::Resnet18 => Family::ResNet(ResNetDepth::basic([2, 2, 2, 2])),
            Self::Resnet34 => Family::ResNet(ResNetDepth::basic([3, 4, 6, 3])),
            Self::Resnet50 => Family::ResNet(ResNetDepth::bottleneck([3, 4, 6, 3])),
            Self::Resnet101 => Family::ResNet(ResNetDepth::bottleneck([3, 4, 23, 3])),
            Self::Resnet152 => Family::ResNet(ResNetDepth::bottleneck([3, 8, 36, 3])),
            Self::EfficientnetB0 => Family::EfficientNet(EfficientNetScale::new(1.0, 1.0, 0.2)),
            Self::EfficientnetB1 => Family::EfficientNet(EfficientNetScale::new(1.0, 1.1, 0.2)),
            Self::EfficientnetB2 => Family::EfficientNet(EfficientNetScale::new(1.1, 1.2, 0.3)),
            Self::EfficientnetB3 => Family::EfficientNet(EfficientNetScale::new(1.2, 1.4, 0.3)),
            Self::EfficientnetB4 => Family::EfficientNet(EfficientNetScale::new(1.4, 1.8, 0.4)),
            Self::EfficientnetB5 => Family::EfficientNet(EfficientNetScale::new(1.6, 2.2, 0.4)),
            Self::EfficientnetB6 => Family::EfficientNet(EfficientNetScale::new(1.8, 2.6, 0.5)),
            Self::EfficientnetB7 => Family::EfficientNet(EfficientNetScale::new(2.0, 3.1, 0.5)),
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
