//! Average pooling.

use super::plain;
use super::values::{AutodiffFlex, Route, Taped, Values, taped};
use crate::cpu::{self, PoolShape};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::Tensor;

/// An average pooling with the same window, stride and padding in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool {
    /// Side of the window.
    pub kernel_size: usize,
    /// Step of the window.
    pub stride: usize,
    /// Border on each side; at most half the window.
    pub padding: usize,
    /// Whether a mean is over the border's zeros, too (PyTorch), or over the pixels of the image alone
    /// (Keras).
    pub counts_padding: bool,
}

/// The mean of each window.
///
/// # Shapes
/// - `x`: `[batch, height, width, channels]`
/// - output: `[batch, out height, out width, channels]`, with
///   `(side + 2 padding - kernel_size) / stride + 1` a side
pub fn avg_pool(x: Tensor<4>, pool: AvgPool) -> Tensor<4> {
    let route = Route::of(&x);
    if route == Route::Burn {
        return plain::avg_pool(x, pool);
    }
    let [batch, height, width, channels] = x.dims();
    let AvgPool { kernel_size, stride, padding, counts_padding } = pool;
    let in_size = [height, width];
    let padding = [padding; 4];
    let shape = PoolShape { batch, in_size, channels, kernel_size, stride, padding };
    let state = AvgState { shape, counts_padding };
    match x.is_tracked() {
        true => Tensor::from_primitive::<AutodiffFlex>(record(taped(x), state)),
        false => forward(&Values::of(x), state).into_tensor(route),
    }
}

fn forward(x: &Values, AvgState { shape, counts_padding }: AvgState) -> Values {
    let [height, width] = shape.out_size();
    Values::written([shape.batch, height, width, shape.channels], |out| {
        cpu::avg_pool_forward(&shape, counts_padding, x.as_slice(), out);
    })
}

fn record(x: Taped, state: AvgState) -> Taped {
    let out = forward(&Values::new(x.primitive().clone()), state).into_flex();
    let step = AvgStep.prepare::<NoCheckpointing>([x.node()]).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out),
        OpsKind::Tracked(step) => step.finish(state, out),
    }
}

#[derive(Debug, Clone, Copy)]
struct AvgState {
    shape: PoolShape,
    counts_padding: bool,
}

#[derive(Debug)]
struct AvgStep;

impl Backward<Flex, 1> for AvgStep {
    type State = AvgState;

    fn backward(self, ops: Ops<AvgState, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let AvgState { shape, counts_padding } = ops.state;
        let [height, width] = shape.in_size;
        let [node] = ops.parents;
        if let Some(node) = node {
            let in_shape = [shape.batch, height, width, shape.channels];
            let grad_x = Values::written(in_shape, |grad_x| {
                cpu::avg_pool_backward(&shape, counts_padding, grad.as_slice(), grad_x);
            });
            grads.register::<Flex>(node.id, grad_x.into_flex());
        }
    }
}
