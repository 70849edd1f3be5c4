//! `dermx dataset tables`, the whole command from process start to exit, beside an independent
//! program (`tables_numpy.py`): `DERMX_DATA=... cargo bench --workspace --bench dataset_tables`.
//!
//! `DERMX_PYTHON` names a Python with NumPy and Pillow; without it only dermx is timed.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const NUM_RUNS: usize = 5;

struct Run {
    wall_s: f64,
    /// As the system counts it; none where it cannot be read.
    peak_memory_mib: Option<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(data) = std::env::var_os("DERMX_DATA").map(PathBuf::from) else {
        println!("SKIPPED: set DERMX_DATA to the root of the DermX data set");
        return Ok(());
    };
    let mut dermx = Command::new(env!("CARGO_BIN_EXE_dermx"));
    dermx.args(["dataset", "tables", "--json", "--data"]).arg(&data);
    let ours = measure("dermx", &mut dermx)?;
    if let Some(python) = std::env::var_os("DERMX_PYTHON") {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/dataset_tables/tables_numpy.py");
        let theirs = measure("NumPy", Command::new(python).arg(script).arg(&data))?;
        println!("NumPy / dermx: {:.0}", theirs / ours);
    }
    Ok(())
}

/// Runs `command` once to warm the file cache, then [`NUM_RUNS`] times; prints and returns the
/// median wall time in seconds.
fn measure(name: &str, command: &mut Command) -> Result<f64, Box<dyn Error>> {
    run(command)?;
    let runs: Vec<Run> = (0..NUM_RUNS).map(|_| run(command)).collect::<Result<_, _>>()?;
    let mut walls: Vec<f64> = runs.iter().map(|run| run.wall_s).collect();
    walls.sort_by(f64::total_cmp);
    let median = walls[NUM_RUNS / 2];
    let memory = runs.iter().filter_map(|run| run.peak_memory_mib).reduce(f64::max);
    let memory = memory.map_or("unknown".to_string(), |mib| format!("{mib:.0} MiB"));
    println!(
        "{name}: median {median:.3} s ({:.3} to {:.3}, {NUM_RUNS} runs), peak memory {memory}",
        walls[0],
        walls[NUM_RUNS - 1]
    );
    Ok(median)
}

fn run(command: &mut Command) -> Result<Run, Box<dyn Error>> {
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
