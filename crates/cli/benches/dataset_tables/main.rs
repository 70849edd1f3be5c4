//! `dermx dataset tables`, the whole command from process start to exit, beside an independent
//! program (`tables_numpy.py`): `DERMX_DATA=... cargo bench --workspace --bench dataset_tables`.
//!
//! `DERMX_PYTHON` names a Python with NumPy and Pillow; without it only dermx is timed.

#[path = "../timing.rs"]
mod timing;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use timing::{Run, report, run};

const NUM_RUNS: usize = 5;

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
    Ok(report(name, &runs))
}
