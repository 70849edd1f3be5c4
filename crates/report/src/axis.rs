//! Scales of a chart, with ticks at round values.

use serde::Serialize;

/// The largest value that a chart draws; a curve beyond it has left the paper anyway.
const DRAWABLE: f64 = 1e30;

/// Values further apart than this factor are drawn on a logarithmic scale.
const LOG_FACTOR: f64 = 50.0;

/// A tick as it is drawn: where, and what stands beside it.
#[derive(Debug, Serialize)]
pub struct Tick {
    pub at: String,
    pub text: String,
}

/// A range of values and the ticks on it.
#[derive(Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    /// Whether equal distances are equal factors.
    pub log: bool,
    /// Values to mark.
    pub ticks: Vec<f64>,
}

impl Axis {
    /// From 0 to 1.
    pub fn unit() -> Self {
        Self::linear(0.0, 1.0, 5)
    }

    /// Around all values, logarithmic where they are far apart; `None` without values.
    pub fn around(values: &[f64]) -> Option<Self> {
        let (low, high) = bounds(values)?;
        if low > 0.0 && high / low > LOG_FACTOR {
            return Some(Self::logarithmic(low, high));
        }
        Some(Self::linear(low, high, 5))
    }

    /// Around all values, never logarithmic; `None` without values.
    pub fn between(values: &[f64]) -> Option<Self> {
        let (low, high) = bounds(values)?;
        Some(Self::linear(low, high, 5))
    }

    /// From the first to the last epoch; `None` without epochs.
    pub fn epochs(epochs: &[f64]) -> Option<Self> {
        let (low, high) = bounds(epochs)?;
        let step = round_step((high - low) / 8.0).max(1.0);
        let mut axis = Self { low, high, log: false, ticks: multiples(low, high, step) };
        if low == high {
            (axis.low, axis.high) = (low - 1.0, high + 1.0);
        }
        Some(axis)
    }

    fn linear(low: f64, high: f64, num_steps: usize) -> Self {
        let margin = if low == high { low.abs().max(1.0) / 2.0 } else { 0.0 };
        let (low, high) = (low - margin, high + margin);
        let step = round_step((high - low) / num_steps as f64);
        let low = libm::floor(low / step) * step;
        let high = libm::ceil(high / step) * step;
        Self { low, high, log: false, ticks: multiples(low, high, step) }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        let decades = libm::floor(libm::log10(low)) as i32..=libm::ceil(libm::log10(high)) as i32;
        let factors: &[f64] = if high / low < 1e3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let ticks = decades.flat_map(|decade| factors.iter().map(move |f| f * power(decade)));
        let ticks = ticks.filter(|tick| (low..=high).contains(tick)).collect();
        Self { low, high, log: true, ticks }
    }

    /// Where a value lies between the ends, as a share.
    pub fn position(&self, value: f64) -> f64 {
        if self.log {
            let low = libm::log10(self.low);
            return (libm::log10(value) - low) / (libm::log10(self.high) - low);
        }
        (value - self.low) / (self.high - self.low)
    }

    /// A tick in digits, with as many decimals as the ticks need.
    pub fn label(&self, tick: f64) -> String {
        if tick != 0.0 && !(1e-4..1e6).contains(&tick.abs()) {
            return format!("{tick:.0e}");
        }
        let step = match self.ticks.as_slice() {
            [first, second, ..] if !self.log => second - first,
            _ => tick,
        };
        let decimals = if step == 0.0 { 0.0 } else { -libm::floor(libm::log10(step.abs()) + 1e-9) };
        format!("{tick:.*}", decimals.max(0.0) as usize)
    }
}

/// Whether a chart can show the value.
pub fn drawable(value: f64) -> bool {
    value.abs() < DRAWABLE
}

fn bounds(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().min_by(f64::total_cmp)?;
    let high = values.iter().copied().max_by(f64::total_cmp)?;
    Some((low, high))
}

fn power(decade: i32) -> f64 {
    libm::pow(10.0, f64::from(decade))
}

/// The smallest of 1, 2, 5 times a power of ten that is at least as large.
fn round_step(step: f64) -> f64 {
    if step < f64::MIN_POSITIVE / f64::EPSILON {
        return 1.0;
    }
    let decade = power(libm::floor(libm::log10(step)) as i32);
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * decade >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * decade
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = libm::ceil(low / step - 1e-9);
    let count = libm::floor(high / step + 1e-9) - first;
    (0..=count.max(0.0) as usize).map(|idx| (first + idx as f64) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        // (2.3 - 0.4) / 5 = 0.38 -> step 0.5; floor(0.4 / 0.5) = 0, ceil(2.3 / 0.5) * 0.5 = 2.5.
        let axis = Axis::around(&[0.4, 2.3]).unwrap();
        assert_eq!(axis.ticks, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
        assert_eq!(axis.label(axis.ticks[1]), "0.5");
        assert_eq!(axis.position(1.25), 0.5);
    }

    #[test]
    fn values_far_apart_get_a_logarithmic_scale() {
        // 400 / 4 = 100 > 50; the middle of 4 and 400 in factors is 40.
        let axis = Axis::around(&[400.0, 4.0]).unwrap();
        assert!(axis.log);
        assert_eq!(axis.ticks, [5.0, 10.0, 20.0, 50.0, 100.0, 200.0]);
        assert!((axis.position(40.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn one_value_lies_in_the_middle() {
        let axis = Axis::around(&[3.0]).unwrap();
        assert!(axis.position(3.0) > 0.3 && axis.position(3.0) < 0.7);
        assert_eq!(Axis::epochs(&[1.0]).unwrap().position(1.0), 0.5);
    }

    #[test]
    fn epoch_ticks_are_whole() {
        // (30 - 1) / 8 = 3.6 -> 5.
        assert_eq!(Axis::epochs(&[1.0, 30.0]).unwrap().ticks, [5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
    }

    #[test]
    fn nothing_to_draw_gives_no_axis() {
        assert_eq!(Axis::around(&[]), None);
        assert!(!drawable(f64::NAN) && !drawable(f64::INFINITY));
    }
}
