//! Softmax attention of the tokens of an image to each other.
//!
//! Each head of each image is a task of its own, and every sum is taken in the order of its summands: no
//! result depends on the number of threads.

use rayon::prelude::*;

use super::scratch::{Scratch, Shared};
use super::simd::{self, InstructionSet, Simd, for_each_instruction_set};

/// Parts of the sum of a row.
const LANES: usize = 16;

/// Rows of a bias whose gradients a task sums at least.
const MIN_ROWS: usize = 16;

/// Rows and vectors of a tile whose sums stay in registers.
const ROWS: usize = 6;
const VECTORS: usize = 2;

/// Geometry of attention.
///
/// # Shapes
///
/// Queries, keys and values `[batch, tokens, 3, heads, head_channels]`, weights
/// `[batch, heads, tokens, tokens]`, output `[batch, tokens, heads, head_channels]`, all contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionShape {
    /// Images.
    pub batch: usize,
    /// Tokens of an image.
    pub tokens: usize,
    /// Heads.
    pub heads: usize,
    /// Channels of a head.
    pub head_channels: usize,
}

/// Which third of the projected tokens.
#[derive(Clone, Copy)]
enum Part {
    Query,
    Key,
    Value,
}

impl AttentionShape {
    /// Length of the slice of queries, keys and values.
    pub fn projected_len(&self) -> usize {
        3 * self.out_len()
    }

    /// Length of the slice of weights.
    pub fn weights_len(&self) -> usize {
        self.batch * self.heads * self.tokens * self.tokens
    }

    /// Length of the output slice.
    pub fn out_len(&self) -> usize {
        self.batch * self.tokens * self.channels()
    }

    fn channels(&self) -> usize {
        self.heads * self.head_channels
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_channels as f32).sqrt()
    }

    /// Where the rows of `part` of a head of an image, counted together, begin in the projected tokens.
    fn projected(&self, image_head: usize, part: Part) -> usize {
        let (image, head) = (image_head / self.heads, image_head % self.heads);
        image * self.tokens * 3 * self.channels()
            + part as usize * self.channels()
            + head * self.head_channels
    }

    /// Where they begin in the output.
    fn out(&self, image_head: usize) -> usize {
        let (image, head) = (image_head / self.heads, image_head % self.heads);
        image * self.tokens * self.channels() + head * self.head_channels
    }

    fn check(&self, projected: usize, weights: usize) {
        assert_eq!(projected, self.projected_len(), "projected tokens of {self:?}");
        assert_eq!(weights, self.weights_len(), "weights of {self:?}");
    }

    /// The number of scores that a bias is added to, each once; image `i` has those of `i` modulo the
    /// number of images that the bias is of.
    fn check_bias(&self, bias: usize) {
        let map = self.heads * self.tokens * self.tokens;
        let is_whole = bias > 0 && bias.is_multiple_of(map);
        assert!(is_whole && self.batch.is_multiple_of(bias / map), "{bias} biases of {self:?}");
    }
}

/// How much each token attends to each: softmax(Q Kᵀ / sqrt(head_channels) + bias), row by row.
///
/// # Shapes
///
/// Those of [`AttentionShape`]; `bias` `[images, heads, tokens, tokens]`, of which the batch is a
/// multiple: it is repeated image after image.
pub fn attention_weights_forward(
    shape: &AttentionShape,
    projected: &[f32],
    bias: Option<&[f32]>,
    weights: &mut [f32],
) {
    shape.check(projected.len(), weights.len());
    if projected.is_empty() {
        return;
    }
    bias.iter().for_each(|bias| shape.check_bias(bias.len()));
    let set = InstructionSet::current();
    let AttentionShape { tokens, head_channels, .. } = *shape;
    let row = 3 * shape.channels();
    weights.par_chunks_mut(tokens * tokens).enumerate().for_each(|(idx, weights)| {
        let queries = &projected[shape.projected(idx, Part::Query)..];
        let keys = &projected[shape.projected(idx, Part::Key)..];
        let keys = transposed(keys, row, [tokens, head_channels]);
        let product = Product {
            left: queries,
            left_strides: [row, 1],
            right: &keys,
            right_stride: tokens,
            sizes: [tokens, head_channels, tokens],
            factor: shape.scale(),
            out_stride: tokens,
        };
        product.run(set, weights.as_mut_ptr(), weights.len());
        if let Some(bias) = bias {
            let bias = &bias[idx * weights.len() % bias.len()..];
            weights.iter_mut().zip(bias).for_each(|(score, bias)| *score += bias);
        }
        // SAFETY: `set` comes from `InstructionSet::current`.
        unsafe { softmax_on(set, weights, tokens) }
    });
}

/// Gradient of [`attention_weights_forward`]; 0 for the values, which it does not look at.
///
/// # Shapes
///
/// Those of [`AttentionShape`], each gradient that of its tensor.
pub fn attention_weights_backward(
    shape: &AttentionShape,
    projected: &[f32],
    weights: &[f32],
    grad_weights: &[f32],
    grad_projected: &mut [f32],
) {
    shape.check(projected.len(), weights.len());
    shape.check(grad_projected.len(), grad_weights.len());
    grad_projected.fill(0.0);
    if projected.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    let AttentionShape { tokens, head_channels, .. } = *shape;
    let row = 3 * shape.channels();
    let len = grad_projected.len();
    let target = Shared(grad_projected.as_mut_ptr());
    let map = tokens * tokens;
    weights.par_chunks(map).zip(grad_weights.par_chunks(map)).enumerate().for_each(
        |(idx, (weights, grad_weights))| {
            let mut grad_scores = Scratch::new(map);
            // SAFETY: `set` comes from `InstructionSet::current`.
            unsafe { softmax_gradient_on(set, weights, grad_weights, &mut grad_scores, tokens) }
            let [query, key] = [Part::Query, Part::Key].map(|part| shape.projected(idx, part));
            let of_queries = Product {
                left: &grad_scores,
                left_strides: [tokens, 1],
                right: &projected[key..],
                right_stride: row,
                sizes: [tokens, tokens, head_channels],
                factor: shape.scale(),
                out_stride: row,
            };
            let of_keys =
                Product { left_strides: [1, tokens], right: &projected[query..], ..of_queries };
            // Other tasks write other channels of these rows.
            of_queries.run(set, target.get().wrapping_add(query), len - query);
            of_keys.run(set, target.get().wrapping_add(key), len - key);
        },
    );
}

/// Gradient of [`attention_weights_forward`] for its bias: of all images that a bias was added to, in
/// their order.
///
/// # Shapes
///
/// Those of [`attention_weights_forward`], each gradient that of its tensor.
pub fn attention_bias_backward(
    shape: &AttentionShape,
    weights: &[f32],
    grad_weights: &[f32],
    grad_bias: &mut [f32],
) {
    shape.check(shape.projected_len(), weights.len());
    shape.check(shape.projected_len(), grad_weights.len());
    grad_bias.fill(0.0);
    if weights.is_empty() {
        return;
    }
    shape.check_bias(grad_bias.len());
    let set = InstructionSet::current();
    let (row, all) = (shape.tokens, grad_bias.len());
    grad_bias.par_chunks_mut(row).with_min_len(MIN_ROWS).enumerate().for_each(|(idx, sum)| {
        let mut grad_scores = Scratch::new(row);
        for first in (idx * row..weights.len()).step_by(all) {
            let [weights, grads] = [weights, grad_weights].map(|all| &all[first..first + row]);
            // SAFETY: `set` comes from `InstructionSet::current`.
            unsafe { softmax_gradient_on(set, weights, grads, &mut grad_scores, row) }
            sum.iter_mut().zip(grad_scores.iter()).for_each(|(sum, grad)| *sum += grad);
        }
    });
}

/// What each token takes of the others: its weights times their values.
///
/// # Shapes
///
/// Those of [`AttentionShape`].
pub fn attention_mix_forward(
    shape: &AttentionShape,
    weights: &[f32],
    projected: &[f32],
    out: &mut [f32],
) {
    shape.check(projected.len(), weights.len());
    assert_eq!(out.len(), shape.out_len(), "output of {shape:?}");
    if out.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    let AttentionShape { tokens, head_channels, .. } = *shape;
    let len = out.len();
    let target = Shared(out.as_mut_ptr());
    weights.par_chunks(tokens * tokens).enumerate().for_each(|(idx, weights)| {
        let product = Product {
            left: weights,
            left_strides: [tokens, 1],
            right: &projected[shape.projected(idx, Part::Value)..],
            right_stride: 3 * shape.channels(),
            sizes: [tokens, tokens, head_channels],
            factor: 1.0,
            out_stride: shape.channels(),
        };
        // Other tasks write other channels of these rows.
        product.run(set, target.get().wrapping_add(shape.out(idx)), len - shape.out(idx));
    });
}

/// Gradients of [`attention_mix_forward`]; 0 for queries and keys, which it does not look at.
///
/// # Shapes
///
/// Those of [`AttentionShape`], each gradient that of its tensor.
pub fn attention_mix_backward(
    shape: &AttentionShape,
    weights: &[f32],
    projected: &[f32],
    grad_out: &[f32],
    grad_weights: &mut [f32],
    grad_projected: &mut [f32],
) {
    shape.check(projected.len(), weights.len());
    shape.check(grad_projected.len(), grad_weights.len());
    assert_eq!(grad_out.len(), shape.out_len(), "output of {shape:?}");
    grad_projected.fill(0.0);
    if projected.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    let AttentionShape { tokens, head_channels, .. } = *shape;
    let (row, out_row) = (3 * shape.channels(), shape.channels());
    let len = grad_projected.len();
    let target = Shared(grad_projected.as_mut_ptr());
    let map = tokens * tokens;
    weights.par_chunks(map).zip(grad_weights.par_chunks_mut(map)).enumerate().for_each(
        |(idx, (weights, grad_weights))| {
            let value = shape.projected(idx, Part::Value);
            let grad_out = &grad_out[shape.out(idx)..];
            let values = transposed(&projected[value..], row, [tokens, head_channels]);
            let of_weights = Product {
                left: grad_out,
                left_strides: [out_row, 1],
                right: &values,
                right_stride: tokens,
                sizes: [tokens, head_channels, tokens],
                factor: 1.0,
                out_stride: tokens,
            };
            of_weights.run(set, grad_weights.as_mut_ptr(), grad_weights.len());
            let of_values = Product {
                left: weights,
                left_strides: [1, tokens],
                right: grad_out,
                right_stride: out_row,
                sizes: [tokens, tokens, head_channels],
                factor: 1.0,
                out_stride: row,
            };
            // Other tasks write other channels of these rows.
            of_values.run(set, target.get().wrapping_add(value), len - value);
        },
    );
}

/// Rows of `stride` as columns, without gaps.
fn transposed(matrix: &[f32], stride: usize, [rows, columns]: [usize; 2]) -> Scratch {
    let mut out = Scratch::new(rows * columns);
    for row in 0..rows {
        for (column, value) in matrix[row * stride..][..columns].iter().enumerate() {
            out[column * rows + row] = *value;
        }
    }
    out
}

/// The matrix `factor · left · right`.
#[derive(Clone, Copy)]
struct Product<'a> {
    left: &'a [f32],
    /// From row to row and from column to column of `left`.
    left_strides: [usize; 2],
    right: &'a [f32],
    /// From row to row of `right`, whose columns lie side by side.
    right_stride: usize,
    /// Rows of the left matrix, its columns, and columns of the right one.
    sizes: [usize; 3],
    factor: f32,
    out_stride: usize,
}

impl Product<'_> {
    /// Writes the product to `out`, after which there are `out_len` numbers of its tensor. No other task
    /// may use the elements that it writes.
    fn run(&self, set: InstructionSet, out: *mut f32, out_len: usize) {
        let [rows, depth, columns] = self.sizes;
        let last = |rows: usize, stride: usize, columns: usize, column_stride: usize| {
            (rows - 1) * stride + (columns - 1) * column_stride
        };
        assert!(rows > 0 && depth > 0 && columns > 0, "an empty product");
        assert!(last(rows, self.left_strides[0], depth, self.left_strides[1]) < self.left.len());
        assert!(last(depth, self.right_stride, columns, 1) < self.right.len());
        assert!(last(rows, self.out_stride, columns, 1) < out_len);
        // SAFETY: all elements are in their slices, as asserted; `set` comes from
        // `InstructionSet::current`.
        unsafe { product_on(set, self, out) }
    }
}

for_each_instruction_set! {
    fn product_on = product(of: &Product<'_>, out: *mut f32)
}

#[inline(always)]
unsafe fn product<S: Simd>(of: &Product<'_>, out: *mut f32) {
    let [rows, _, columns] = of.sizes;
    // SAFETY: the caller's; rows and columns are those of the product.
    unsafe {
        let mut column = 0;
        while column < columns {
            let is_whole = column + VECTORS * S::WIDTH <= columns;
            let mut row = 0;
            while row < rows {
                match (row + ROWS <= rows, is_whole) {
                    (true, true) => tile::<S, ROWS, VECTORS, false>(of, out, row, column),
                    (true, false) => tile::<S, ROWS, 1, true>(of, out, row, column),
                    (false, true) => tile::<S, 1, VECTORS, false>(of, out, row, column),
                    (false, false) => tile::<S, 1, 1, true>(of, out, row, column),
                }
                row += if row + ROWS <= rows { ROWS } else { 1 };
            }
            column += if is_whole { VECTORS * S::WIDTH } else { S::WIDTH };
        }
    }
}

#[inline(always)]
unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const PARTIAL: bool>(
    of: &Product<'_>,
    out: *mut f32,
    row: usize,
    column: usize,
) {
    let [_, depth, columns] = of.sizes;
    // SAFETY: the caller's.
    unsafe {
        let lanes = S::WIDTH.min(columns - column);
        let [row_stride, column_stride] = of.left_strides;
        let left = of.left.as_ptr().add(row * row_stride);
        let right = of.right.as_ptr().add(column);
        let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
        for k in 0..depth {
            let right = right.add(k * of.right_stride);
            let mut vectors = [S::splat(0.0); VECTORS];
            for (idx, vector) in vectors.iter_mut().enumerate() {
                *vector = match PARTIAL {
                    true => S::load_first(right, lanes),
                    false => S::load(right.add(idx * S::WIDTH)),
                };
            }
            for (idx, sums) in sums.iter_mut().enumerate() {
                let value = S::splat(*left.add(idx * row_stride + k * column_stride));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = S::fma(value, vector, *sum);
                }
            }
        }
        let factor = S::splat(of.factor);
        for (idx, sums) in sums.into_iter().enumerate() {
            let out = out.add((row + idx) * of.out_stride + column);
            for (vector, sum) in sums.into_iter().enumerate() {
                let value = S::mul(sum, factor);
                match PARTIAL {
                    true => S::store_first(out, value, lanes),
                    false => S::store(out.add(vector * S::WIDTH), value),
                }
            }
        }
    }
}

for_each_instruction_set! {
    fn softmax_on = softmax_rows(scores: &mut [f32], columns: usize)
}

/// eˣ / Σ eˣ of each row, with the row's largest number taken off first.
#[inline(always)]
unsafe fn softmax_rows<S: Simd>(scores: &mut [f32], columns: usize) {
    for row in scores.chunks_exact_mut(columns) {
        let largest = row.iter().fold(f32::NEG_INFINITY, |max, x| if *x > max { *x } else { max });
        let mut column = 0;
        while column < columns {
            let lanes = S::WIDTH.min(columns - column);
            // SAFETY: the caller's; the lanes are in the row.
            unsafe {
                let scores = row.as_mut_ptr().add(column);
                let distance = S::sub(S::load_first(scores, lanes), S::splat(largest));
                S::store_first(scores, simd::exp::<S>(distance), lanes);
            }
            column += S::WIDTH;
        }
        let factor = (1.0 / sum(columns, |column| row[column])) as f32;
        row.iter_mut().for_each(|value| *value *= factor);
    }
}

for_each_instruction_set! {
    fn softmax_gradient_on = softmax_gradient_rows(
        weights: &[f32],
        grad_weights: &[f32],
        grad_scores: &mut [f32],
        columns: usize,
    )
}

/// w · (g - Σ w g) of each row.
#[inline(always)]
unsafe fn softmax_gradient_rows<S: Simd>(
    weights: &[f32],
    grad_weights: &[f32],
    grad_scores: &mut [f32],
    columns: usize,
) {
    let rows = weights.chunks_exact(columns).zip(grad_weights.chunks_exact(columns));
    for (out, (weights, grads)) in grad_scores.chunks_exact_mut(columns).zip(rows) {
        let mean = sum(columns, |column| weights[column] * grads[column]) as f32;
        for (out, (weight, grad)) in out.iter_mut().zip(weights.iter().zip(grads)) {
            *out = weight * (grad - mean);
        }
    }
}

/// Σ value(i) for i < len, taken in [`LANES`] parts whatever the length of a vector.
#[inline(always)]
fn sum(len: usize, value: impl Fn(usize) -> f32) -> f64 {
    let mut lanes = [0.0_f32; LANES];
    let whole = len / LANES * LANES;
    for first in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += value(first + lane);
        }
    }
    let rest: f64 = (whole..len).map(|idx| f64::from(value(idx))).sum();
    lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>() + rest
}
