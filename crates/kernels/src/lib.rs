//! The layers of networks on a CPU: forward passes and hand-written gradients.
//!
//! Feature maps are tensors `[batch, height, width, channels]`; weights stay
//! `[out_channels, in_channels / groups, height, width]`. On Burn's CPU backend with 32-bit floats,
//! with or without autodiff, [`cpu`] computes; on any other device or type the same functions are
//! made of Burn's operations.
//!
//! Results are the same bits for any number of threads.

mod allocator;
pub mod cpu;
mod memory;
mod ops;
mod scoped;

pub use allocator::CheckedAllocator;
pub use cpu::{Activation, Precision, take_peak_bytes};
pub use ops::{
    AvgPool, BatchNormOutput, ConvOptions, Normalization, add_bias, affine, attention,
    attention_mix, attention_weights, avg_pool, batch_norm, channel_scale, concat, conv_affine,
    conv_bias, conv2d, from_windows, global_avg_pool, layer_norm, max_pool, windows,
    with_precision, with_values,
};
