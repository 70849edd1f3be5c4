//! Times of batches, and backends side by side.

mod comparison;
mod layers;
mod parity;
mod subject;
mod workload;

pub use comparison::BackendComparison;
pub use layers::{LayerTable, measure_layers};
pub use subject::Subject;

use crate::context::Context;
use crate::error::{RunError, RunResult};
use crate::run_folder::BURN_VERSION;
use crate::session::{Backend, Session, check_precision};
use dermx_data::{ImageSize, write_atomic};
use dermx_kernels::{Precision, with_precision};
use dermx_model::Architecture;
use dermx_report::render_tables;
use dermx_score::to_json;
use dermx_work::{PanicLog, Watch};
use parity::{Outputs, Parity};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Instant;
use subject::Place;
use workload::Workload;

/// What a batch is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BenchMode {
    /// A training step of all layers (Adam, cross-entropy), without photos and their augmentation.
    Step,
    /// The same with the layers frozen that the DermX study froze.
    Recipe,
    /// Prediction.
    Infer,
    /// Grad-CAM of the last feature maps.
    Explain,
}

impl BenchMode {
    /// What is compared between backends.
    const COMPARED: [Self; 3] = [Self::Step, Self::Infer, Self::Explain];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Recipe => "recipe",
            Self::Infer => "infer",
            Self::Explain => "explain",
        }
    }
}

/// What is timed.
#[derive(Debug, Clone)]
pub struct BenchPlan {
    /// The network.
    pub architecture: Architecture,
    /// Size of its images.
    pub size: ImageSize,
    /// Images in a batch.
    pub batch_size: usize,
    /// Batches that are timed.
    pub steps: usize,
    /// What convolutions of a training step multiply.
    pub precision: Precision,
}

impl BenchPlan {
    /// Random weights and images, as many as a batch holds; `is_recipe` for the study's heads.
    pub fn random_subject(&self, is_recipe: bool) -> Subject {
        Subject::random(self.architecture, is_recipe, self.batch_size, self.size)
    }
}

/// Measures every backend, and compares each with the first.
///
/// # Errors
/// A backend that cannot compute, fewer images than a batch, or a request to stop.
pub fn compare_backends(
    plan: &BenchPlan,
    subject: &Subject,
    mode: Option<BenchMode>,
    backends: &[Backend],
    panics: &PanicLog,
    watch: Watch<'_>,
) -> RunResult<BackendComparison> {
    let modes = mode.map_or(BenchMode::COMPARED.to_vec(), |mode| vec![mode]);
    let batch_size = plan.batch_size;
    let mut measurements = Vec::new();
    let mut outputs: Vec<(String, Outputs)> = Vec::new();
    let mut control = None;
    for &backend in backends {
        let session = Session::open(backend, panics)?;
        let context = Context { session: &session, watch };
        for &mode in &modes {
            tracing::info!("{backend}: {}", mode.name());
            measurements.push(measure(plan, subject, mode, context)?);
        }
        tracing::info!("{backend}: logits, heat maps and {} training steps", parity::NUM_STEPS);
        let place = Place { context, batch_size, is_perturbed: false };
        outputs.push((session.description().to_string(), Outputs::compute(subject, place)?));
        if control.is_none() {
            tracing::info!("{backend}: the same with perturbed images");
            let perturbed = Place { is_perturbed: true, ..place };
            control = Some(Outputs::compute(subject, perturbed)?);
        }
    }
    let mut parity = Vec::new();
    if let (Some(((reference, expected), others)), Some(control)) = (outputs.split_first(), control)
    {
        for (name, found) in others {
            parity.push(Parity::new(subject, [reference, name], expected, &control, found)?);
        }
    }
    Ok(BackendComparison {
        subject: subject.origin.clone(),
        arch: subject.network.architecture.to_string(),
        batch: batch_size,
        size: subject.size.to_string(),
        dermx_version: env!("CARGO_PKG_VERSION"),
        burn_version: BURN_VERSION,
        measurements,
        parity,
    })
}

/// Whether [`write_comparison`] writes the file of this name.
pub fn is_comparison_file(path: &Path) -> bool {
    ["comparison.json", "index.html"].iter().any(|name| path == Path::new(name))
}

/// Writes `comparison.json` and `index.html` into `folder`.
///
/// # Errors
/// A folder that cannot be written to.
pub fn write_comparison(comparison: &BackendComparison, folder: &Path) -> RunResult<()> {
    std::fs::create_dir_all(folder).map_err(|error| RunError::io(folder, &error))?;
    write_atomic(&folder.join("comparison.json"), &to_json(comparison)?)?;
    let page = render_tables(&comparison.page())?;
    Ok(write_atomic(&folder.join("index.html"), page.as_bytes())?)
}

/// What one measurement came to.
#[derive(Debug, Serialize)]
pub struct Measurement {
    arch: String,
    mode: &'static str,
    /// What `--backend` takes.
    backend: String,
    /// Its device, and whether its kernels are tuned.
    device: String,
    batch: usize,
    /// Height and width.
    size: String,
    precision: Precision,
    threads: usize,
    images_per_s: Rate,
    /// Seconds that the first batch took, which is not in the rate: buffers are made, kernels compiled
    /// and tuned.
    first_batch_s: f64,
    /// The most memory of this process at a time; unknown where the system does not say.
    peak_memory_mib: Option<u64>,
    /// Memory that the backend holds on a device of its own, in the end.
    device_memory_mib: Option<u64>,
}

/// Images per second.
#[derive(Debug, Serialize)]
struct Rate {
    median: f64,
    min: f64,
    max: f64,
}

impl Rate {
    /// Of the times that batches took.
    fn new(batch: usize, seconds: &mut [f64]) -> Self {
        seconds.sort_by(f64::total_cmp);
        let rate = |seconds: f64| batch as f64 / seconds;
        let (low, high) = (seconds[(seconds.len() - 1) / 2], seconds[seconds.len() / 2]);
        let (min, max) = (rate(seconds[seconds.len() - 1]), rate(seconds[0]));
        Self { median: rate((low + high) / 2.0), min, max }
    }
}

impl Measurement {
    /// For the terminal.
    pub fn text(&self) -> String {
        let Self { arch, mode, device, batch, size, threads, images_per_s, .. } = self;
        let precision = if self.precision == Precision::Bf16 { " in bf16" } else { "" };
        let Rate { median, min, max } = images_per_s;
        let memory =
            self.peak_memory_mib.map_or(String::new(), |peak| format!(", peak memory {peak} MiB"));
        let on_device = self
            .device_memory_mib
            .map_or(String::new(), |held| format!(", {held} MiB on the device"));
        format!(
            "{arch} {mode}{precision}, batch {batch} of {size}, {device}, {threads} threads: \
             {median:.2} img/s ({min:.2} to {max:.2}){memory}{on_device}\n"
        )
    }
}

/// Times batches of `subject`.
///
/// # Errors
/// A mode that the study has no recipe for, fewer images than a batch, or a request to stop.
pub fn measure(
    plan: &BenchPlan,
    subject: &Subject,
    mode: BenchMode,
    context: Context<'_>,
) -> RunResult<Measurement> {
    let session = context.session;
    check_precision(session.kind(), plan.precision)?;
    forget_peak_memory();
    let place = Place { context, batch_size: plan.batch_size, is_perturbed: false };
    let mut workload = Workload::new(subject, mode, place)?;
    let mut batch = || with_precision(plan.precision, || workload.batch());
    let start = Instant::now();
    batch()?;
    let first_batch_s = start.elapsed().as_secs_f64();
    let mut seconds = Vec::with_capacity(plan.steps);
    for _ in 0..plan.steps {
        context.check("nothing was written")?;
        let start = Instant::now();
        batch()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let usage = session.device().memory_pool_usage();
    Ok(Measurement {
        arch: subject.network.architecture.to_string(),
        mode: mode.name(),
        backend: session.backend().to_string(),
        device: session.description().to_string(),
        batch: plan.batch_size,
        size: subject.size.to_string(),
        precision: plan.precision,
        threads: session.num_threads(),
        images_per_s: Rate::new(plan.batch_size, &mut seconds),
        first_batch_s,
        peak_memory_mib: peak_memory_mib(),
        device_memory_mib: usage.map(|usage| usage.bytes_reserved / (1 << 20)),
    })
}

/// Lets [`peak_memory_mib`] start anew, where the system can do that.
fn forget_peak_memory() {
    // Where it cannot, the peak is that of everything before, too.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The largest resident set of this process since [`forget_peak_memory`].
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn the_median_of_an_even_number_of_times_is_the_middle_of_two() {
        let rate = Rate::new(8, &mut [4.0, 1.0, 2.0, 2.0]);
        assert_eq!([rate.median, rate.min, rate.max], [4.0, 2.0, 8.0]);
        let rate = Rate::new(1, &mut [1.0, 3.0, 1.0, 3.0]);
        assert_eq!(rate.median, 0.5);
    }
}
