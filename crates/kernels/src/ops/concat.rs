//! Feature maps side by side.

use super::values::{AutodiffFlex, Route, Taped, Values, taped};
use crate::cpu;
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::{Shape, Tensor};

/// The channels of `a`, then those of `b`.
///
/// # Shapes
/// - `a` and `b`: `[batch, height, width, channels]`, each with channels of its own
/// - output: `[batch, height, width, channels of both]`
pub fn concat(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    match Route::of(&a).max(Route::of(&b)) {
        Route::Burn => Tensor::cat(vec![a, b], 3),
        Route::Autodiff if a.is_tracked() || b.is_tracked() => {
            Tensor::from_primitive::<AutodiffFlex>(record(taped(a), taped(b)))
        }
        route => forward(&Values::of(a), &Values::of(b)).into_tensor(route),
    }
}

fn forward(a: &Values, b: &Values) -> Values {
    let ([batch, height, width, channels_a], [.., channels_b]) = (a.dims(), b.dims::<4>());
    Values::written([batch, height, width, channels_a + channels_b], |out| {
        cpu::concat_forward(a.as_slice(), b.as_slice(), [channels_a, channels_b], out);
    })
}

fn record(a: Taped, b: Taped) -> Taped {
    let values = [&a, &b].map(|one| Values::new(one.primitive().clone()));
    let out = forward(&values[0], &values[1]).into_flex();
    let step = ConcatStep.prepare::<NoCheckpointing>([a.node(), b.node()]).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out),
        OpsKind::Tracked(step) => step.finish(values.map(|one| one.shape()), out),
    }
}

#[derive(Debug)]
struct ConcatStep;

impl Backward<Flex, 2> for ConcatStep {
    /// Shapes of the inputs.
    type State = [Shape; 2];

    fn backward(self, ops: Ops<[Shape; 2], 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let [shape_a, shape_b] = ops.state;
        let channels = [&shape_a, &shape_b].map(|shape| shape.dims::<4>()[3]);
        let mut grad_b = None;
        let grad_a = Values::written(shape_a, |grad_a| {
            grad_b = Some(Values::written(shape_b, |grad_b| {
                cpu::concat_backward(grad.as_slice(), channels, grad_a, grad_b);
            }));
        });
        for (node, grad) in ops.parents.into_iter().zip([Some(grad_a), grad_b]) {
            if let (Some(node), Some(grad)) = (node, grad) {
                grads.register::<Flex>(node.id, grad.into_flex());
            }
        }
    }
}
