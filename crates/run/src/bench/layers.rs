//! Convolutions one by one.

use super::BenchPlan;
use crate::context::Context;
use crate::error::RunResult;
use burn::tensor::Device;
use dermx_kernels::cpu::{
    ConvShape, Epilogue, Precision, conv_backward_input, conv_backward_weight, conv_forward,
    multiply_adds,
};
use dermx_model::NetworkConfig;
use dermx_table::{Cell, Column, Table};
use serde::Serialize;
use std::time::Instant;

/// Each distinct convolution of a network.
#[derive(Debug, Serialize)]
pub struct LayerTable {
    arch: String,
    batch: usize,
    size: String,
    threads: usize,
    /// What multiply-adds in registers came to, on all threads.
    peak_gflop_per_s: f64,
    layers: Vec<Layer>,
}

/// A convolution; it occurs `count` times.
#[derive(Debug, Serialize)]
struct Layer {
    name: String,
    count: usize,
    /// Of one pass, two for each multiply-add.
    gflop: f64,
    forward: Timing,
    backward_input: Timing,
    backward_weight: Timing,
}

#[derive(Debug, Serialize)]
struct Timing {
    /// Median, milliseconds.
    ms: f64,
    gflop_per_s: f64,
}

impl LayerTable {
    /// For the terminal.
    pub fn text(&self) -> String {
        let Self { arch, batch, size, threads, peak_gflop_per_s, layers } = self;
        let columns = [
            Column::text("convolution"),
            Column::count("count"),
            Column::number("ms").group("forward"),
            Column::number("gflop_per_s").label("GFLOP/s").group("forward"),
            Column::number("input_ms").label("ms").group("gradient of input"),
            Column::number("input_gflop_per_s").label("GFLOP/s").group("gradient of input"),
            Column::number("weight_ms").label("ms").group("gradient of weight"),
            Column::number("weight_gflop_per_s").label("GFLOP/s").group("gradient of weight"),
        ];
        let mut table = Table::new("layers", "", columns);
        for Layer { name, count, forward, backward_input, backward_weight, .. } in layers {
            let passes = [forward, backward_input, backward_weight];
            let times = passes.iter().flat_map(|timing| [timing.ms, timing.gflop_per_s]);
            table.push([name.into(), (*count).into()].into_iter().chain(times.map(Cell::from)));
        }
        format!(
            "{arch}, batch {batch} of {size}, {threads} threads, peak {peak_gflop_per_s:.0} GFLOP/s\n\
             GFLOP as of sums of products; minimal filtering of 3x3 kernels takes fewer, and may come \
             out above the peak\n\n{}",
            table.terminal()
        )
    }
}

/// Times every distinct convolution, forward and backward.
///
/// # Errors
/// A request to stop.
pub fn measure_layers(plan: &BenchPlan, context: Context<'_>) -> RunResult<LayerTable> {
    let size = [plan.size.height as usize, plan.size.width as usize];
    let (batch, steps) = (plan.batch_size, plan.steps);
    let network = NetworkConfig::torchvision(plan.architecture, 1).init(&Device::flex());
    let mut layers: Vec<(ConvShape, usize)> = Vec::new();
    for shape in network.conv_shapes(batch, size) {
        match layers.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, count)) => *count += 1,
            None => layers.push((shape, 1)),
        }
    }
    let mut timed = Vec::with_capacity(layers.len());
    for (shape, count) in layers {
        context.check("nothing was written")?;
        timed.push(time_layer(&shape, count, plan.precision, steps));
    }
    Ok(LayerTable {
        arch: plan.architecture.to_string(),
        batch,
        size: plan.size.to_string(),
        threads: context.session.num_threads(),
        peak_gflop_per_s: peak(),
        layers: timed,
    })
}

/// The best of several short runs: what the machine can do when nobody else disturbs it.
fn peak() -> f64 {
    let rate = |_| {
        let start = Instant::now();
        let operations = multiply_adds(10_000_000);
        operations / start.elapsed().as_secs_f64() / 1e9
    };
    (0..5).map(rate).fold(0.0, f64::max)
}

fn time_layer(shape: &ConvShape, count: usize, precision: Precision, steps: usize) -> Layer {
    let ramp = |len: usize| (0..len).map(|idx| (idx % 17) as f32 / 17.0 - 0.5).collect();
    let (mut x, mut out): (Vec<f32>, Vec<f32>) = (ramp(shape.in_len()), ramp(shape.out_len()));
    let mut weight: Vec<f32> = ramp(shape.weight_len());
    let taps = shape.kernel_size[0] * shape.kernel_size[1];
    let sums = shape.out_len() * taps * shape.in_channels / shape.groups;
    let gflop = 2.0 * sums as f64 / 1e9;
    let timing = |mut pass: Box<dyn FnMut() + '_>| {
        pass();
        let mut seconds: Vec<f64> = (0..steps)
            .map(|_| {
                let start = Instant::now();
                pass();
                start.elapsed().as_secs_f64()
            })
            .collect();
        seconds.sort_by(f64::total_cmp);
        let median = seconds[seconds.len() / 2];
        Timing { ms: 1e3 * median, gflop_per_s: gflop / median }
    };
    let epilogue = Epilogue::default();
    let forward =
        timing(Box::new(|| conv_forward(shape, precision, &x, &weight, &epilogue, &mut out)));
    let backward_weight =
        timing(Box::new(|| conv_backward_weight(shape, precision, &x, &out, &mut weight)));
    let backward_input =
        timing(Box::new(|| conv_backward_input(shape, precision, &weight, &out, &mut x)));
    Layer { name: name(shape), count, gflop, forward, backward_input, backward_weight }
}

/// `3x3/2 64-128@75x100`: kernel, stride, channels in and out, rows and columns of the input.
fn name(shape: &ConvShape) -> String {
    let ConvShape { in_size: [rows, columns], kernel_size: [height, width], stride, .. } = shape;
    let stride = if stride[0] == 1 { String::new() } else { format!("/{}", stride[0]) };
    let kind = if shape.groups == 1 { "" } else { " depthwise" };
    let ConvShape { in_channels, out_channels, .. } = shape;
    format!("{height}x{width}{stride}{kind} {in_channels}-{out_channels}@{rows}x{columns}")
}
