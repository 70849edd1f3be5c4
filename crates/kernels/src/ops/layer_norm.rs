//! Layer normalization.

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

/// `(x - mean) / sqrt(var + epsilon) * gamma + beta`, with the mean and the biased variance over the
/// channels of each pixel, which are part of the gradient.
///
/// # Shapes
/// - `x` and output: `[batch, height, width, channels]`
/// - `gamma`, `beta`: `[channels]`
///
/// # Source
/// Ba et al., 2016, <https://arxiv.org/abs/1607.06450>.
pub fn layer_norm(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> Tensor<4> {
    let route = Route::of(&x).max(Route::of(&gamma)).max(Route::of(&beta));
    if route == Route::Burn {
        return plain::layer_norm(x, gamma, beta, epsilon);
    }
    if x.is_tracked() || gamma.is_tracked() || beta.is_tracked() {
        let out = record(taped(x), taped(gamma), taped(beta), epsilon as f32);
        return Tensor::from_primitive::<AutodiffFlex>(out);
    }
    let norm =
        LayerNorm { gamma: Values::of(gamma), beta: Values::of(beta), epsilon: epsilon as f32 };
    norm.forward(&Values::of(x)).into_tensor(route)
}

/// A normalization without its input.
#[derive(Debug, Clone)]
struct LayerNorm {
    gamma: Values,
    beta: Values,
    epsilon: f32,
}

impl LayerNorm {
    fn forward(&self, x: &Values) -> Values {
        Values::written(x.shape(), |out| {
            let (gamma, beta) = (self.gamma.as_slice(), self.beta.as_slice());
            cpu::layer_norm_forward(x.as_slice(), gamma, beta, self.epsilon, out);
        })
    }
}

/// As for a batch normalization, the output is computed again where a backward pass needs it.
fn record(x: Taped, gamma: Taped, beta: Taped, epsilon: f32) -> Taped {
    let values = |one: &Taped| Values::new(one.primitive().clone());
    let norm = LayerNorm { gamma: values(&gamma), beta: values(&beta), epsilon };
    let out = norm.forward(&values(&x)).into_flex();
    let saved = match x.is_tracked() {
        true => Saved::Output(x.id()),
        false => Saved::Kept(values(&x)),
    };
    let again = NormAgain { x: saved, norm: norm.clone() };
    let step = NormStep
        .prepare::<BalancedCheckpointing>([x.node(), gamma.node(), beta.node()])
        .memory_bound()
        .retro_forward(again)
        .parents([&x, &gamma, &beta].into_iter().filter(|parent| parent.is_tracked()));
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out),
        OpsKind::Tracked(mut step) => {
            let x = Saved::Output(step.checkpoint(&x));
            step.finish(NormState { x, norm }, out)
        }
    }
}

#[derive(Debug, Clone)]
struct NormAgain {
    x: Saved,
    norm: LayerNorm,
}

impl RetroForward for NormAgain {
    fn forward(&self, states: &mut BackwardStates, out_node: NodeId) {
        let x = self.x.of_states(states);
        states.save(out_node, self.norm.forward(&x).into_flex());
    }
}

#[derive(Debug)]
struct NormStep;

#[derive(Debug, Clone)]
struct NormState {
    x: Saved,
    norm: LayerNorm,
}

impl Backward<Flex, 3> for NormStep {
    type State = NormState;

    fn backward(
        self,
        ops: Ops<NormState, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let NormState { x, norm } = ops.state;
        let x = x.retrieve(checkpointer);
        let gamma = norm.gamma.as_slice();
        let mut grad_gamma = vec![0.0; gamma.len()];
        let mut grad_beta = vec![0.0; gamma.len()];
        let grad_x = Values::written(x.shape(), |grad_x| {
            cpu::layer_norm_backward(
                x.as_slice(),
                gamma,
                norm.epsilon,
                grad.as_slice(),
                grad_x,
                &mut grad_gamma,
                &mut grad_beta,
            );
        });
        let values = |from: Vec<f32>| Values::written([from.len()], |to| to.copy_from_slice(&from));
        let found = [grad_x, values(grad_gamma), values(grad_beta)];
        for (node, grad) in ops.parents.into_iter().zip(found) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, grad.into_flex());
            }
        }
    }
}
