//! Softmax attention, as one operation, or as two between which the weights can be looked at.

use super::plain;
use super::values::{AutodiffFlex, Route, Saved, Taped, Values, taped};
use crate::cpu::{self, AttentionShape};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::{Shape, Tensor};

/// What each token takes of the others: `softmax(Q K^T / sqrt(d) + bias) V` of each head of `d` channels,
/// softmax row by row; no bias is one of 0.
///
/// The same as [`attention_mix`] of [`attention_weights`] where there is no bias, with a backward pass that
/// takes less time.
///
/// # Shapes
/// - `projected`: `[batch, height, width, 3 * channels]`: the query, the key and the value of each of the
///   `height * width` tokens, head after head in each of them
/// - `bias`: `[images, num_heads, tokens, tokens]`, repeated for each `images` of the batch: 1 is one
///   for all, and the number of windows of an image one for each of its windows
/// - output: `[batch, height, width, channels]`
///
/// # Source
/// Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>, equation 1; with a bias Liu et al., 2021,
/// <https://arxiv.org/abs/2103.14030>, equation 4.
pub fn attention(projected: Tensor<4>, num_heads: usize, bias: Option<Tensor<4>>) -> Tensor<4> {
    let of_bias = bias.as_ref().map_or(Route::Kernels, Route::of);
    let is_tracked = projected.is_tracked() || bias.as_ref().is_some_and(Tensor::is_tracked);
    match Route::of(&projected).max(of_bias) {
        Route::Burn => {
            let weights = plain::attention_weights(projected.clone(), num_heads, bias);
            plain::attention_mix(weights, projected)
        }
        Route::Autodiff if is_tracked => {
            let out = record(taped(projected), num_heads, bias.map(taped));
            Tensor::from_primitive::<AutodiffFlex>(out)
        }
        route => {
            let (projected, bias) = (Values::of(projected), bias.map(Values::of));
            let shape = shape(&projected, num_heads);
            weights_and_out(&shape, &projected, bias.as_ref()).1.into_tensor(route)
        }
    }
}

/// How much each token attends to each: `softmax(Q K^T / sqrt(d))` of each head of `d` channels, row by row.
///
/// # Shapes
/// - `projected`: as for [`attention`]
/// - output: `[batch, num_heads, tokens, tokens]`
pub fn attention_weights(projected: Tensor<4>, num_heads: usize) -> Tensor<4> {
    match Route::of(&projected) {
        Route::Burn => plain::attention_weights(projected, num_heads, None),
        Route::Autodiff if projected.is_tracked() => {
            let weights = record_weights(taped(projected), num_heads);
            Tensor::from_primitive::<AutodiffFlex>(weights)
        }
        route => {
            let projected = Values::of(projected);
            weights_of(&shape(&projected, num_heads), &projected).into_tensor(route)
        }
    }
}

/// What each token takes of the others: `weights`, as [`attention_weights`] gives them, times the values.
///
/// # Shapes
/// - `weights`: `[batch, num_heads, tokens, tokens]`
/// - `projected`: `[batch, height, width, 3 * channels]`
/// - output: `[batch, height, width, channels]`
pub fn attention_mix(weights: Tensor<4>, projected: Tensor<4>) -> Tensor<4> {
    match Route::of(&weights).max(Route::of(&projected)) {
        Route::Burn => plain::attention_mix(weights, projected),
        Route::Autodiff if weights.is_tracked() || projected.is_tracked() => {
            let out = record_mix(taped(weights), taped(projected));
            Tensor::from_primitive::<AutodiffFlex>(out)
        }
        route => mix(&Values::of(weights), &Values::of(projected)).into_tensor(route),
    }
}

fn shape(projected: &Values, num_heads: usize) -> AttentionShape {
    let [batch, height, width, channels] = projected.dims();
    let head_channels = channels / 3 / num_heads;
    AttentionShape { batch, tokens: height * width, heads: num_heads, head_channels }
}

fn weights_shape(shape: &AttentionShape) -> [usize; 4] {
    [shape.batch, shape.heads, shape.tokens, shape.tokens]
}

fn weights_of(shape: &AttentionShape, projected: &Values) -> Values {
    Values::written(weights_shape(shape), |out| {
        cpu::attention_weights_forward(shape, projected.as_slice(), out);
    })
}

/// Those of [`attention`].
fn weights_and_out(
    shape: &AttentionShape,
    projected: &Values,
    bias: Option<&Values>,
) -> (Values, Values) {
    let [batch, height, width, channels] = projected.dims();
    Values::written_with(weights_shape(shape), |weights| {
        Values::written([batch, height, width, channels / 3], |out| {
            let bias = bias.map(Values::as_slice);
            cpu::attention_forward(shape, projected.as_slice(), bias, weights, out);
        })
    })
}

fn mix(weights: &Values, projected: &Values) -> Values {
    let [batch, height, width, channels] = projected.dims();
    let shape = shape(projected, weights.dims::<4>()[1]);
    Values::written([batch, height, width, channels / 3], |out| {
        cpu::attention_mix_forward(&shape, weights.as_slice(), projected.as_slice(), out);
    })
}

fn record(projected: Taped, num_heads: usize, bias: Option<Taped>) -> Taped {
    let values = Values::new(projected.primitive().clone());
    let bias_values = bias.as_ref().map(|bias| Values::new(bias.primitive().clone()));
    let shape = shape(&values, num_heads);
    let (weights, out) = weights_and_out(&shape, &values, bias_values.as_ref());
    // Where there is no bias, a constant stands for it on the tape.
    let constant = || Taped::new(values.clone().into_flex());
    let nodes = [projected.node(), bias.unwrap_or_else(constant).node()];
    let step = AttentionStep.prepare::<NoCheckpointing>(nodes).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out.into_flex()),
        OpsKind::Tracked(mut step) => {
            let projected = Saved::Output(step.checkpoint(&projected));
            let bias = bias_values.map(|bias| bias.shape());
            step.finish(AttentionState { shape, projected, bias, weights }, out.into_flex())
        }
    }
}

#[derive(Debug)]
struct AttentionStep;

#[derive(Debug, Clone)]
struct AttentionState {
    shape: AttentionShape,
    projected: Saved,
    bias: Option<Shape>,
    weights: Values,
}

impl Backward<Flex, 2> for AttentionStep {
    type State = AttentionState;

    fn backward(
        self,
        ops: Ops<AttentionState, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let AttentionState { shape, projected, bias, weights } = ops.state;
        let projected = projected.retrieve(checkpointer);
        let [node, bias_node] = ops.parents;
        let backward = |grad_projected: &mut [f32], grad_scores: Option<&mut [f32]>| {
            let [projected, weights, grad] = [&projected, &weights, &grad].map(Values::as_slice);
            let shape = &shape;
            cpu::attention_backward(shape, projected, weights, grad, grad_projected, grad_scores);
        };
        let grad_projected = match bias_node.zip(bias) {
            None => Values::written(projected.shape(), |out| backward(out, None)),
            Some((bias_node, bias)) => {
                let (grad_projected, grad_scores) =
                    Values::written_with(projected.shape(), |out| {
                        Values::written(weights.shape(), |scores| backward(out, Some(scores)))
                    });
                let grad_bias = Values::written(bias, |out| {
                    cpu::attention_bias_backward(&shape, grad_scores.as_slice(), out);
                });
                grads.register::<Flex>(bias_node.id, grad_bias.into_flex());
                grad_projected
            }
        };
        if let Some(node) = node {
            grads.register::<Flex>(node.id, grad_projected.into_flex());
        }
    }
}

fn record_weights(projected: Taped, num_heads: usize) -> Taped {
    let values = Values::new(projected.primitive().clone());
    let shape = shape(&values, num_heads);
    let weights = weights_of(&shape, &values);
    let step = WeightsStep.prepare::<NoCheckpointing>([projected.node()]).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(weights.into_flex()),
        OpsKind::Tracked(mut step) => {
            let projected = Saved::Output(step.checkpoint(&projected));
            let state = WeightsState { shape, projected, weights: weights.clone() };
            step.finish(state, weights.into_flex())
        }
    }
}

#[derive(Debug)]
struct WeightsStep;

#[derive(Debug, Clone)]
struct WeightsState {
    shape: AttentionShape,
    projected: Saved,
    weights: Values,
}

impl Backward<Flex, 1> for WeightsStep {
    type State = WeightsState;

    fn backward(
        self,
        ops: Ops<WeightsState, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let WeightsState { shape, projected, weights } = ops.state;
        let projected = projected.retrieve(checkpointer);
        let grad_projected = Values::written(projected.shape(), |out| {
            let (projected, weights) = (projected.as_slice(), weights.as_slice());
            cpu::attention_weights_backward(&shape, projected, weights, grad.as_slice(), out);
        });
        let [node] = ops.parents;
        if let Some(node) = node {
            grads.register::<Flex>(node.id, grad_projected.into_flex());
        }
    }
}

fn record_mix(weights: Taped, projected: Taped) -> Taped {
    let [weights_values, projected_values] =
        [&weights, &projected].map(|one| Values::new(one.primitive().clone()));
    let out = mix(&weights_values, &projected_values).into_flex();
    let nodes = [weights.node(), projected.node()];
    let step = MixStep.prepare::<NoCheckpointing>(nodes).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out),
        OpsKind::Tracked(step) => {
            let state = MixState { weights: weights_values, projected: projected_values };
            step.finish(state, out)
        }
    }
}

#[derive(Debug)]
struct MixStep;

#[derive(Debug, Clone)]
struct MixState {
    weights: Values,
    projected: Values,
}

impl Backward<Flex, 2> for MixStep {
    type State = MixState;

    fn backward(self, ops: Ops<MixState, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let MixState { weights, projected } = ops.state;
        let shape = shape(&projected, weights.dims::<4>()[1]);
        let (grad_weights, grad_projected) =
            Values::written_with(weights.shape(), |grad_weights| {
                let [weights, of_tokens, grad] =
                    [&weights, &projected, &grad].map(Values::as_slice);
                Values::written(projected.shape(), |grad_projected| {
                    cpu::attention_mix_backward(
                        &shape,
                        weights,
                        of_tokens,
                        grad,
                        grad_weights,
                        grad_projected,
                    );
                })
            });
        let found = [grad_weights, grad_projected];
        for (node, grad) in ops.parents.into_iter().zip(found) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, grad.into_flex());
            }
        }
    }
}
