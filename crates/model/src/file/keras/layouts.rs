//! Keras' variables in PyTorch's names and layouts.

use super::layers::LayerWeights;
use crate::file::hdf5::Dataset;
use crate::file::stored::StoredTensor;

/// A variable by its name in PyTorch.
pub(super) type Named = (String, StoredTensor);

impl LayerWeights {
    fn has(&self, variable: &str) -> bool {
        self.variables.iter().any(|(name, _)| name == variable)
    }

    /// The variable `name`.
    pub fn variable(&self, name: &str) -> Option<&Dataset> {
        self.variables.iter().find(|(own, _)| own == name).map(|(_, dataset)| dataset)
    }

    /// The variables in PyTorch's names and layouts; others keep theirs.
    ///
    /// # Errors
    /// A variable whose values are not where they should be.
    pub fn tensors(&self) -> Result<Vec<Named>, String> {
        self.variables.iter().map(|(name, dataset)| self.tensor(name, dataset)).collect()
    }

    fn tensor(&self, name: &str, dataset: &Dataset) -> Result<Named, String> {
        let is_separable = self.has("pointwise_kernel");
        let num_axes = dataset.shape.len();
        let (new_name, view) = match name {
            "kernel" if self.is_depthwise() => ("weight", depthwise(dataset)),
            "kernel" if self.is_kernel(num_axes) => ("weight", outputs_first(dataset)),
            "depthwise_kernel" if is_separable => ("depthwise.weight", depthwise(dataset)),
            "depthwise_kernel" => ("weight", depthwise(dataset)),
            "pointwise_kernel" => ("pointwise.weight", outputs_first(dataset)),
            "bias" if is_separable => ("pointwise.bias", unchanged(dataset)),
            "gamma" | "embeddings" | "alpha" => ("weight", unchanged(dataset)),
            "beta" => ("bias", unchanged(dataset)),
            "moving_mean" => ("running_mean", unchanged(dataset)),
            "moving_variance" => ("running_var", unchanged(dataset)),
            other => (other, unchanged(dataset)),
        };
        let (shape, strides) = view;
        // Variables of the network itself are of no layer.
        let dot = if self.name.is_empty() { "" } else { "." };
        Ok((format!("{}{dot}{new_name}", self.name), dataset.view(shape, strides)?))
    }

    /// Whether `kernel` is that of a layer that filters each channel alone: Keras 3 calls it so.
    fn is_depthwise(&self) -> bool {
        self.class.as_deref().is_some_and(|class| class.starts_with("depthwise_conv"))
    }

    /// Whether `kernel`, of so many axes, is that of a convolution or of a matrix: the last two axes are inputs and
    /// outputs.
    fn is_kernel(&self, num_axes: usize) -> bool {
        match self.class.as_deref() {
            Some("dense") => num_axes == 2,
            Some(class) => class.starts_with("conv") && (3..=5).contains(&num_axes),
            // Cells of recurrent layers have a kernel of their own kind.
            None => num_axes == 4 || num_axes == 2 && !self.has("recurrent_kernel"),
        }
    }
}

/// Sizes and strides of a view.
type View = (Vec<usize>, Vec<usize>);

fn unchanged(dataset: &Dataset) -> View {
    let mut strides = vec![1; dataset.shape.len()];
    for axis in (1..strides.len()).rev() {
        strides[axis - 1] = strides[axis] * dataset.shape[axis];
    }
    (dataset.shape.clone(), strides)
}

/// `[outputs, inputs, height, width]` of `[height, width, inputs, outputs]`, and so with fewer and more axes.
fn outputs_first(dataset: &Dataset) -> View {
    let (mut shape, mut strides) = unchanged(dataset);
    for axes in [&mut shape, &mut strides] {
        let num_spatial = axes.len().saturating_sub(2);
        axes.rotate_left(num_spatial);
        axes[..2].reverse();
    }
    (shape, strides)
}

/// `[inputs * factor, 1, height, width]` of `[height, width, inputs, factor]`: the outputs of an input follow each
/// other in both.
fn depthwise(dataset: &Dataset) -> View {
    let (mut shape, mut strides) = unchanged(dataset);
    if shape.len() < 3 {
        return (shape, strides);
    }
    let num_spatial = shape.len() - 2;
    let num_outputs = shape[num_spatial] * shape[num_spatial + 1];
    shape.truncate(num_spatial);
    strides.truncate(num_spatial);
    shape.splice(0..0, [num_outputs, 1]);
    strides.splice(0..0, [1, 0]);
    (shape, strides)
}
