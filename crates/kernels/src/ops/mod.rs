//! Functions of tensors. Each is computed by the CPU kernels, by the kernels with autodiff, or by
//! Burn's operations.

mod conv;
mod norm;
mod normalization;
mod options;
mod plain;
mod pool;
mod precision;
mod scale;
mod values;

pub use conv::{conv_affine, conv2d};
pub use norm::{affine, batch_norm};
pub use normalization::{BatchNormOutput, Normalization};
pub use options::ConvOptions;
pub use pool::{global_avg_pool, max_pool};
pub use precision::with_precision;
pub use scale::channel_scale;
pub use values::with_values;
