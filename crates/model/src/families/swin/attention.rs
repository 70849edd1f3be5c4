//! Attention within windows.

use crate::layers::{Dense, Tracer};
use crate::relative_position::relative_positions;
use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Int, Tensor, TensorData};
use dermx_kernels::{Activation, attention, from_windows, windows};

/// Rows and columns of a window.
const SIDE: usize = 7;

/// Cells of a window.
const CELLS: usize = SIDE * SIDE;

/// Distances of two rows or columns of a window.
const DISTANCES: usize = 2 * SIDE - 1;

/// Channels of a head.
const HEAD_CHANNELS: usize = 32;

/// What is added to the score of two cells that are neighbours only because the feature maps are rolled.
const APART: f32 = -100.0;

/// Softmax attention of several heads to the cells of the same window, which know their places by a bias
/// learned for each distance.
///
/// # Source
/// Liu et al., 2021, <https://arxiv.org/abs/2103.14030>, sections 3.2 and 3.3; torchvision,
/// `shifted_window_attention` in `torchvision/models/swin_transformer.py`.
#[derive(Module, Debug)]
pub struct WindowAttention {
    /// `[distances of rows and columns, heads]`
    relative_position_bias_table: Param<Tensor<2>>,
    /// For queries, keys and values, one below the other.
    qkv: Dense,
    /// Applied by the block, which adds its input in the same pass.
    pub(super) proj: Dense,
    is_shifted: bool,
}

impl WindowAttention {
    pub(super) fn new(channels: usize, is_shifted: bool, device: &Device) -> Self {
        let bias = Initializer::Normal { mean: 0.0, std: 0.02 };
        let shape = [DISTANCES * DISTANCES, channels / HEAD_CHANNELS];
        Self {
            relative_position_bias_table: bias.init(shape, device),
            qkv: Dense::new([channels, 3 * channels], device),
            proj: Dense::new([channels; 2], device),
            is_shifted,
        }
    }

    /// What each cell takes of the others, before the last linear layer.
    ///
    /// # Shapes
    /// - `x` and output: `[batch, height, width, channels]`
    pub(super) fn mix(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, height, width, channels] = x.dims();
        let shift = self.shift([height, width]);
        let bias = self.bias([height, width], shift);
        let projected = self.qkv.forward(windows(x, SIDE, shift), Activation::None);
        let mixed = attention(projected, channels / HEAD_CHANNELS, Some(bias));
        from_windows(mixed, [height, width], shift)
    }

    /// By how many rows and columns windows of feature maps of that size are shifted: not at all where one
    /// window is as high or as wide as the maps.
    fn shift(&self, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| if self.is_shifted && side > SIDE { SIDE / 2 } else { 0 })
    }

    /// What is added to the scores of each window of feature maps of that size.
    ///
    /// # Shapes
    /// - output: `[1, heads, cells, cells]` without a shift, else `[windows, heads, cells, cells]`
    fn bias(&self, size: [usize; 2], shift: [usize; 2]) -> Tensor<4> {
        let table = self.relative_position_bias_table.val();
        let (device, num_heads) = (table.device(), table.dims()[1]);
        let rows = TensorData::new(relative_positions(SIDE), [CELLS * CELLS]);
        let bias = table.select(0, Tensor::<1, Int>::from_data(rows, &device));
        let bias = bias.reshape([1, CELLS, CELLS, num_heads]).permute([0, 3, 1, 2]);
        if shift == [0; 2] {
            return bias;
        }
        let mask = mask(size, shift);
        let shape = [mask.len() / (CELLS * CELLS), 1, CELLS, CELLS];
        bias + Tensor::from_data(TensorData::new(mask, shape), &device)
    }

    pub(super) fn trace(&self, tracer: &mut Tracer) {
        let size = tracer.size;
        tracer.size = size.map(|side| side.next_multiple_of(SIDE));
        self.qkv.trace(tracer);
        tracer.size = size;
        self.proj.trace(tracer);
    }
}

/// For each window of shifted feature maps and each two cells of it 0, or [`APART`] where they lie at
/// different borders of the maps.
fn mask(size: [usize; 2], shift: [usize; 2]) -> Vec<f32> {
    let [rows, columns] = [0, 1].map(|axis| regions(size[axis], shift[axis]));
    let mut mask = Vec::new();
    for rows in rows.chunks(SIDE) {
        for columns in columns.chunks(SIDE) {
            let region = |cell: usize| (rows[cell / SIDE], columns[cell % SIDE]);
            for one in 0..CELLS {
                let is_apart = |other: usize| region(one) != region(other);
                mask.extend((0..CELLS).map(|other| if is_apart(other) { APART } else { 0.0 }));
            }
        }
    }
    mask
}

/// For each row (or column) of rolled feature maps, continued to whole windows, whether it came round to
/// the other border.
fn regions(side: usize, shift: usize) -> Vec<bool> {
    let padded = side.next_multiple_of(SIDE);
    (0..padded).map(|at| at + shift >= padded).collect()
}
