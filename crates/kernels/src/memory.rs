//! Memory of the values that kernels write.

use burn::tensor::Bytes;

/// `num_values` numbers that `write` sets, all of them.
pub(crate) fn filled(num_values: usize, write: impl FnOnce(&mut [f32])) -> Bytes {
    let mut values = vec![0.0; num_values];
    write(&mut values);
    Bytes::from_elems(values)
}
