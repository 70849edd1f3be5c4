//! `dermx bench`.

mod layers;
mod workload;

use crate::args::BenchArgs;
use crate::error::CliResult;
use crate::run_folder::to_json;
use crate::stop;
use crate::terminal::print;
use dermx_kernels::{Precision, with_precision};
use serde::Serialize;
use std::time::Instant;
use workload::Workload;

/// Times batches of random images through a network with random weights.
///
/// # Errors
/// A network that the study has no recipe for, or a request to stop.
pub fn run(args: &BenchArgs) -> CliResult<()> {
    if args.layers {
        let table = layers::measure(args)?;
        return if args.json { print(to_json(&table)?) } else { print(table.text()) };
    }
    let result = measure(args)?;
    if args.json { print(to_json(&[result])?) } else { print(result.text()) }
}

/// What one measurement came to.
#[derive(Debug, Serialize)]
struct BenchResult {
    arch: String,
    mode: &'static str,
    backend: &'static str,
    batch: usize,
    /// Height and width.
    size: String,
    precision: Precision,
    threads: usize,
    images_per_s: Rate,
    /// The most memory that the process has had at a time; unknown where the system does not say.
    peak_memory_mib: Option<u64>,
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

impl BenchResult {
    fn text(&self) -> String {
        let Self { arch, mode, batch, size, threads, images_per_s, .. } = self;
        let precision = if self.precision == Precision::Bf16 { " in bf16" } else { "" };
        let Rate { median, min, max } = images_per_s;
        let memory =
            self.peak_memory_mib.map_or(String::new(), |peak| format!(", peak memory {peak} MiB"));
        format!(
            "{arch} {mode}{precision}, batch {batch} of {size}, {threads} threads: \
             {median:.2} img/s ({min:.2} to {max:.2}){memory}\n"
        )
    }
}

fn measure(args: &BenchArgs) -> CliResult<BenchResult> {
    let mut workload = Workload::new(args)?;
    let mut batch = || with_precision(args.precision, || workload.batch());
    // Not timed: weights are drawn, buffers made.
    batch()?;
    let mut seconds = Vec::with_capacity(usize::from(args.steps));
    for _ in 0..args.steps {
        stop::check("nothing was written")?;
        let start = Instant::now();
        batch()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(BenchResult {
        arch: args.arch.to_string(),
        mode: args.mode.name(),
        backend: "cpu",
        batch: usize::from(args.batch),
        size: args.size.to_string(),
        precision: args.precision,
        threads: rayon::current_num_threads(),
        images_per_s: Rate::new(usize::from(args.batch), &mut seconds),
        peak_memory_mib: peak_memory_mib(),
    })
}

/// The largest resident set of this process so far.
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
