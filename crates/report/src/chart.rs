//! Training curves: one chart with a line for each seed.

use crate::axis::{Axis, Tick, drawable};
use crate::input::{EpochPoint, SeedInput};
use serde::Serialize;

const WIDTH: f64 = 560.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 16.0;
const PLOT_HEIGHT: f64 = 230.0;
const LEGEND_ROW: f64 = 20.0;
const LEGEND_COLUMN: f64 = 96.0;
const NUM_COLORS: usize = 6;

/// A chart in drawing units.
#[derive(Debug, Serialize)]
pub struct Chart {
    name: &'static str,
    title: &'static str,
    y_label: String,
    description: String,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    lines: Vec<Line>,
    legend: Vec<Key>,
    has_validation: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    color: usize,
    validation: bool,
    points: String,
    last_x: String,
    last_y: String,
}

#[derive(Debug, Serialize)]
struct Key {
    color: usize,
    x: f64,
    y: f64,
    text: String,
}

/// One quantity of the training history.
struct Quantity {
    name: &'static str,
    title: &'static str,
    train: fn(&EpochPoint) -> Option<f64>,
    validation: fn(&EpochPoint) -> Option<f64>,
}

const LOSS: Quantity = Quantity {
    name: "loss",
    title: "Loss",
    train: |point| Some(point.train_loss),
    validation: |point| point.validation_loss,
};

const ACCURACY: Quantity = Quantity {
    name: "accuracy",
    title: "Accuracy",
    train: |point| Some(point.train_accuracy),
    validation: |point| point.validation_accuracy,
};

/// Points of one line as (epoch, value), and whether it is a validation line.
struct Curve {
    color: usize,
    validation: bool,
    points: Vec<(f64, f64)>,
}

/// Loss and accuracy over the epochs; empty where no seed has a history.
pub fn charts(per_seed: &[SeedInput]) -> Vec<Chart> {
    let loss = draw(per_seed, &LOSS, Axis::around);
    let accuracy = draw(per_seed, &ACCURACY, |_| Some(Axis::unit()));
    [loss, accuracy].into_iter().flatten().collect()
}

fn draw(
    per_seed: &[SeedInput],
    quantity: &Quantity,
    scale: fn(&[f64]) -> Option<Axis>,
) -> Option<Chart> {
    let curves = curves(per_seed, quantity);
    let points: Vec<(f64, f64)> = curves.iter().flat_map(|curve| curve.points.clone()).collect();
    let (epochs, values): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
    let (x_axis, y_axis) = (Axis::epochs(&epochs)?, scale(&values)?);
    let legend = legend(per_seed);
    let top = legend.last().map_or(0.0, |key| key.y) + LEGEND_ROW;
    let x = |epoch: f64| LEFT + x_axis.position(epoch) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| top + (1.0 - y_axis.position(value)) * PLOT_HEIGHT;
    let y_ticks = y_axis.ticks.iter().map(|t| Tick { at: unit(y(*t)), text: y_axis.label(*t) });
    let x_ticks = x_axis.ticks.iter().map(|t| Tick { at: unit(x(*t)), text: x_axis.label(*t) });
    Some(Chart {
        name: quantity.name,
        title: quantity.title,
        y_label: format!("{}{}", quantity.title, if y_axis.log { " (log scale)" } else { "" }),
        description: describe(quantity, &curves, &epochs),
        width: WIDTH,
        height: top + PLOT_HEIGHT + 44.0,
        left: LEFT,
        right: WIDTH - RIGHT,
        top,
        bottom: top + PLOT_HEIGHT,
        x_ticks: x_ticks.collect(),
        y_ticks: y_ticks.collect(),
        lines: curves.iter().filter_map(|curve| line(curve, x, y)).collect(),
        has_validation: curves.iter().any(|curve| curve.validation),
        legend,
    })
}

fn curves(per_seed: &[SeedInput], quantity: &Quantity) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (seed_idx, seed) in per_seed.iter().enumerate() {
        for (validation, value) in [(false, quantity.train), (true, quantity.validation)] {
            let points = seed.curves.iter().filter_map(|point| {
                let value = value(point).filter(|value| drawable(*value))?;
                Some((point.epoch as f64, value))
            });
            let points: Vec<(f64, f64)> = points.collect();
            if !points.is_empty() {
                curves.push(Curve { color: seed_idx % NUM_COLORS, validation, points });
            }
        }
    }
    curves
}

fn line(curve: &Curve, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> Option<Line> {
    let place = |(epoch, value): &(f64, f64)| (unit(x(*epoch)), unit(y(*value)));
    let points: Vec<String> = curve.points.iter().map(place).map(|(x, y)| x + "," + &y).collect();
    let (last_x, last_y) = place(curve.points.last()?);
    Some(Line {
        color: curve.color,
        validation: curve.validation,
        points: points.join(" "),
        last_x,
        last_y,
    })
}

fn legend(per_seed: &[SeedInput]) -> Vec<Key> {
    let per_row = ((WIDTH - LEFT - RIGHT) / LEGEND_COLUMN) as usize;
    let key = |(idx, seed): (usize, &SeedInput)| Key {
        color: idx % NUM_COLORS,
        x: LEFT + (idx % per_row) as f64 * LEGEND_COLUMN,
        y: 40.0 + (idx / per_row) as f64 * LEGEND_ROW,
        text: format!("seed {}", seed.seed),
    };
    per_seed.iter().enumerate().map(key).collect()
}

fn describe(quantity: &Quantity, curves: &[Curve], epochs: &[f64]) -> String {
    let last = epochs.iter().copied().fold(0.0, f64::max);
    let ends: Vec<String> = curves
        .iter()
        .filter(|curve| !curve.validation)
        .filter_map(|curve| curve.points.last())
        .map(|(_, value)| format!("{value:.3}"))
        .collect();
    format!(
        "{} over epochs up to {last}, a line for each seed; the training lines end at {}.",
        quantity.title,
        ends.join(", ")
    )
}

/// A coordinate in tenths of a drawing unit.
fn unit(value: f64) -> String {
    format!("{value:.1}")
}
