//! Convolutions.

use super::normalization::Normalization;
use super::options::ConvOptions;
use super::values::{AutodiffFlex, Route, Saved, Taped, Values, taped};
use super::{plain, precision};
use crate::Activation;
use crate::cpu::{self, ConvShape, Epilogue, Precision, ScaleAndShift};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::{Shape, Tensor};

/// The convolution `z[n, y, x, o] = sum_{i, j, c} w[o, c, i, j] x[n, s y + i - p, s x + j - p, c]`.
///
/// # Shapes
/// - `x`: `[batch, height, width, in_channels]`
/// - `weight`: `[out_channels, in_channels / groups, kernel height, kernel width]`
/// - output: `[batch, out height, out width, out_channels]`
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, options: ConvOptions) -> Tensor<4> {
    match Route::of(&x).max(Route::of(&weight)) {
        Route::Burn => plain::conv2d(x, weight, options),
        Route::Autodiff if x.is_tracked() || weight.is_tracked() => {
            Tensor::from_primitive::<AutodiffFlex>(record(taped(x), taped(weight), options))
        }
        route => {
            let (x, weight) = (Values::of(x), Values::of(weight));
            conv_epilogue(&x, &weight, &Epilogue::default(), options).into_tensor(route)
        }
    }
}

/// A convolution, then [`super::affine`], in one pass over the feature maps; for tensors that are on
/// no tape.
///
/// # Shapes
/// As for [`conv2d`]; `residual` has the shape of the output.
pub fn conv_affine(
    x: Tensor<4>,
    weight: Tensor<4>,
    options: ConvOptions,
    normalization: Normalization,
    residual: Option<Tensor<4>>,
    activation: Activation,
) -> Tensor<4> {
    let route = Route::of(&x).max(Route::of(&weight)).max(normalization.route(residual.as_ref()));
    if route == Route::Burn {
        let z = plain::conv2d(x, weight, options);
        return plain::affine(z, normalization, residual, activation);
    }
    let ScaleAndShift { scale, shift } = normalization.scale_and_shift();
    let residual = residual.map(Values::of);
    let epilogue = Epilogue {
        scale: Some(&scale),
        shift: Some(&shift),
        residual: residual.as_ref().map(Values::as_slice),
        activation,
    };
    conv_epilogue(&Values::of(x), &Values::of(weight), &epilogue, options).into_tensor(route)
}

pub(super) fn conv_epilogue(
    x: &Values,
    weight: &Values,
    epilogue: &Epilogue<'_>,
    options: ConvOptions,
) -> Values {
    let shape = options.shape(x.dims(), weight.dims());
    let [height, width] = shape.out_size();
    Values::written([shape.batch, height, width, shape.out_channels], |out| {
        let (x, weight) = (x.as_slice(), weight.as_slice());
        cpu::conv_forward(&shape, precision::current(), x, weight, epilogue, out);
    })
}

fn record(x: Taped, weight: Taped, options: ConvOptions) -> Taped {
    let (x_values, weight_values) =
        (Values::new(x.primitive().clone()), Values::new(weight.primitive().clone()));
    let z = conv_epilogue(&x_values, &weight_values, &Epilogue::default(), options).into_flex();
    let step = ConvStep.prepare::<NoCheckpointing>([x.node(), weight.node()]).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(z),
        OpsKind::Tracked(mut step) => {
            let state = ConvState {
                shape: options.shape(x_values.dims(), weight_values.dims()),
                precision: precision::current(),
                x_shape: x_values.shape(),
                weight_shape: weight_values.shape(),
                // Each is needed for the gradient of the other alone.
                x: weight.is_tracked().then(|| Saved::Output(step.checkpoint(&x))),
                weight: x.is_tracked().then_some(weight_values),
            };
            step.finish(state, z)
        }
    }
}

#[derive(Debug)]
struct ConvStep;

#[derive(Debug, Clone)]
struct ConvState {
    shape: ConvShape,
    precision: Precision,
    x_shape: Shape,
    weight_shape: Shape,
    x: Option<Saved>,
    weight: Option<Values>,
}

impl Backward<Flex, 2> for ConvStep {
    type State = ConvState;

    fn backward(
        self,
        ops: Ops<ConvState, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x_node, weight_node] = ops.parents;
        let ConvState { shape, precision, x_shape, weight_shape, x, weight } = ops.state;
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        if let (Some(node), Some(x)) = (weight_node, x) {
            let x = x.retrieve(checkpointer);
            let grad_weight = Values::written(weight_shape, |out| {
                let (x, grad) = (x.as_slice(), grad.as_slice());
                cpu::conv_backward_weight(&shape, precision, x, grad, out);
            });
            grads.register::<Flex>(node.id, grad_weight.into_flex());
        }
        if let (Some(node), Some(weight)) = (x_node, weight) {
            let grad_x = Values::written(x_shape, |out| {
                let (weight, grad) = (weight.as_slice(), grad.as_slice());
                cpu::conv_backward_input(&shape, precision, weight, grad, out);
            });
            grads.register::<Flex>(node.id, grad_x.into_flex());
        }
    }
}
