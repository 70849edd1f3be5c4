//! Networks with named taps, and their weights.
//!
//! Every network has one forward, [`Network::forward_tapped`]: training, prediction and Grad-CAM go
//! through the same code. Fields are named as in torchvision, so weights keep torchvision's names.
//! This crate knows nothing of data sets, losses or explanations.

mod architecture;
mod attention;
mod boxed;
mod config;
mod descriptor;
mod drop;
mod families;
mod file;
mod head;
mod layers;
mod layout;
mod locate;
mod misfit;
mod network;
mod origin;
mod parameter;
mod relative_position;
mod stage;
mod tap;
mod trainable;
mod weight_names;
mod weights;

pub use architecture::Architecture;
pub use attention::Attention;
pub use config::{NetworkConfig, Padding, Variant};
pub use drop::{DropSite, DropUnit};
pub use file::{
    ElementType, TensorInfo, UnreadObject, WeightsFile, WeightsFormat, read_weights,
    write_described_safetensors, write_safetensors,
};
pub use head::{ConceptHead, ConceptHeadConfig, ConceptTaps, Head, is_head};
pub use layers::{Dense, LayerNorm, SqueezeExcitation};
pub use locate::{Candidate, LocateError, Located, Wanted, candidates, locate};
pub use misfit::{Misfit, Misshapen, expected_shapes};
pub use network::Network;
pub use origin::{Computation, OtherNetwork};
pub use parameter::{ParameterPath, is_unread_buffer};
pub use stage::{num_stages_behind, replace_stages, stages};
pub use trainable::{BatchNormMode, Preset, matching_parameters, set_trainable};
pub use weight_names::{Naming, torchvision_names};
pub use weights::{
    NamedTensor, WeightsError, export_weights, host_values, import_partial, import_weights,
    with_unread_buffers,
};
