//! Functions of tensors. Each is computed by the CPU kernels, by the kernels with autodiff, or by
//! Burn's operations.

mod attention;
mod avg_pool;
mod bias;
mod concat;
mod conv;
mod layer_norm;
mod norm;
mod normalization;
mod options;
mod plain;
mod pool;
mod precision;
mod scale;
mod values;
mod windows;

pub use attention::{attention, attention_mix, attention_weights};
pub use avg_pool::{AvgPool, avg_pool};
pub use bias::{add_bias, conv_bias};
pub use concat::concat;
pub use conv::{conv_affine, conv2d};
pub use layer_norm::layer_norm;
pub use norm::{affine, batch_norm};
pub use normalization::{BatchNormOutput, Normalization};
pub use options::ConvOptions;
pub use pool::{global_avg_pool, max_pool};
pub use precision::with_precision;
pub use scale::channel_scale;
pub use values::with_values;
pub use windows::{from_windows, windows};
