//! Convolution.

mod depthwise;
mod direct;
mod pack;
mod source;
mod weight;
mod winograd;

use self::direct::{Phase, Target};
use self::pack::{Layout, Packed};
use self::source::{Positions, Source};
use self::weight::{GradOut, Operands, Order};
use self::winograd::Winograd;
use super::scratch::Scratch;
use super::simd::{self, InstructionSet};
use super::{ConvShape, Epilogue, Precision};

/// Convolves `x` with `weight` and writes activation(z · scale + shift + residual).
///
/// # Shapes
///
/// Those of [`ConvShape`].
pub fn conv_forward(
    shape: &ConvShape,
    precision: Precision,
    x: &[f32],
    weight: &[f32],
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    shape.check(x.len(), weight.len(), out.len());
    epilogue.check(shape.out_channels, out.len());
    if out.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    if shape.is_depthwise() {
        let map = depthwise::Map { data: x, size: shape.in_size };
        let phases = [depthwise_forward(shape)];
        let (kernel_size, channels, size) =
            (shape.kernel_size, shape.in_channels, shape.out_size());
        depthwise::run(set, &map, weight, kernel_size, channels, &phases, epilogue, size, out);
        return;
    }
    if let Some(winograd) = Winograd::choose(shape, shape.out_size(), precision) {
        winograd_forward(shape, winograd, set, x, weight, epilogue, out);
        return;
    }
    let padded = folds_kernel_width(shape).then(|| padded(shape, x));
    let precision = used(precision, shape);
    for group in 0..shape.groups {
        let [group_in, group_out] = group_channels(shape);
        let (source, positions) = match &padded {
            Some(padded) => folded(shape, padded),
            None => (
                source(x, shape.in_size, shape.in_channels, group, group_in),
                forward_positions(shape),
            ),
        };
        let pairs = pairs(set, &source, precision);
        let source = pairs.as_ref().map_or(source, |pairs| source.of_pairs(pairs));
        let layout = Layout {
            taps: (0..shape.num_taps()).collect(),
            depth: group_in,
            depth_stride: shape.num_taps(),
            channel_stride: group_in * shape.num_taps(),
        };
        let weight = group_weight(shape, weight, group);
        let weight = Packed::new(weight, group_out, &layout, simd::width(set), precision);
        let phase = Phase { positions, weight, offset: [0, 0], step: [1, 1] };
        let mut target = Target {
            data: out,
            batch: shape.batch,
            size: shape.out_size(),
            pixel_stride: shape.out_channels,
            channel: group * group_out,
        };
        direct::run(set, &source, &[phase], epilogue, &mut target);
    }
}

/// Gradient of the input: the transposed convolution of `grad_out`.
///
/// # Shapes
///
/// Those of [`ConvShape`].
pub fn conv_backward_input(
    shape: &ConvShape,
    precision: Precision,
    weight: &[f32],
    grad_out: &[f32],
    grad_in: &mut [f32],
) {
    shape.check(grad_in.len(), weight.len(), grad_out.len());
    if grad_in.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    if shape.is_depthwise() {
        let map = depthwise::Map { data: grad_out, size: shape.out_size() };
        let phases = depthwise_transposed(shape);
        let (kernel_size, channels, size) = (shape.kernel_size, shape.in_channels, shape.in_size);
        let epilogue = Epilogue::default();
        depthwise::run(set, &map, weight, kernel_size, channels, &phases, &epilogue, size, grad_in);
        return;
    }
    if let Some(winograd) = Winograd::choose(shape, shape.in_size, precision) {
        winograd_backward_input(shape, winograd, set, weight, grad_out, grad_in);
        return;
    }
    let [group_in, group_out] = group_channels(shape);
    let precision = used(precision, shape);
    for group in 0..shape.groups {
        let source = source(grad_out, shape.out_size(), shape.out_channels, group, group_out);
        let pairs = pairs(set, &source, precision);
        let source = pairs.as_ref().map_or(source, |pairs| source.of_pairs(pairs));
        let weight = group_weight(shape, weight, group);
        let phases = transposed_phases(shape, weight, set, precision);
        let mut target = Target {
            data: grad_in,
            batch: shape.batch,
            size: shape.in_size,
            pixel_stride: shape.in_channels,
            channel: group * group_in,
        };
        direct::run(set, &source, &phases, &Epilogue::default(), &mut target);
    }
}

fn winograd_forward(
    shape: &ConvShape,
    winograd: Winograd,
    set: InstructionSet,
    x: &[f32],
    weight: &[f32],
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    let ConvShape { in_channels, out_channels, batch, .. } = *shape;
    let layout = Layout {
        taps: (0..9).collect(),
        depth: in_channels,
        depth_stride: 9,
        channel_stride: 9 * in_channels,
    };
    let weight = winograd.weights(set, weight, out_channels, &layout);
    let source = source(x, shape.in_size, in_channels, 0, in_channels);
    let size = shape.out_size();
    let mut target = Target { data: out, batch, size, pixel_stride: out_channels, channel: 0 };
    let origin = winograd_origin(shape);
    winograd.run(set, &source, origin, &weight, epilogue, &mut target);
}

/// Of the outputs in the input.
fn winograd_origin(shape: &ConvShape) -> [isize; 2] {
    [0, 1].map(|axis| -(shape.padding[axis] as isize))
}

/// The convolution of `grad_out` with the kernels turned by 180 degrees.
fn winograd_backward_input(
    shape: &ConvShape,
    winograd: Winograd,
    set: InstructionSet,
    weight: &[f32],
    grad_out: &[f32],
    grad_in: &mut [f32],
) {
    let ConvShape { in_channels, out_channels, batch, .. } = *shape;
    let layout = Layout {
        taps: (0..9).rev().collect(),
        depth: out_channels,
        depth_stride: 9 * in_channels,
        channel_stride: 9,
    };
    let weight = winograd.weights(set, weight, in_channels, &layout);
    let source = source(grad_out, shape.out_size(), out_channels, 0, out_channels);
    let size = shape.in_size;
    let mut target = Target { data: grad_in, batch, size, pixel_stride: in_channels, channel: 0 };
    let origin = [0, 1].map(|axis| shape.padding[axis] as isize - 2);
    winograd.run(set, &source, origin, &weight, &Epilogue::default(), &mut target);
}

/// Gradient of the weights.
///
/// # Shapes
///
/// Those of [`ConvShape`].
pub fn conv_backward_weight(
    shape: &ConvShape,
    precision: Precision,
    x: &[f32],
    grad_out: &[f32],
    grad_weight: &mut [f32],
) {
    shape.check(x.len(), grad_weight.len(), grad_out.len());
    if grad_out.is_empty() {
        grad_weight.fill(0.0);
    }
    if grad_out.is_empty() || grad_weight.is_empty() {
        return;
    }
    let set = InstructionSet::current();
    if shape.is_depthwise() {
        let map = depthwise::Map { data: x, size: shape.in_size };
        let phase = depthwise_forward(shape);
        depthwise::weight_gradient(set, &map, grad_out, shape.in_channels, &phase, grad_weight);
        return;
    }
    if let Some(winograd) = Winograd::choose_for_weights(shape, precision) {
        let x = source(x, shape.in_size, shape.in_channels, 0, shape.in_channels);
        let channels = shape.out_channels;
        let grad_out = source(grad_out, shape.out_size(), channels, 0, channels);
        let origin = winograd_origin(shape);
        winograd.weight_gradient(set, &x, origin, &grad_out, shape.batch, grad_weight);
        return;
    }
    let [group_in, group_out] = group_channels(shape);
    let padded = folds_kernel_width(shape).then(|| padded(shape, x));
    let precision = used(precision, shape);
    let group_len = grad_weight.len() / shape.groups;
    for (group, grad_weight) in grad_weight.chunks_exact_mut(group_len).enumerate() {
        let grad_out = GradOut {
            data: grad_out.get(group * group_out..).unwrap_or(&[]),
            pixel_stride: shape.out_channels,
            channels: group_out,
        };
        let (source, positions) = match &padded {
            Some(padded) => folded(shape, padded),
            None => (
                source(x, shape.in_size, shape.in_channels, group, group_in),
                forward_positions(shape),
            ),
        };
        let order = match &padded {
            Some(_) => Order::FoldedColumns { channels: group_in, columns: shape.kernel_size[1] },
            None => Order::DepthTap,
        };
        let operands = Operands { set, precision, source, positions, batch: shape.batch, grad_out };
        weight::run(&operands, order, grad_weight);
    }
}

/// One phase for each remainder of the input pixel by the stride: the pixels that the same taps
/// reach.
fn transposed_phases(
    shape: &ConvShape,
    weight: &[f32],
    set: InstructionSet,
    precision: Precision,
) -> Vec<Phase> {
    let [group_in, group_out] = group_channels(shape);
    phase_offsets(shape)
        .map(|offset| {
            let axis = |axis: usize| transposed_taps(shape, axis, offset[axis]);
            let (rows, columns) = (axis(0), axis(1));
            let pairs =
                || rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
            let layout = Layout {
                taps: pairs()
                    .map(|(row, column)| row.kernel_idx * shape.kernel_size[1] + column.kernel_idx)
                    .collect(),
                depth: group_out,
                depth_stride: group_in * shape.num_taps(),
                channel_stride: shape.num_taps(),
            };
            let positions = Positions {
                grid: phase_grid(shape, offset),
                step: [1, 1],
                taps: pairs().map(|(row, column)| [row.distance, column.distance]).collect(),
            };
            let weight = Packed::new(weight, group_in, &layout, simd::width(set), precision);
            Phase { positions, weight, offset, step: shape.stride }
        })
        .collect()
}

fn depthwise_forward(shape: &ConvShape) -> depthwise::Phase {
    let taps = |axis: usize| depthwise::Taps {
        step: shape.stride[axis],
        first: -(shape.padding[axis] as isize),
        kernel: (0..shape.kernel_size[axis]).collect(),
    };
    depthwise::Phase {
        grid: shape.out_size(),
        rows: taps(0),
        columns: taps(1),
        offset: [0, 0],
        step: [1, 1],
    }
}

/// As [`transposed_phases`].
fn depthwise_transposed(shape: &ConvShape) -> Vec<depthwise::Phase> {
    let taps = |axis: usize, offset: usize| {
        let mut taps = transposed_taps(shape, axis, offset);
        taps.reverse();
        depthwise::Taps {
            step: 1,
            first: taps.first().map_or(0, |tap| tap.distance),
            kernel: taps.iter().map(|tap| tap.kernel_idx).collect(),
        }
    };
    phase_offsets(shape)
        .map(|offset| depthwise::Phase {
            grid: phase_grid(shape, offset),
            rows: taps(0, offset[0]),
            columns: taps(1, offset[1]),
            offset,
            step: shape.stride,
        })
        .collect()
}

/// The first input pixel of each phase.
fn phase_offsets(shape: &ConvShape) -> impl Iterator<Item = [usize; 2]> {
    let [rows, columns] = [0, 1].map(|axis| shape.stride[axis].min(shape.in_size[axis]));
    (0..rows).flat_map(move |y| (0..columns).map(move |x| [y, x]))
}

/// Rows and columns of input pixels in a phase.
fn phase_grid(shape: &ConvShape, offset: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|axis| (shape.in_size[axis] - offset[axis]).div_ceil(shape.stride[axis]))
}

/// A tap of a transposed convolution along one axis: input pixel offset + i · stride reads output pixel
/// i + `distance`.
struct TransposedTap {
    kernel_idx: usize,
    distance: isize,
}

/// The taps that reach input pixels offset + i · stride along one axis.
fn transposed_taps(shape: &ConvShape, axis: usize, offset: usize) -> Vec<TransposedTap> {
    let (stride, padding) = (shape.stride[axis] as isize, shape.padding[axis] as isize);
    (0..shape.kernel_size[axis])
        .map(|k| (k, offset as isize + padding - k as isize))
        .filter(|(_, distance)| distance % stride == 0)
        .map(|(k, distance)| TransposedTap { kernel_idx: k, distance: distance / stride })
        .collect()
}

/// Input and output channels of a group.
fn group_channels(shape: &ConvShape) -> [usize; 2] {
    [shape.in_channels / shape.groups, shape.out_channels / shape.groups]
}

fn group_weight<'a>(shape: &ConvShape, weight: &'a [f32], group: usize) -> &'a [f32] {
    let len = shape.weight_len() / shape.groups;
    &weight[group * len..][..len]
}

fn source(x: &[f32], size: [usize; 2], channels: usize, group: usize, depth: usize) -> Source<'_> {
    let data = x.get(group * depth..).unwrap_or(&[]);
    Source { data, size, pixel_stride: channels, depth }
}

/// See [`Precision::Bf16`].
fn used(precision: Precision, shape: &ConvShape) -> Precision {
    if folds_kernel_width(shape) { Precision::F32 } else { precision }
}

/// What `source` holds, rounded, if that is asked for.
fn pairs(set: InstructionSet, source: &Source<'_>, precision: Precision) -> Option<Scratch> {
    match precision {
        Precision::F32 => None,
        Precision::Bf16 => Some(source.pairs(set)),
    }
}

fn forward_positions(shape: &ConvShape) -> Positions {
    let [top, left, ..] = shape.padding.map(|padding| padding as isize);
    let taps = (0..shape.num_taps()).map(|tap| {
        let [kh, kw] = [tap / shape.kernel_size[1], tap % shape.kernel_size[1]];
        [kh as isize - top, kw as isize - left]
    });
    Positions { grid: shape.out_size(), step: shape.stride, taps: taps.collect() }
}

/// Whether a row of the kernel is read as one tap: with few input channels a tap of its own would
/// be too short.
fn folds_kernel_width(shape: &ConvShape) -> bool {
    shape.groups == 1 && shape.in_channels <= 4 && shape.kernel_size[1] > 1
}

/// The input with its border of zeros.
fn padded(shape: &ConvShape, x: &[f32]) -> Scratch {
    use rayon::prelude::*;
    let [top, left, ..] = shape.padding;
    let [height, width] = padded_size(shape);
    let row = width * shape.in_channels;
    let mut padded = Scratch::new(shape.batch * height * row);
    let in_row = shape.in_size[1] * shape.in_channels;
    padded.par_chunks_mut(row.max(1)).enumerate().for_each(|(idx, target)| {
        target.fill(0.0);
        let y = (idx % height).wrapping_sub(top);
        if y < shape.in_size[0] {
            let source = &x[(idx / height * shape.in_size[0] + y) * in_row..][..in_row];
            target[left * shape.in_channels..][..in_row].copy_from_slice(source);
        }
    });
    padded
}

fn padded_size(shape: &ConvShape) -> [usize; 2] {
    let [top, left, bottom, right] = shape.padding;
    [shape.in_size[0] + top + bottom, shape.in_size[1] + left + right]
}

/// The padded input with one tap for each row of the kernel. The weights' order stays the same.
fn folded<'a>(shape: &ConvShape, padded: &'a [f32]) -> (Source<'a>, Positions) {
    let source = Source {
        data: padded,
        size: padded_size(shape),
        pixel_stride: shape.in_channels,
        depth: shape.kernel_size[1] * shape.in_channels,
    };
    let taps = (0..shape.kernel_size[0]).map(|kh| [kh as isize, 0]).collect();
    (source, Positions { grid: shape.out_size(), step: shape.stride, taps })
}
