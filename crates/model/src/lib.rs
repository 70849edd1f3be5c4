//! Networks with named taps, and their weights.
//!
//! Every network has one forward, [`Network::forward_tapped`]: training, prediction and Grad-CAM go
//! through the same code. Fields are named as in torchvision, so weights keep torchvision's names.
//! This crate knows nothing of data sets, losses or explanations.

mod block;
mod file;
mod misfit;
mod network;
mod parameter;
mod resnet;
mod trainable;
mod weight_names;
mod weights;

pub use block::Block;
pub use file::{
    ElementType, TensorInfo, WeightsFile, WeightsFormat, read_weights, write_safetensors,
};
pub use misfit::{Misfit, Misshapen};
pub use network::{Architecture, Head, Network, NetworkConfig};
pub use parameter::ParameterPath;
pub use resnet::ResNet;
pub use trainable::set_trainable;
pub use weight_names::{Naming, torchvision_names};
pub use weights::{
    NamedTensor, WeightsError, export_weights, import_partial, import_weights, with_counters,
};
