//! What the names of weights tell about how their network computes.
//!
//! Networks that compute differently may have weights of the same names and shapes: padding, the
//! epsilon of batch normalization and blurred strides have no weights.
//!
//! # Source
//! timm 1.0.31: `tests/same_names/generate.py` lists all its networks whose weights have the names and
//! shapes of one here.

use crate::architecture::Architecture;
use crate::config::{NetworkConfig, Padding, Variant};
use crate::file::keras_epsilon;
use crate::weight_names::Naming;

/// What a name of timm's older versions adds to a network for the data that it was trained on.
const TRAININGS: [&str; 4] = ["_ap", "_ns", "_aa", "_jft"];

/// How a network computes beyond the shapes of its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Computation {
    /// Where a ResNet strides, if that is told.
    pub variant: Option<Variant>,
    /// Where it pads.
    pub padding: Padding,
    /// Epsilon of its batch normalizations before the head.
    pub epsilon: f64,
    /// What the names leave open: which other networks have them.
    pub doubt: Option<String>,
}

/// A network that has the names and shapes of one here and is not computed here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "they are of a `{0}`, which has the names of an ordinary network but blurs where it strides; that \
     is not computed here"
)]
pub struct OtherNetwork(pub String);

impl Computation {
    /// How the network of weights with names of `naming` computes that fit `architecture`; `claimed` is
    /// what the file says that it is called, with timm's or torchvision's name.
    ///
    /// # Errors
    /// A network that is not computed here.
    pub fn of(
        architecture: Architecture,
        naming: Naming,
        claimed: Option<&str>,
    ) -> Result<Self, OtherNetwork> {
        if let Some(epsilon) = claimed.and_then(keras_epsilon) {
            return Ok(Self::of_keras(architecture, epsilon));
        }
        if naming == Naming::EfficientNetPytorch {
            return Ok(Self::OF_TENSORFLOW);
        }
        let name = architecture.name();
        let claimed = claimed.map(plain);
        let (family, blurred) = (architecture.family(), architecture.descriptor.blurred);
        if let Some(other) = blurred.iter().find(|other| claimed.as_deref() == Some(**other)) {
            return Err(OtherNetwork((*other).to_string()));
        }
        let usual = NetworkConfig::torchvision(architecture, 1).epsilon();
        // All EfficientNets of timm have PyTorch's epsilon, but those of TensorFlow.
        let epsilon = if naming == Naming::Timm { 1e-5 } else { usual };
        let ordinary = Self { variant: None, padding: Padding::Torchvision, epsilon, doubt: None };
        let of_tensorflow = format!("tf_{name}");
        match claimed.as_deref() {
            Some(claimed) if claimed == of_tensorflow && family.timm_has_tf => {
                Ok(Self::OF_TENSORFLOW)
            }
            Some(claimed) if is_ordinary(claimed, name) => Ok(ordinary),
            _ => {
                let mut others: Vec<String> = Vec::new();
                if naming == family.timm && family.timm_has_tf {
                    others.push(format!("tf_{name} (padding tf, epsilon 1e-3)"));
                }
                if naming == family.timm {
                    others
                        .extend(blurred.iter().map(|other| format!("{other} (not computed here)")));
                }
                let doubt = (!others.is_empty()).then(|| {
                    format!("weights of timm's {} have the same names", others.join(" and "))
                });
                Ok(Self { doubt, ..ordinary })
            }
        }
    }
}

impl Computation {
    /// As TensorFlow pads, with the epsilon of its authors' networks.
    const OF_TENSORFLOW: Self =
        Self { variant: None, padding: Padding::Tf, epsilon: 1e-3, doubt: None };

    /// How Keras' own networks compute: where a network takes it with TensorFlow's padding, its ResNets in their own way.
    ///
    /// # Source
    /// Keras 3, the files of `keras/src/applications`.
    fn of_keras(architecture: Architecture, epsilon: f64) -> Self {
        let takes = |padding: &Padding| architecture.takes_padding(*padding);
        let padding = Some(Padding::Tf).filter(takes).unwrap_or(Padding::Torchvision);
        let variant = architecture.takes_variant(Variant::V1).then_some(Variant::V1);
        Self { variant, padding, epsilon, doubt: None }
    }
}

/// Whether `claimed` is a name of the network that torchvision and timm call `name`.
fn is_ordinary(claimed: &str, name: &str) -> bool {
    let claimed = ["tv_", "gluon_", "ssl_", "swsl_", "legacy_"]
        .iter()
        .find_map(|start| claimed.strip_prefix(start))
        .unwrap_or(claimed);
    let claimed = claimed.strip_suffix("_v1b").unwrap_or(claimed);
    claimed == name || claimed.strip_suffix('a').is_some_and(|claimed| claimed == name)
}

/// The name of a network without where it comes from and what it was trained on:
/// `hf_hub:timm/tf_efficientnet_b0.ns_jft_in1k` is a `tf_efficientnet_b0`.
fn plain(claimed: &str) -> String {
    let name = claimed.rsplit(['/', ':']).next().unwrap_or(claimed).to_ascii_lowercase();
    let name = name.split('.').next().unwrap_or_default();
    let shorter = TRAININGS.iter().find_map(|end| name.strip_suffix(end));
    shorter.unwrap_or(name).to_string()
}
