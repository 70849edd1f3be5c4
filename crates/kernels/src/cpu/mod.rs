//! Convolution, normalisation and pooling on the CPU, on plain slices.
//!
//! Feature maps are NHWC: `[batch, height, width, channels]`, contiguous, `f32`. Every output is
//! overwritten as a whole. Work runs on rayon's current pool, and no result depends on the number
//! of its threads: where sums are taken in parts, the parts are a function of the shape alone and
//! are combined in order. AVX-512 and AVX2 give the same bits too; without fused multiply-add the last
//! bits differ.
//!
//! Slices of wrong lengths are a caller's mistake: every function checks them first and panics.

#![allow(unsafe_code, reason = "vector instructions, and outputs that tasks share")]
#![allow(clippy::needless_range_loop, reason = "rows and vectors of a register tile")]

mod attention;
mod avg_pool;
mod concat;
mod conv;
pub(crate) mod heap;
mod layer_norm;
mod norm;
mod peak;
mod pool;
mod scale;
mod scratch;
mod shape;
mod simd;
mod windows;

pub use attention::{
    AttentionShape, attention_backward, attention_bias_backward, attention_forward,
    attention_mix_backward, attention_mix_forward, attention_weights_backward,
    attention_weights_forward,
};
pub use avg_pool::{avg_pool_backward, avg_pool_forward};
pub use concat::{concat_backward, concat_forward};
pub use conv::{conv_backward_input, conv_backward_weight, conv_forward};
pub use heap::take_peak_bytes;
pub use layer_norm::{layer_norm_backward, layer_norm_forward};
pub use norm::{
    ScaleAndShift, affine_backward, affine_forward, batch_norm_backward, batch_norm_forward,
    scale_and_shift,
};
pub use peak::multiply_adds;
pub use pool::{max_pool_backward, max_pool_forward};
pub use scale::{
    channel_scale_backward, channel_scale_forward, global_avg_pool_backward,
    global_avg_pool_forward,
};
pub use shape::{Activation, ConvShape, Epilogue, Norm, PoolShape, Precision};
pub use simd::{InstructionSet, with_instruction_set};
pub use windows::{WindowShape, windows_backward, windows_forward};
