//! Networks with named taps, and their weights.
//!
//! Every network has one forward, [`Network::forward_tapped`]: training, prediction and Grad-CAM go
//! through the same code. Fields are named as in torchvision, so weights keep torchvision's names.
//! This crate knows nothing of data sets, losses or explanations.

mod architecture;
mod block;
mod drop;
mod efficientnet;
mod head;
mod layers;
mod mbconv;
mod network;
mod parameter;
mod resnet;
mod trainable;
mod weights;

pub use architecture::Architecture;
pub use block::Block;
pub use drop::{DropSite, DropUnit};
pub use efficientnet::EfficientNet;
pub use head::{Head, is_head};
pub use layers::SqueezeExcitation;
pub use network::{Network, NetworkConfig, Padding, Variant};
pub use parameter::ParameterPath;
pub use resnet::ResNet;
pub use trainable::{BatchNormMode, PRESETS, set_trainable};
pub use weights::{
    NamedTensor, WeightsError, export_weights, import_weights, read_safetensors, write_safetensors,
};
