//! Windows of feature maps and back, each the gradient of the other.

use super::plain;
use super::values::{AutodiffFlex, Route, Taped, Values, taped};
use crate::cpu::{self, WindowShape};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::Tensor;

/// The windows of feature maps, row by row and image by image.
///
/// The maps are continued with zeros below and at the right to multiples of `side`, and rolled up and to
/// the left by `shift` rows and columns.
///
/// # Shapes
/// - `x`: `[batch, height, width, channels]`
/// - output: `[batch * windows, side, side, channels]`, with
///   `windows = ceil(height / side) * ceil(width / side)`
///
/// # Source
/// Liu et al., 2021, <https://arxiv.org/abs/2103.14030>, section 3.2.
pub fn windows(x: Tensor<4>, side: usize, shift: [usize; 2]) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    let shape = WindowShape { batch, size: [height, width], channels, side, shift };
    run(x, Way { shape, is_back: false })
}

/// Feature maps of their windows: what undoes [`windows`].
///
/// # Shapes
/// - `x`: `[batch * windows, side, side, channels]`
/// - output: `[batch, height, width, channels]` with `[height, width] = size`
pub fn from_windows(x: Tensor<4>, size: [usize; 2], shift: [usize; 2]) -> Tensor<4> {
    let [num_windows, side, _, channels] = x.dims();
    let mut shape = WindowShape { batch: 1, size, channels, side, shift };
    shape.batch = num_windows / shape.num_windows();
    run(x, Way { shape, is_back: true })
}

/// Which of the two.
#[derive(Debug, Clone, Copy)]
struct Way {
    shape: WindowShape,
    is_back: bool,
}

impl Way {
    fn turned(self) -> Self {
        Self { is_back: !self.is_back, ..self }
    }

    fn apply(self, x: &Values) -> Values {
        let Self { shape, is_back } = self;
        let WindowShape { batch, size: [height, width], channels, side, .. } = shape;
        match is_back {
            true => Values::written([batch, height, width, channels], |out| {
                cpu::windows_backward(&shape, x.as_slice(), out);
            }),
            false => Values::written([shape.num_windows(), side, side, channels], |out| {
                cpu::windows_forward(&shape, x.as_slice(), out);
            }),
        }
    }
}

fn run(x: Tensor<4>, way: Way) -> Tensor<4> {
    match Route::of(&x) {
        Route::Burn if way.is_back => plain::from_windows(x, &way.shape),
        Route::Burn => plain::windows(x, &way.shape),
        Route::Autodiff if x.is_tracked() => {
            Tensor::from_primitive::<AutodiffFlex>(record(taped(x), way))
        }
        route => way.apply(&Values::of(x)).into_tensor(route),
    }
}

fn record(x: Taped, way: Way) -> Taped {
    let out = way.apply(&Values::new(x.primitive().clone())).into_flex();
    let step = WindowStep.prepare::<NoCheckpointing>([x.node()]).compute_bound();
    match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out),
        OpsKind::Tracked(step) => step.finish(way, out),
    }
}

#[derive(Debug)]
struct WindowStep;

impl Backward<Flex, 1> for WindowStep {
    type State = Way;

    fn backward(self, ops: Ops<Way, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = Values::new(grads.consume::<Flex>(&ops.node));
        let [node] = ops.parents;
        if let Some(node) = node {
            let grad = ops.state.turned().apply(&grad);
            grads.register::<Flex>(node.id, grad.into_flex());
        }
    }
}
