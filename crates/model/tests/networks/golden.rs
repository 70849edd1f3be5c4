//! What generate.py wrote, and how it is compared.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Allowed difference: `RELATIVE` of a value and `ABSOLUTE` of its tensor's root of the mean square,
/// or of 1 if that is larger, or of 1/20 if that is smaller: some gradients are zero but for rounding.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-4;

/// What one pass came to; a summary is the root of the mean square of a tensor, and some of its
/// values.
#[derive(Deserialize)]
pub struct Case {
    pub logits: Vec<f64>,
    pub taps: BTreeMap<String, Vec<f64>>,
    pub input: Vec<f64>,
    pub parameters: BTreeMap<String, Vec<f64>>,
}

pub struct Golden {
    pub cases: BTreeMap<String, Case>,
    pub statistics: Vec<u8>,
}

#[derive(Deserialize)]
pub struct LayoutFacts {
    pub parameters: usize,
    pub tensors: usize,
    pub hash: String,
}

fn read(folder: &str, file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    std::fs::read(folder.join(file)).expect("a golden")
}

/// The networks that have a golden in `folder`.
pub fn layouts(folder: &str) -> BTreeMap<String, LayoutFacts> {
    serde_json::from_slice(&read(folder, "layouts.json")).expect("a golden")
}

impl Golden {
    pub fn read(folder: &str, name: &str) -> Self {
        let cases = read(folder, &format!("{name}.json"));
        Self {
            cases: serde_json::from_slice(&cases).expect("a golden"),
            statistics: read(folder, &format!("{name}.statistics")),
        }
    }
}

/// The differences from the golden values, by kind.
#[derive(Default)]
pub struct Differences {
    num_compared: BTreeMap<&'static str, usize>,
    /// Largest difference over the tolerance, and where.
    largest: BTreeMap<&'static str, (f64, String)>,
}

impl Differences {
    pub fn num_compared(&self, kind: &str) -> usize {
        self.num_compared.get(kind).copied().unwrap_or(0)
    }

    /// Compares values; what is zero may differ by `ABSOLUTE` of `scale`.
    pub fn values(
        &mut self,
        kind: &'static str,
        name: &str,
        found: &[f32],
        expected: &[f64],
        scale: f64,
    ) {
        assert_eq!(found.len(), expected.len(), "{name}");
        *self.num_compared.entry(kind).or_default() += 1;
        for (&found, expected) in found.iter().zip(expected) {
            let difference = (f64::from(found) - expected).abs();
            let excess = difference / (ABSOLUTE * scale + RELATIVE * expected.abs());
            let largest = self.largest.entry(kind).or_default();
            if excess > largest.0 || excess.is_nan() {
                *largest = (excess, format!("{name}: {found}, expected {expected}"));
            }
        }
    }

    /// Compares the root of the mean square of `tensor`, and values spread over it.
    pub fn summary(&mut self, kind: &'static str, name: &str, tensor: &[f32], expected: &[f64]) {
        let sum = tensor.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        let root = (sum / tensor.len() as f64).sqrt();
        let count = expected.len() - 1;
        let samples = (0..count).map(|idx| tensor[(idx + 1) * tensor.len() / (count + 1)]);
        let found: Vec<f32> = [root as f32].into_iter().chain(samples).collect();
        // Deep networks leave little of the input's gradient; a thousandth of it counts all the same.
        let scale = match kind {
            "input gradient" => (10.0 * expected[0]).min(1.0),
            _ => expected[0].clamp(0.05, 1.0),
        };
        self.values(kind, name, &found, expected, scale);
    }

    /// Fails if anything differs by more than the tolerance.
    pub fn finish(&self, what: &str) {
        for (kind, (excess, place)) in &self.largest {
            println!("{what}, {kind}: {excess:.4} of the tolerance at {place}");
        }
        for (kind, (excess, place)) in &self.largest {
            assert!(*excess <= 1.0, "{what}, {kind}: {excess} times the tolerance at {place}");
        }
    }
}
