//! Table 6: `dermx evaluate --heatmaps` on all masks, the whole command from process start to exit
//! with its baselines, ceiling and intervals, beside an independent program for the table alone
//! (`table_6_numpy.py`): `DERMX_DATA=... DERMX_PYTHON=... cargo bench --workspace --bench table_6`.
//!
//! `DERMX_PYTHON` names a Python with NumPy, Pillow and scikit-image, which also writes the maps.

#[path = "../timing.rs"]
mod timing;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use timing::{report, run};

const NUM_RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let data = std::env::var_os("DERMX_DATA").map(PathBuf::from);
    let (Some(data), Some(python)) = (data, std::env::var_os("DERMX_PYTHON")) else {
        println!("SKIPPED: set DERMX_DATA to the root of the DermX data set, and DERMX_PYTHON");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let maps = folder.path().join("maps");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/table_6/table_6_numpy.py");
    run(Command::new(&python).arg(&script).arg(&data).arg("--write-maps").arg(&maps))?;

    let mut dermx = Command::new(env!("CARGO_BIN_EXE_dermx"));
    dermx.args(["evaluate", "--json", "--data"]).arg(&data).arg("--heatmaps").arg(&maps);
    let mut numpy = Command::new(&python);
    numpy.arg(&script).arg(&data).arg(&maps);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // Both read the same files; the first run of each warms the file cache. They alternate, so that
    // a busy minute of the machine falls on both.
    for run_idx in 0..=NUM_RUNS {
        let pair = [run(&mut dermx)?, run(&mut numpy)?];
        if run_idx > 0 {
            let [our, their] = pair;
            ours.push(our);
            theirs.push(their);
        }
    }
    let (ours, theirs) = (report("dermx", &ours), report("NumPy", &theirs));
    println!("NumPy / dermx: {:.0}", theirs / ours);
    Ok(())
}
