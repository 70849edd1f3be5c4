//! Pooling.

use super::plain;
use super::values::{AutodiffFlex, Route, Saved, Taped, Values, taped};
use crate::cpu::{self, PoolShape};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::Tensor;

/// The mean of each channel over all pixels.
///
/// # Shapes
/// - `x`: `[batch, height, width, channels]`
/// - output: `[batch, channels]`
pub fn global_avg_pool(x: Tensor<4>) -> Tensor<2> {
    match Route::of(&x) {
        Route::Burn => plain::global_avg_pool(x),
        Route::Autodiff if x.is_tracked() => {
            Tensor::from_primitive::<AutodiffFlex>(record_mean(taped(x)))
        }
        route => mean(&Values::of(x)).into_tensor(route),
    }
}

/// The largest value of each window; a window's gradient goes to its first largest value.
///
/// # Shapes
/// - `x`: `[batch, height, width, channels]`
/// - `padding`: a border at the top, left, bottom and right that is never the largest; each at most half
///   the window
/// - output: `[batch, out height, out width, channels]`, with
///   `(height + top + bottom - kernel_size) / stride + 1` rows, and so for columns
pub fn max_pool(x: Tensor<4>, kernel_size: usize, stride: usize, padding: [usize; 4]) -> Tensor<4> {
    let route = Route::of(&x);
    if route == Route::Burn {
        return plain::max_pool(x, kernel_size, stride, padding);
    }
    let [batch, height, width, channels] = x.dims();
    let in_size = [height, width];
    let shape = PoolShape { batch, in_size, channels, kernel_size, stride, padding };
    match x.is_tracked() {
        true => Tensor::from_primitive::<AutodiffFlex>(record_max(taped(x), shape)),
        false => max(&Values::of(x), &shape).into_tensor(route),
    }
}

fn mean(x: &Values) -> Values {
    let [batch, height, width, channels] = x.dims();
    Values::written([batch, channels], |out| {
        cpu::global_avg_pool_forward(x.as_slice(), height * width, channels, out);
    })
}

fn record_mean(x: Taped) -> Taped {
    let values = Values::new(x.primitive().clone());
    let out = mean(&values).into_flex();
    let step = MeanStep.prepare::<NoCheckpointing>([x.node()]).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out),
        OpsKind::Tracked(step) => step.finish(values.dims(), out),
    }
}

#[derive(Debug)]
struct MeanStep;

impl Backward<Flex, 1> for MeanStep {
    /// Dimensions of the input.
    type State = [usize; 4];

    fn backward(self, ops: Ops<[usize; 4], 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let [_, height, width, channels] = ops.state;
        let [node] = ops.parents;
        if let Some(node) = node {
            let grad_x = Values::written(ops.state, |grad_x| {
                cpu::global_avg_pool_backward(grad.as_slice(), height * width, channels, grad_x);
            });
            grads.register::<Flex>(node.id, grad_x.into_flex());
        }
    }
}

fn max(x: &Values, shape: &PoolShape) -> Values {
    let [height, width] = shape.out_size();
    Values::written([shape.batch, height, width, shape.channels], |out| {
        cpu::max_pool_forward(shape, x.as_slice(), out);
    })
}

fn record_max(x: Taped, shape: PoolShape) -> Taped {
    let out = max(&Values::new(x.primitive().clone()), &shape).into_flex();
    let step = MaxStep.prepare::<NoCheckpointing>([x.node()]).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out),
        OpsKind::Tracked(mut step) => {
            let state = MaxState { x: Saved::Output(step.checkpoint(&x)), shape };
            step.finish(state, out)
        }
    }
}

#[derive(Debug)]
struct MaxStep;

#[derive(Debug, Clone)]
struct MaxState {
    x: Saved,
    shape: PoolShape,
}

impl Backward<Flex, 1> for MaxStep {
    type State = MaxState;

    fn backward(
        self,
        ops: Ops<MaxState, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let MaxState { x, shape } = ops.state;
        let x = x.retrieve(checkpointer);
        let [node] = ops.parents;
        if let Some(node) = node {
            let grad_x = Values::written(x.shape(), |grad_x| {
                cpu::max_pool_backward(&shape, x.as_slice(), grad.as_slice(), grad_x);
            });
            grads.register::<Flex>(node.id, grad_x.into_flex());
        }
    }
}
