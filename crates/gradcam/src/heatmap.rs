//! The maps that explanations are made of.

use crate::host::values;
use burn::tensor::Tensor;

/// The raw map of one image: non-negative, before normalization and resizing.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    /// Rows of the explained feature maps, or of the image.
    pub height: usize,
    /// Columns of the explained feature maps, or of the image.
    pub width: usize,
    /// Values in row-major order.
    pub values: Vec<f32>,
}

impl Heatmap {
    /// The map of each image of `maps`, which is `[batch, 1, height, width]`.
    pub(crate) fn of_batch(maps: Tensor<4>) -> Vec<Self> {
        let [_, _, height, width] = maps.dims();
        values(maps)
            .chunks((height * width).max(1))
            .map(|values| Self { height, width, values: values.to_vec() })
            .collect()
    }
}
