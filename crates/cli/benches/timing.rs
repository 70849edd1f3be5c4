//! Wall time and peak memory of whole processes.

use std::error::Error;
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// One process from start to exit.
pub struct Run {
    /// From its start to its exit.
    pub wall_s: f64,
    /// As the system counts it; none where it cannot be read.
    pub peak_memory_mib: Option<f64>,
}

/// Prints the median wall time of `runs` with the smallest and the largest, and returns it in seconds.
pub fn report(name: &str, runs: &[Run]) -> f64 {
    let mut walls: Vec<f64> = runs.iter().map(|run| run.wall_s).collect();
    walls.sort_by(f64::total_cmp);
    let median = walls[walls.len() / 2];
    let memory = runs.iter().filter_map(|run| run.peak_memory_mib).reduce(f64::max);
    let memory = memory.map_or("unknown".to_string(), |mib| format!("{mib:.0} MiB"));
    println!(
        "{name}: median {median:.3} s ({:.3} to {:.3}, {} runs), peak memory {memory}",
        walls[0],
        walls[walls.len() - 1],
        walls.len()
    );
    median
}

/// Runs `command` once.
pub fn run(command: &mut Command) -> Result<Run, Box<dyn Error>> {
    let output = tempfile::NamedTempFile::new()?;
    let start = Instant::now();
    let mut child = command.stdout(File::create(output.path())?).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak_memory_mib = None;
    let exit = loop {
        // The high-water mark only grows, so its last reading is nearly the final one.
        peak_memory_mib = high_water_mark_mib(&status).or(peak_memory_mib);
        if let Some(exit) = child.try_wait()? {
            break exit;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let wall_s = start.elapsed().as_secs_f64();
    if !exit.success() {
        return Err(format!("{command:?} ended with {exit}").into());
    }
    Ok(Run { wall_s, peak_memory_mib })
}

fn high_water_mark_mib(status: &str) -> Option<f64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
