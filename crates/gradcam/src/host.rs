//! Tensors as plain values in main memory.

use burn::tensor::Tensor;
pub(crate) use dermx_model::host_values as values;

/// The rows of a matrix.
pub(crate) fn rows(matrix: Tensor<2>) -> Vec<Vec<f32>> {
    let num_columns = matrix.dims()[1];
    values(matrix).chunks(num_columns.max(1)).map(<[f32]>::to_vec).collect()
}
