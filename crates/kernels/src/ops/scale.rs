//! Channels scaled image by image.

use super::plain;
use super::values::{AutodiffFlex, Route, Saved, Taped, Values, taped};
use crate::cpu;
use burn::backend::Flex;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::retro_forward::RetroForward;
use burn::backend::autodiff::checkpoint::state::BackwardStates;
use burn::backend::autodiff::checkpoint::strategy::BalancedCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::Tensor;

/// Each channel of each image times its number: `x[n, y, x, c] s[n, c]`.
///
/// # Shapes
/// - `x` and output: `[batch, height, width, channels]`
/// - `scale`: `[batch, channels]`
pub fn channel_scale(x: Tensor<4>, scale: Tensor<2>) -> Tensor<4> {
    match Route::of(&x).max(Route::of(&scale)) {
        Route::Burn => plain::channel_scale(x, scale),
        Route::Autodiff if x.is_tracked() || scale.is_tracked() => {
            Tensor::from_primitive::<AutodiffFlex>(record(taped(x), taped(scale)))
        }
        route => forward(&Values::of(x), &Values::of(scale)).into_tensor(route),
    }
}

fn forward(x: &Values, scale: &Values) -> Values {
    let [_, height, width, channels] = x.dims();
    Values::written(x.shape(), |out| {
        let (x, scale) = (x.as_slice(), scale.as_slice());
        cpu::channel_scale_forward(x, scale, height * width, channels, out);
    })
}

/// As for a normalization, the output is computed again where a backward pass needs it.
fn record(x: Taped, scale: Taped) -> Taped {
    let scale_values = Values::new(scale.primitive().clone());
    let out = forward(&Values::new(x.primitive().clone()), &scale_values).into_flex();
    let saved = match x.is_tracked() {
        true => Saved::Output(x.id()),
        false => Saved::Kept(Values::new(x.primitive().clone())),
    };
    let again = ScaleAgain { x: saved, scale: scale_values.clone() };
    let step = ScaleStep
        .prepare::<BalancedCheckpointing>([x.node(), scale.node()])
        .memory_bound()
        .retro_forward(again)
        .parents([&x, &scale].into_iter().filter(|parent| parent.is_tracked()));
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out),
        OpsKind::Tracked(mut step) => {
            let state = ScaleState { x: Saved::Output(step.checkpoint(&x)), scale: scale_values };
            step.finish(state, out)
        }
    }
}

#[derive(Debug, Clone)]
struct ScaleAgain {
    x: Saved,
    scale: Values,
}

impl RetroForward for ScaleAgain {
    fn forward(&self, states: &mut BackwardStates, out_node: NodeId) {
        let x = self.x.of_states(states);
        states.save(out_node, forward(&x, &self.scale).into_flex());
    }
}

#[derive(Debug)]
struct ScaleStep;

#[derive(Debug, Clone)]
struct ScaleState {
    x: Saved,
    scale: Values,
}

impl Backward<Flex, 2> for ScaleStep {
    type State = ScaleState;

    fn backward(
        self,
        ops: Ops<ScaleState, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let (x, scale) = (ops.state.x.retrieve(checkpointer), ops.state.scale);
        let [_, height, width, channels] = x.dims();
        let mut grad_scale = vec![0.0; scale.as_slice().len()];
        let grad_x = Values::written(x.shape(), |grad_x| {
            cpu::channel_scale_backward(
                x.as_slice(),
                scale.as_slice(),
                grad.as_slice(),
                height * width,
                channels,
                grad_x,
                &mut grad_scale,
            );
        });
        let [x_node, scale_node] = ops.parents;
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, grad_x.into_flex());
        }
        if let Some(node) = scale_node {
            let grad_scale = Values::written(scale.shape(), |to| to.copy_from_slice(&grad_scale));
            grads.register::<Flex>(node.id, grad_scale.into_flex());
        }
    }
}
