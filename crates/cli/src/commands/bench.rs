//! `dermx bench`.

mod comparison;
mod layers;
mod parity;
mod subject;
mod workload;

use crate::args::{BenchArgs, BenchMode};
use crate::backend::{self, Backend};
use crate::config::{BenchConfig, load_bench};
use crate::error::{CliError, CliResult, ExitKind};
use crate::run_folder::{BURN_VERSION, to_json};
use crate::stop;
use crate::terminal::print;
use burn::tensor::Device;
use comparison::Comparison;
use dermx_data::ImageSize;
use dermx_kernels::{Precision, with_precision};
use dermx_model::Architecture;
use dermx_report::render_tables;
use dermx_train::write_atomic;
use parity::{Outputs, Parity};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;
use subject::{Place, Subject};
use workload::Workload;

/// Times batches of a network, and compares backends if there are several.
///
/// # Errors
/// A network that the study has no recipe for, a backend that cannot compute, or a request to stop.
pub fn run(args: &BenchArgs) -> CliResult<()> {
    let plan = Plan::new(args)?;
    if args.layers {
        let table = layers::measure(&plan)?;
        return if args.json { print(to_json(&table)?) } else { print(table.text()) };
    }
    let is_comparison = plan.backends.len() > 1;
    if args.out.is_some() && !is_comparison {
        let message = "--out is for comparisons; name at least two backends";
        return Err(CliError::new(ExitKind::Usage, message));
    }
    let subject = plan.subject(args)?;
    if !is_comparison {
        let mode = args.mode.unwrap_or(BenchMode::Step);
        let backend = plan.backends.first().copied().unwrap_or(Backend::CPU);
        let found = measure(&plan, &subject, mode, backend, &backend.open()?)?;
        return if args.json { print(to_json(&[found])?) } else { print(found.text()) };
    }
    let comparison = compare(&plan, &subject, args.mode)?;
    if let Some(folder) = &args.out {
        write(&comparison, folder)?;
    }
    if args.json { print(to_json(&comparison)?) } else { print(comparison.text()) }
}

/// What the arguments and a configuration come to.
struct Plan {
    backends: Vec<Backend>,
    architecture: Architecture,
    size: ImageSize,
    batch_size: usize,
    steps: usize,
    precision: Precision,
}

impl Plan {
    fn new(args: &BenchArgs) -> CliResult<Self> {
        let found = args.config.as_deref().map(load_bench).transpose()?;
        let mut backends = args.backends.clone();
        if let (true, Some(BenchConfig { backends: configured, .. })) =
            (backends.is_empty(), &found)
        {
            backends.clone_from(configured);
        }
        if backends.is_empty() {
            backends.push(Backend::CPU);
        }
        for backend in &backends {
            backend::check_precision(backend.kind, args.precision)?;
        }
        let (architecture, size) = match (&found, backends.len()) {
            (Some(config), _) => (config.architecture, config.size),
            (None, 1) => (Architecture::Resnet50, ImageSize::new(300, 400)),
            (None, _) => (Architecture::Resnet18, ImageSize::new(64, 64)),
        };
        let (batch_size, steps) = found.map_or((8, 5), |config| (config.batch_size, config.steps));
        Ok(Self {
            backends,
            architecture: args.arch.unwrap_or(architecture),
            size: args.size.unwrap_or(size),
            batch_size: usize::from(args.batch.unwrap_or(batch_size)),
            steps: usize::from(args.steps.unwrap_or(steps)),
            precision: args.precision,
        })
    }

    fn subject(&self, args: &BenchArgs) -> CliResult<Subject> {
        if let Some(run) = &args.run {
            return Subject::of_run(run, args.seed);
        }
        let is_recipe = args.mode == Some(BenchMode::Recipe);
        Ok(Subject::random(self.architecture, is_recipe, self.batch_size, self.size))
    }
}

/// Measures every backend, and compares each with the first.
fn compare(plan: &Plan, subject: &Subject, mode: Option<BenchMode>) -> CliResult<Comparison> {
    let modes = mode.map_or(BenchMode::COMPARED.to_vec(), |mode| vec![mode]);
    let batch_size = plan.batch_size;
    let mut measurements = Vec::new();
    let mut outputs: Vec<(String, Outputs)> = Vec::new();
    let mut control = None;
    for &backend in &plan.backends {
        let device = backend.open()?;
        for &mode in &modes {
            tracing::info!("{backend}: {}", mode.name());
            measurements.push(measure(plan, subject, mode, backend, &device)?);
        }
        tracing::info!("{backend}: logits, heat maps and {} training steps", parity::NUM_STEPS);
        let place = Place { device: &device, batch_size, is_perturbed: false };
        outputs.push((backend::description(), Outputs::compute(subject, place)?));
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
    Ok(Comparison {
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

fn write(comparison: &Comparison, folder: &Path) -> CliResult<()> {
    std::fs::create_dir_all(folder).map_err(|error| CliError::io(folder, &error))?;
    write_atomic(&folder.join("comparison.json"), &to_json(comparison)?)?;
    let page = render_tables(&comparison.page())?;
    Ok(write_atomic(&folder.join("index.html"), page.as_bytes())?)
}

/// What one measurement came to.
#[derive(Debug, Serialize)]
struct Measurement {
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
    fn text(&self) -> String {
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

fn measure(
    plan: &Plan,
    subject: &Subject,
    mode: BenchMode,
    backend: Backend,
    device: &Device,
) -> CliResult<Measurement> {
    forget_peak_memory();
    let place = Place { device, batch_size: plan.batch_size, is_perturbed: false };
    let mut workload = Workload::new(subject, mode, place)?;
    let mut batch = || with_precision(plan.precision, || workload.batch());
    let start = Instant::now();
    batch()?;
    let first_batch_s = start.elapsed().as_secs_f64();
    let mut seconds = Vec::with_capacity(plan.steps);
    for _ in 0..plan.steps {
        stop::check("nothing was written")?;
        let start = Instant::now();
        batch()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let usage = device.memory_pool_usage();
    Ok(Measurement {
        arch: subject.network.architecture.to_string(),
        mode: mode.name(),
        backend: backend.to_string(),
        device: backend::description(),
        batch: plan.batch_size,
        size: subject.size.to_string(),
        precision: plan.precision,
        threads: rayon::current_num_threads(),
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
