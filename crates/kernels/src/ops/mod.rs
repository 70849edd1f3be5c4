//! Functions of tensors, each in three ways: plain on the CPU, with a tape, and in Burn's operations.

mod conv;
mod norm;
mod plain;
mod pool;
mod precision;
mod scale;
mod values;

pub use conv::{ConvOptions, conv_affine, conv2d};
pub use norm::{BatchNormOutput, Normalization, affine, batch_norm};
pub use pool::{global_avg_pool, max_pool};
pub use precision::with_precision;
pub use scale::channel_scale;
pub use values::with_values;
