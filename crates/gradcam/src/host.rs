//! Tensors as plain values in main memory.

use burn::tensor::Tensor;

/// All values in row-major order.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The rows of a matrix.
pub(crate) fn rows(matrix: Tensor<2>) -> Vec<Vec<f32>> {
    let num_columns = matrix.dims()[1];
    values(matrix).chunks(num_columns.max(1)).map(<[f32]>::to_vec).collect()
}
