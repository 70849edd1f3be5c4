//! Softmax attention of the tokens of an image to each other.
//!
//! Each head of each image is a task of its own, and every sum is taken in the order of its summands: no
//! result depends on the number of threads.

use rayon::prelude::*;

use super::scratch::{Scratch, Shared};
use super::simd::{self, InstructionSet, Simd, for_each_instruction_set};

/// Parts of the sum of a row.
const LANES: usize = 16;

/// Gradients of a bias that a task sums.
const BIASES: usize = 1024;

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

    /// From one projected token to the next.
    fn row(&self) -> usize {
        3 * self.channels()
    }

    /// Weights of a head.
    fn map_len(&self) -> usize {
        self.tokens * self.tokens
    }

    fn scale(&self) -> f32 {
        1.0 / (self.head_channels as f32).sqrt()
    }

    /// Where the rows of `part` of a head of an image, counted together, begin in the projected tokens.
    fn projected(&self, image_head: usize, part: Part) -> usize {
        let (image, head) = (image_head / self.heads, image_head % self.heads);
        image * self.tokens * self.row()
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

    fn check_out(&self, out: usize) {
        assert_eq!(out, self.out_len(), "output of {self:?}");
    }

    /// The number of scores that a bias is added to, each once; image `i` has those of `i` modulo the
    /// number of images that the bias is of.
    fn check_bias(&self, bias: usize) {
        let map = self.heads * self.tokens * self.tokens;
        let is_whole = bias > 0 && bias.is_multiple_of(map);
        assert!(is_whole && self.batch.is_multiple_of(bias / map), "{bias} biases of {self:?}");
    }
}

/// How much each token attends to each: softmax(Q Kᵀ / sqrt(head_channels)), row by row.
///
/// # Shapes
///
/// Those of [`AttentionShape`].
pub fn attention_weights_forward(shape: &AttentionShape, projected: &[f32], weights: &mut [f32]) {
    shape.check(projected.len(), weights.len());
    if projected.is_empty() {
        return;
    }
    let heads = Heads::new(shape, projected);
    weights.par_chunks_mut(shape.map_len()).enumerate().for_each(|(idx, weights)| {
        heads.weights(idx, None, weights);
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
    let heads = Heads::new(shape, projected);
    let (map, target) = (shape.map_len(), Target::new(grad_projected));
    weights.par_chunks(map).zip(grad_weights.par_chunks(map)).enumerate().for_each(
        |(idx, (weights, grad_weights))| {
            let mut grad_scores = Scratch::new(map);
            grad_scores.copy_from_slice(grad_weights);
            heads.to_scores(weights, &mut grad_scores);
            heads.queries_and_keys_gradient(idx, &grad_scores, &target);
        },
    );
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
    shape.check_out(out.len());
    if projected.is_empty() {
        return;
    }
    let (heads, target) = (Heads::new(shape, projected), Target::new(out));
    weights.par_chunks(shape.map_len()).enumerate().for_each(|(idx, weights)| {
        heads.mix(idx, weights, &target);
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
    shape.check_out(grad_out.len());
    grad_projected.fill(0.0);
    if projected.is_empty() {
        return;
    }
    let heads = Heads::new(shape, projected);
    let (map, target) = (shape.map_len(), Target::new(grad_projected));
    weights.par_chunks(map).zip(grad_weights.par_chunks_mut(map)).enumerate().for_each(
        |(idx, (weights, grad_weights))| {
            heads.weights_gradient(idx, grad_out, grad_weights);
            heads.values_gradient(idx, weights, grad_out, &target);
        },
    );
}

/// What each token takes of the others: softmax(Q Kᵀ / sqrt(head_channels) + bias) V, and the weights that
/// a backward pass needs.
///
/// # Shapes
///
/// Those of [`AttentionShape`]; `bias` `[images, heads, tokens, tokens]`, of which the batch is a
/// multiple: it is repeated image after image.
pub fn attention_forward(
    shape: &AttentionShape,
    projected: &[f32],
    bias: Option<&[f32]>,
    weights: &mut [f32],
    out: &mut [f32],
) {
    shape.check(projected.len(), weights.len());
    shape.check_out(out.len());
    if projected.is_empty() {
        return;
    }
    bias.iter().for_each(|bias| shape.check_bias(bias.len()));
    let (heads, target) = (Heads::new(shape, projected), Target::new(out));
    weights.par_chunks_mut(shape.map_len()).enumerate().for_each(|(idx, weights)| {
        heads.weights(idx, bias, weights);
        heads.mix(idx, weights, &target);
    });
}

/// Gradient of [`attention_forward`] for the projected tokens; where it is asked for, also that of the
/// scores, which [`attention_bias_backward`] takes.
///
/// # Shapes
///
/// Those of [`AttentionShape`], each gradient that of its tensor; that of the scores as the weights.
pub fn attention_backward(
    shape: &AttentionShape,
    projected: &[f32],
    weights: &[f32],
    grad_out: &[f32],
    grad_projected: &mut [f32],
    grad_scores: Option<&mut [f32]>,
) {
    shape.check(projected.len(), weights.len());
    shape.check_out(grad_out.len());
    let scores_len = grad_scores.as_ref().map_or(weights.len(), |scores| scores.len());
    shape.check(grad_projected.len(), scores_len);
    if projected.is_empty() {
        return;
    }
    let heads = Heads::new(shape, projected);
    let (map, target) = (shape.map_len(), Target::new(grad_projected));
    let backward = |idx: usize, weights: &[f32], grad_scores: &mut [f32]| {
        heads.weights_gradient(idx, grad_out, grad_scores);
        heads.values_gradient(idx, weights, grad_out, &target);
        heads.to_scores(weights, grad_scores);
        heads.queries_and_keys_gradient(idx, grad_scores, &target);
    };
    let all = weights.par_chunks(map);
    match grad_scores {
        Some(grad_scores) => all
            .zip(grad_scores.par_chunks_mut(map))
            .enumerate()
            .for_each(|(idx, (weights, grad_scores))| backward(idx, weights, grad_scores)),
        None => all
            .enumerate()
            .for_each(|(idx, weights)| backward(idx, weights, &mut Scratch::new(map))),
    }
}

/// Gradient of [`attention_forward`] for its bias: that of the scores, summed over the images that a bias
/// was added to, in their order.
///
/// # Shapes
///
/// Those of [`attention_forward`], each gradient that of its tensor.
pub fn attention_bias_backward(shape: &AttentionShape, grad_scores: &[f32], grad_bias: &mut [f32]) {
    shape.check(shape.projected_len(), grad_scores.len());
    if grad_scores.is_empty() {
        grad_bias.fill(0.0);
        return;
    }
    shape.check_bias(grad_bias.len());
    let all = grad_bias.len();
    grad_bias.par_chunks_mut(BIASES).enumerate().for_each(|(idx, sums)| {
        sums.fill(0.0);
        for first in (idx * BIASES..grad_scores.len()).step_by(all) {
            for (sum, grad) in sums.iter_mut().zip(&grad_scores[first..]) {
                *sum += grad;
            }
        }
    });
}

/// The tokens of all heads of all images.
struct Heads<'a> {
    set: InstructionSet,
    shape: AttentionShape,
    projected: &'a [f32],
}

/// A tensor of which each task writes the channels of its own head.
struct Target {
    start: Shared<*mut f32>,
    len: usize,
}

impl Target {
    fn new(tensor: &mut [f32]) -> Self {
        Self { start: Shared(tensor.as_mut_ptr()), len: tensor.len() }
    }

    /// Writes `product` from `offset` on. No other task may use the elements that it writes.
    fn write(&self, product: &Product<'_>, set: InstructionSet, offset: usize) {
        product.run(set, self.start.get().wrapping_add(offset), self.len - offset);
    }
}

/// What is computed of the head `idx` of an image, heads of all images counted together.
impl<'a> Heads<'a> {
    fn new(shape: &AttentionShape, projected: &'a [f32]) -> Self {
        Self { set: InstructionSet::current(), shape: *shape, projected }
    }

    /// The rows of `part`.
    fn part(&self, idx: usize, part: Part) -> &[f32] {
        &self.projected[self.shape.projected(idx, part)..]
    }

    /// The columns of `part`.
    fn transposed(&self, idx: usize, part: Part) -> Scratch {
        let AttentionShape { tokens, head_channels, .. } = self.shape;
        transposed(self.part(idx, part), self.shape.row(), [tokens, head_channels])
    }

    /// Writes softmax(Q Kᵀ / sqrt(head_channels) + bias).
    fn weights(&self, idx: usize, bias: Option<&[f32]>, weights: &mut [f32]) {
        let AttentionShape { tokens, head_channels, .. } = self.shape;
        let product = Product {
            left: self.part(idx, Part::Query),
            left_strides: [self.shape.row(), 1],
            right: &self.transposed(idx, Part::Key),
            right_stride: tokens,
            sizes: [tokens, head_channels, tokens],
            factor: self.shape.scale(),
            out_stride: tokens,
        };
        product.run(self.set, weights.as_mut_ptr(), weights.len());
        if let Some(bias) = bias {
            let bias = &bias[idx * weights.len() % bias.len()..];
            weights.iter_mut().zip(bias).for_each(|(score, bias)| *score += bias);
        }
        // SAFETY: the set comes from `InstructionSet::current`.
        unsafe { softmax_on(self.set, weights, tokens) }
    }

    /// Writes the weights times V into the output.
    fn mix(&self, idx: usize, weights: &[f32], out: &Target) {
        let AttentionShape { tokens, head_channels, .. } = self.shape;
        let product = Product {
            left: weights,
            left_strides: [tokens, 1],
            right: self.part(idx, Part::Value),
            right_stride: self.shape.row(),
            sizes: [tokens, tokens, head_channels],
            factor: 1.0,
            out_stride: self.shape.channels(),
        };
        out.write(&product, self.set, self.shape.out(idx));
    }

    /// Writes the gradient of the weights, that of the output times Vᵀ.
    fn weights_gradient(&self, idx: usize, grad_out: &[f32], grad_weights: &mut [f32]) {
        let AttentionShape { tokens, head_channels, .. } = self.shape;
        let product = Product {
            left: &grad_out[self.shape.out(idx)..],
            left_strides: [self.shape.channels(), 1],
            right: &self.transposed(idx, Part::Value),
            right_stride: tokens,
            sizes: [tokens, head_channels, tokens],
            factor: 1.0,
            out_stride: tokens,
        };
        product.run(self.set, grad_weights.as_mut_ptr(), grad_weights.len());
    }

    /// Writes the gradient of the values, weightsᵀ times that of the output.
    fn values_gradient(&self, idx: usize, weights: &[f32], grad_out: &[f32], target: &Target) {
        let AttentionShape { tokens, head_channels, .. } = self.shape;
        let product = Product {
            left: weights,
            left_strides: [1, tokens],
            right: &grad_out[self.shape.out(idx)..],
            right_stride: self.shape.channels(),
            sizes: [tokens, tokens, head_channels],
            factor: 1.0,
            out_stride: self.shape.row(),
        };
        target.write(&product, self.set, self.shape.projected(idx, Part::Value));
    }

    /// The gradient of the scores in place of that of the weights.
    fn to_scores(&self, weights: &[f32], grads: &mut [f32]) {
        // SAFETY: the set comes from `InstructionSet::current`.
        unsafe { softmax_gradient_on(self.set, weights, grads, self.shape.tokens) }
    }

    /// Writes the gradients of the queries and the keys.
    fn queries_and_keys_gradient(&self, idx: usize, grad_scores: &[f32], target: &Target) {
        let AttentionShape { tokens, head_channels, .. } = self.shape;
        let of_queries = Product {
            left: grad_scores,
            left_strides: [tokens, 1],
            right: self.part(idx, Part::Key),
            right_stride: self.shape.row(),
            sizes: [tokens, tokens, head_channels],
            factor: self.shape.scale(),
            out_stride: self.shape.row(),
        };
        let of_keys =
            Product { left_strides: [1, tokens], right: self.part(idx, Part::Query), ..of_queries };
        target.write(&of_queries, self.set, self.shape.projected(idx, Part::Query));
        target.write(&of_keys, self.set, self.shape.projected(idx, Part::Key));
    }
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
    let [_, _, columns] = of.sizes;
    let mut column = 0;
    // SAFETY: the caller's; the columns are those of the product.
    unsafe {
        while column + VECTORS * S::WIDTH <= columns {
            panel::<S, VECTORS, false>(of, out, column);
            column += VECTORS * S::WIDTH;
        }
        match columns - column {
            0 => {}
            left if left <= S::WIDTH => panel::<S, 1, true>(of, out, column),
            _ => panel::<S, VECTORS, true>(of, out, column),
        }
    }
}

/// All rows of `VECTORS` vectors of columns, the last of which may be `PARTIAL`.
#[inline(always)]
unsafe fn panel<S: Simd, const VECTORS: usize, const PARTIAL: bool>(
    of: &Product<'_>,
    out: *mut f32,
    column: usize,
) {
    let [rows, ..] = of.sizes;
    let mut row = 0;
    while row < rows {
        // SAFETY: the caller's; the rows are those of the product.
        row += unsafe {
            match rows - row {
                ROWS.. => tile::<S, ROWS, VECTORS, PARTIAL>(of, out, row, column),
                4.. => tile::<S, 4, VECTORS, PARTIAL>(of, out, row, column),
                2.. => tile::<S, 2, VECTORS, PARTIAL>(of, out, row, column),
                _ => tile::<S, 1, VECTORS, PARTIAL>(of, out, row, column),
            }
        };
    }
}

/// The number of its rows.
#[inline(always)]
unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const PARTIAL: bool>(
    of: &Product<'_>,
    out: *mut f32,
    row: usize,
    column: usize,
) -> usize {
    let [_, depth, columns] = of.sizes;
    let lanes = |vector: usize| S::WIDTH.min(columns - column - vector * S::WIDTH);
    // SAFETY: the caller's.
    unsafe {
        let [row_stride, column_stride] = of.left_strides;
        let left = of.left.as_ptr().add(row * row_stride);
        let right = of.right.as_ptr().add(column);
        let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
        for k in 0..depth {
            let right = right.add(k * of.right_stride);
            let mut vectors = [S::splat(0.0); VECTORS];
            for (idx, vector) in vectors.iter_mut().enumerate() {
                let right = right.add(idx * S::WIDTH);
                *vector = match PARTIAL && idx + 1 == VECTORS {
                    true => S::load_first(right, lanes(idx)),
                    false => S::load(right),
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
                let (out, value) = (out.add(vector * S::WIDTH), S::mul(sum, factor));
                match PARTIAL && vector + 1 == VECTORS {
                    true => S::store_first(out, value, lanes(vector)),
                    false => S::store(out, value),
                }
            }
        }
    }
    ROWS
}

for_each_instruction_set! {
    fn softmax_on = softmax_rows(scores: &mut [f32], columns: usize)
}

/// eˣ / Σ eˣ of each row, with the row's largest number taken off first.
#[inline(always)]
unsafe fn softmax_rows<S: Simd>(scores: &mut [f32], columns: usize) {
    for row in scores.chunks_exact_mut(columns) {
        let largest = largest(row);
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
        let factor = (1.0 / sum(row)) as f32;
        row.iter_mut().for_each(|value| *value *= factor);
    }
}

for_each_instruction_set! {
    fn softmax_gradient_on = softmax_gradient_rows(
        weights: &[f32],
        grads: &mut [f32],
        columns: usize,
    )
}

/// w · (g - Σ w g) of each row, in place of g.
#[inline(always)]
unsafe fn softmax_gradient_rows<S: Simd>(weights: &[f32], grads: &mut [f32], columns: usize) {
    for (weights, grads) in weights.chunks_exact(columns).zip(grads.chunks_exact_mut(columns)) {
        let mean = sum_of_products(weights, grads) as f32;
        for (grad, weight) in grads.iter_mut().zip(weights) {
            *grad = weight * (*grad - mean);
        }
    }
}

/// The largest of `values` that is a number.
#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let larger = |max: f32, value: f32| if value > max { value } else { max };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane = larger(*lane, *value);
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |max, value| larger(max, *value))
}

/// Σ value, taken in [`LANES`] parts whatever the length of a vector.
#[inline(always)]
fn sum(values: &[f32]) -> f64 {
    let mut lanes = [0.0_f32; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += value;
        }
    }
    total(lanes, rest.iter().copied())
}

/// Σ a b, likewise.
#[inline(always)]
fn sum_of_products(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0_f32; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    total(lanes, a_rest.iter().zip(b_rest).map(|(a, b)| a * b))
}

/// The sum of the parts and of what is left.
#[inline(always)]
fn total(lanes: [f32; LANES], rest: impl Iterator<Item = f32>) -> f64 {
    lanes.into_iter().map(f64::from).sum::<f64>() + rest.map(f64::from).sum::<f64>()
}
