//! Batch normalization with what follows it: a residual and an activation.

use super::normalization::{BatchNormOutput, Normalization};
use super::plain;
use super::values::{AutodiffFlex, Route, Saved, Taped, Values, taped};
use crate::Activation;
use crate::cpu::{self, Norm};
use burn::backend::Flex;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::retro_forward::RetroForward;
use burn::backend::autodiff::checkpoint::state::BackwardStates;
use burn::backend::autodiff::checkpoint::strategy::{BalancedCheckpointing, NoCheckpointing};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::Tensor;

/// `act((x - mean) / sqrt(var + epsilon) * gamma + beta + residual)` with the batch's own mean and
/// biased variance, which are part of the gradient.
///
/// # Shapes
/// - `x`, `residual`: `[batch, height, width, channels]`
/// - `gamma`, `beta`: `[channels]`
///
/// # Source
/// Ioffe and Szegedy, 2015, <https://arxiv.org/abs/1502.03167>, algorithm 1.
pub fn batch_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
    residual: Option<Tensor<4>>,
    activation: Activation,
) -> BatchNormOutput {
    let residual_route = residual.as_ref().map_or(Route::Kernels, Route::of);
    let route = Route::of(&x).max(Route::of(&gamma)).max(Route::of(&beta)).max(residual_route);
    if route == Route::Burn || !is_fused(residual.as_ref(), activation) {
        return plain::batch_norm(x, gamma, beta, epsilon, residual, activation);
    }
    let is_tracked = x.is_tracked()
        || gamma.is_tracked()
        || beta.is_tracked()
        || residual.as_ref().is_some_and(Tensor::is_tracked);
    let parents = Parents { x: taped(x), gamma: taped(gamma), beta: taped(beta) };
    let residual = residual.map(taped);
    let mut values = parents.values(epsilon, activation);
    let (x, residual_values) = (parents.x_values(), residual_values(residual.as_ref()));
    let out = values.batch_norm(&x, residual_values.as_ref());
    let [mean, var] = [&values.mean, &values.var].map(|one| one.clone().into_tensor(route));
    let out = match is_tracked {
        true => Tensor::from_primitive::<AutodiffFlex>(record(
            parents,
            residual,
            values,
            Statistics::Batch,
            out,
        )),
        false => out.into_tensor(route),
    };
    BatchNormOutput { out, mean, var }
}

/// `act((x - mean) / sqrt(var + epsilon) * gamma + beta + residual)` with given statistics.
///
/// # Shapes
/// - `x`, `residual`, output: `[batch, height, width, channels]`
pub fn affine(
    x: Tensor<4>,
    normalization: Normalization,
    residual: Option<Tensor<4>>,
    activation: Activation,
) -> Tensor<4> {
    let route = Route::of(&x).max(normalization.route(residual.as_ref()));
    if route == Route::Burn || !is_fused(residual.as_ref(), activation) {
        return plain::affine(x, normalization, residual, activation);
    }
    let Normalization { gamma, beta, mean, var, epsilon } = normalization;
    let is_tracked = x.is_tracked()
        || gamma.is_tracked()
        || beta.is_tracked()
        || residual.as_ref().is_some_and(Tensor::is_tracked);
    let parents = Parents { x: taped(x), gamma: taped(gamma), beta: taped(beta) };
    let residual = residual.map(taped);
    let values = NormValues {
        mean: Values::of(mean),
        var: Values::of(var),
        ..parents.values(epsilon, activation)
    };
    let out = values.affine(&parents.x_values(), residual_values(residual.as_ref()).as_ref());
    match is_tracked {
        true => {
            let out = record(parents, residual, values, Statistics::Given, out);
            Tensor::from_primitive::<AutodiffFlex>(out)
        }
        false => out.into_tensor(route),
    }
}

/// Whether the kernels have the gradient. Those of ReLU6, SiLU and GELU are computed from `x` alone,
/// which is wrong if a residual was added.
fn is_fused(residual: Option<&Tensor<4>>, activation: Activation) -> bool {
    residual.is_none() || matches!(activation, Activation::None | Activation::Relu)
}

fn residual_values(residual: Option<&Taped>) -> Option<Values> {
    residual.map(|residual| Values::new(residual.primitive().clone()))
}

struct Parents {
    x: Taped,
    gamma: Taped,
    beta: Taped,
}

impl Parents {
    fn x_values(&self) -> Values {
        Values::new(self.x.primitive().clone())
    }

    /// Without statistics.
    fn values(&self, epsilon: f64, activation: Activation) -> NormValues {
        let [gamma, beta] =
            [&self.gamma, &self.beta].map(|one| Values::new(one.primitive().clone()));
        let (mean, var) = (gamma.clone(), gamma.clone());
        NormValues { gamma, beta, mean, var, epsilon: epsilon as f32, activation }
    }
}

/// A normalization without its input.
#[derive(Debug, Clone)]
struct NormValues {
    gamma: Values,
    beta: Values,
    mean: Values,
    var: Values,
    epsilon: f32,
    activation: Activation,
}

impl NormValues {
    fn norm(&self) -> Norm<'_> {
        Norm {
            gamma: self.gamma.as_slice(),
            beta: self.beta.as_slice(),
            epsilon: self.epsilon,
            activation: self.activation,
        }
    }

    /// Normalizes with the batch's statistics and keeps them.
    fn batch_norm(&mut self, x: &Values, residual: Option<&Values>) -> Values {
        let num_channels = self.gamma.as_slice().len();
        let (mut mean, mut var) = (vec![0.0; num_channels], vec![0.0; num_channels]);
        let residual = residual.map(Values::as_slice);
        let out = Values::written(x.shape(), |out| {
            let norm = self.norm();
            cpu::batch_norm_forward(&norm, x.as_slice(), residual, out, &mut mean, &mut var);
        });
        let values =
            |from: Vec<f32>| Values::written([num_channels], |to| to.copy_from_slice(&from));
        (self.mean, self.var) = (values(mean), values(var));
        out
    }

    fn affine(&self, x: &Values, residual: Option<&Values>) -> Values {
        let (mean, var) = (self.mean.as_slice(), self.var.as_slice());
        let residual = residual.map(Values::as_slice);
        Values::written(x.shape(), |out| {
            cpu::affine_forward(&self.norm(), mean, var, x.as_slice(), residual, out);
        })
    }
}

/// Which mean and variance are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statistics {
    Batch,
    Given,
}

fn record(
    parents: Parents,
    residual: Option<Taped>,
    values: NormValues,
    statistics: Statistics,
    out: Values,
) -> Taped {
    match residual {
        Some(residual) => record_with_residual(parents, residual, values, statistics, out),
        None => record_alone(parents, values, statistics, out),
    }
}

/// The output is computed again where a backward pass needs it: it is one multiplication and one
/// addition away from the input, which is kept anyway.
fn record_alone(
    parents: Parents,
    values: NormValues,
    statistics: Statistics,
    out: Values,
) -> Taped {
    let Parents { x, gamma, beta } = parents;
    let again = NormAgain { x: saved_for_again(&x), values: values.clone() };
    let tracked = [&x, &gamma, &beta].into_iter().filter(|parent| parent.is_tracked());
    let step = NormStep
        .prepare::<BalancedCheckpointing>([x.node(), gamma.node(), beta.node()])
        .memory_bound()
        .retro_forward(again)
        .parents(tracked);
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out.into_flex()),
        OpsKind::Tracked(mut step) => {
            let x = Saved::Output(step.checkpoint(&x));
            step.finish(NormState { x, out: None, values, statistics }, out.into_flex())
        }
    }
}

/// An output is kept by its node if that is on a tape.
fn saved_for_again(x: &Taped) -> Saved {
    match x.is_tracked() {
        true => Saved::Output(x.id()),
        false => Saved::Kept(Values::new(x.primitive().clone())),
    }
}

/// The output is kept, because the sign of the sum does not follow from the input alone.
fn record_with_residual(
    parents: Parents,
    residual: Taped,
    values: NormValues,
    statistics: Statistics,
    out: Values,
) -> Taped {
    let Parents { x, gamma, beta } = parents;
    let nodes = [x.node(), gamma.node(), beta.node(), residual.node()];
    let step = NormStep.prepare::<NoCheckpointing>(nodes).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out.into_flex()),
        OpsKind::Tracked(mut step) => {
            let x = Saved::Output(step.checkpoint(&x));
            let kept = (values.activation != Activation::None).then(|| out.clone());
            step.finish(NormState { x, out: kept, values, statistics }, out.into_flex())
        }
    }
}

#[derive(Debug, Clone)]
struct NormAgain {
    x: Saved,
    values: NormValues,
}

impl RetroForward for NormAgain {
    fn forward(&self, states: &mut BackwardStates, out_node: NodeId) {
        let x = self.x.of_states(states);
        states.save(out_node, self.values.affine(&x, None).into_flex());
    }
}

#[derive(Debug)]
struct NormStep;

#[derive(Debug, Clone)]
struct NormState {
    x: Saved,
    /// The output, if the gradient of the activation needs it.
    out: Option<Values>,
    values: NormValues,
    statistics: Statistics,
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
        let [x, gamma, beta] = ops.state.gradients(checkpointer, &grad, None);
        for (node, grad) in ops.parents.into_iter().zip([x, gamma, beta]) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, grad.into_flex());
            }
        }
    }
}

impl Backward<Flex, 4> for NormStep {
    type State = NormState;

    fn backward(
        self,
        ops: Ops<NormState, 4>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x_node, gamma_node, beta_node, residual_node] = ops.parents;
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let mut parents = vec![x_node, gamma_node, beta_node];
        let mut found = Vec::with_capacity(4);
        if ops.state.values.activation == Activation::None {
            // The sum passes its gradient on as it is.
            found.extend(ops.state.gradients(checkpointer, &grad, None));
            found.push(grad);
        } else {
            let mut others = None;
            let grad_residual = Values::written(grad.shape(), |out| {
                others = Some(ops.state.gradients(checkpointer, &grad, Some(out)));
            });
            found.extend(others.into_iter().flatten());
            found.push(grad_residual);
        }
        parents.push(residual_node);
        for (node, grad) in parents.into_iter().zip(found) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, grad.into_flex());
            }
        }
    }
}

impl NormState {
    /// The gradients of the input, gamma and beta.
    fn gradients(
        self,
        checkpointer: &mut Checkpointer,
        grad: &Values,
        grad_residual: Option<&mut [f32]>,
    ) -> [Values; 3] {
        let Self { x, out, values, statistics } = self;
        let x = x.retrieve(checkpointer);
        let num_channels = values.gamma.as_slice().len();
        let (mut grad_gamma, mut grad_beta) = (vec![0.0; num_channels], vec![0.0; num_channels]);
        let (norm, mean, var) = (values.norm(), values.mean.as_slice(), values.var.as_slice());
        let (x, grad, out) = (x, grad.as_slice(), out.as_ref().map(Values::as_slice));
        let grads = (&mut grad_gamma[..], &mut grad_beta[..]);
        let grad_x = Values::written(x.shape(), |grad_x| {
            let x = x.as_slice();
            match statistics {
                Statistics::Batch => cpu::batch_norm_backward(
                    &norm,
                    x,
                    mean,
                    var,
                    out,
                    grad,
                    grad_x,
                    grad_residual,
                    grads.0,
                    grads.1,
                ),
                Statistics::Given => cpu::affine_backward(
                    &norm,
                    mean,
                    var,
                    x,
                    out,
                    grad,
                    grad_x,
                    grad_residual,
                    grads.0,
                    grads.1,
                ),
            }
        });
        let values =
            |from: Vec<f32>| Values::written([num_channels], |to| to.copy_from_slice(&from));
        [grad_x, values(grad_gamma), values(grad_beta)]
    }
}
