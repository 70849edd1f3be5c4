//! Between tensors and slices.

use crate::memory;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::state::BackwardStates;
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, DispatchAutodiffContext, DispatchTensorKind, Flex, GradientCheckpointingStrategy,
};
use burn::tensor::{DType, Shape, Tensor};

/// Burn's CPU backend with a tape.
pub(super) type AutodiffFlex = Autodiff<Flex>;

/// A tensor of [`AutodiffFlex`].
pub(super) type Taped = FloatTensor<AutodiffFlex>;

/// What computes an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Route {
    /// The kernels, without a tape.
    Kernels,
    /// The kernels, with a tape or on a device that has one.
    Autodiff,
    /// Burn's operations.
    Burn,
}

impl Route {
    /// For an operation on `x`; the route of several tensors is the largest.
    pub fn of<const D: usize>(x: &Tensor<D>) -> Self {
        if x.dtype() != DType::F32 {
            return Self::Burn;
        }
        let x = x.clone().into_dispatch();
        match (&x.kind, x.autodiff) {
            (DispatchTensorKind::Flex(_), DispatchAutodiffContext::Disabled) => Self::Kernels,
            // Checkpointing is the caller's choice of what to compute again; the kernels' own differs.
            (
                DispatchTensorKind::Autodiff(inner),
                DispatchAutodiffContext::Enabled(GradientCheckpointingStrategy::Disabled),
            ) if matches!(**inner, DispatchTensorKind::Flex(_)) => Self::Autodiff,
            _ => Self::Burn,
        }
    }
}

/// The values of a tensor in row-major order; copies share them.
#[derive(Debug, Clone)]
pub(super) struct Values(FlexTensor);

impl Values {
    /// The values of `tensor`, copied only if they are not in row-major order.
    pub fn new(tensor: FlexTensor) -> Self {
        Self(if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() })
    }

    /// The values of a tensor whose [`Route`] is not [`Route::Burn`].
    #[expect(clippy::expect_used, reason = "the route says that the tensor is one of Flex")]
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        let tensor = tensor.without_autodiff().try_into_primitive::<Flex>().expect("a Flex tensor");
        Self::new(tensor)
    }

    /// New values, all of which `write` has to set.
    pub fn written(shape: impl Into<Shape>, write: impl FnOnce(&mut [f32])) -> Self {
        Self::written_with(shape, write).0
    }

    /// [`Self::written`], and what `write` gives back.
    pub fn written_with<T>(
        shape: impl Into<Shape>,
        write: impl FnOnce(&mut [f32]) -> T,
    ) -> (Self, T) {
        let shape = shape.into();
        let (bytes, result) = memory::filled(shape.num_elements(), write);
        (Self(FlexTensor::new(bytes, Layout::contiguous(shape), DType::F32)), result)
    }

    pub fn as_slice(&self) -> &[f32] {
        let layout = self.0.layout();
        &self.0.storage::<f32>()[layout.start_offset()..][..layout.num_elements()]
    }

    pub fn shape(&self) -> Shape {
        self.0.layout().shape().clone()
    }

    pub fn dims<const D: usize>(&self) -> [usize; D] {
        self.0.layout().shape().dims()
    }

    pub fn into_flex(self) -> FlexTensor {
        self.0
    }

    /// A tensor that is on no tape, on the kind of device that `route` says.
    pub fn into_tensor<const D: usize>(self, route: Route) -> Tensor<D> {
        match route {
            Route::Autodiff => Tensor::from_primitive::<AutodiffFlex>(Taped::new(self.0)),
            _ => Tensor::from_primitive::<Flex>(self.0),
        }
    }
}

/// What `read` makes of the values of `tensor` in row-major order, which on a CPU are not copied.
pub fn with_values<const D: usize, T>(tensor: Tensor<D>, read: impl FnOnce(&[f32]) -> T) -> T {
    match Route::of(&tensor) {
        Route::Kernels | Route::Autodiff => read(Values::of(tensor).as_slice()),
        Route::Burn => {
            let data = tensor.into_data().convert::<f32>();
            // Cannot fail: the values were converted just before.
            read(data.as_slice().unwrap_or_default())
        }
    }
}

/// The tensor as the tape sees it; a constant if it comes from a device without one.
#[expect(clippy::expect_used, reason = "the route says that the tensor is taped")]
pub(super) fn taped<const D: usize>(tensor: Tensor<D>) -> Taped {
    match Route::of(&tensor) {
        Route::Autodiff => tensor.try_into_primitive::<AutodiffFlex>().expect("a taped tensor"),
        _ => Taped::new(Values::of(tensor).into_flex()),
    }
}

/// What a backward pass needs of a forward pass.
#[derive(Debug, Clone)]
pub(super) enum Saved {
    /// The output of a node, which Burn keeps, or computes again.
    Output(NodeId),
    /// The values themselves.
    Kept(Values),
}

impl Saved {
    pub fn retrieve(self, checkpointer: &mut Checkpointer) -> Values {
        match self {
            Self::Output(node) => Values::new(checkpointer.retrieve_node_output(node)),
            Self::Kept(values) => values,
        }
    }

    /// As [`Self::retrieve`], while an output is computed again.
    pub fn of_states(&self, states: &mut BackwardStates) -> Values {
        match self {
            Self::Output(node) => Values::new(states.get_state(node)),
            Self::Kept(values) => values.clone(),
        }
    }
}
