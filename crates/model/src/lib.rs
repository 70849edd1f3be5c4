//! Networks with named taps, and their weights.
//!
//! Every network has one forward, [`Network::forward_tapped`]: training, prediction and Grad-CAM go
//! through the same code. Fields are named as in torchvision, so weights keep torchvision's names.
//! This crate knows nothing of data sets, losses or explanations.

mod block;
mod network;
mod parameter;
mod resnet;
mod trainable;
mod weights;

pub use block::Block;
pub use network::{Architecture, Head, Network, NetworkConfig};
pub use parameter::ParameterPath;
pub use resnet::ResNet;
pub use trainable::set_trainable;
pub use weights::{
    NamedTensor, WeightsError, export_weights, import_weights, read_safetensors, write_safetensors,
};
