//! The Python package: its wheel, installed where nothing else is, and its tests.

use crate::book;
use crate::cargo::{BUILD, cargo, output, root, succeed, target_directory};
use crate::terminal::tell;
use anyhow::{Context, Result, bail};
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Python that the package is for.
const MIN_VERSION: (u32, u32) = (3, 10);

/// Packages of PyPI that build the wheel, and those that its tests need.
const TOOLS: [&str; 1] = ["maturin>=1.9.4,<2.0"];
/// Packages of PyPI that the notebook needs beside those.
const NOTEBOOK: [&str; 7] =
    ["torch", "timm", "grad-cam", "captum", "quantus", "nbclient", "ipykernel"];

/// The notebook that is run in the full check.
const EXAMPLE: &str = "examples/score_maps_in_python.ipynb";

/// Builds the wheel, installs it, and runs its tests; with `is_full` also the notebook. Without a Python that is new
/// enough, or without PyPI, it says so and passes.
pub fn run(is_full: bool) -> Result<()> {
    let Some(python) = python() else {
        return skip(&format!("no python3 of {}.{} or newer", MIN_VERSION.0, MIN_VERSION.1));
    };
    let folder = tempfile::tempdir()?;
    let made = folder.path().join("environment");
    if let Err(error) = output(Command::new(&python).args(["-m", "venv"]).arg(&made)) {
        return skip(&format!("{python} makes no environment (Debian: python3-venv): {error}"));
    }
    let environment = Environment { made };
    if let Err(error) = environment.install(&TOOLS) {
        return skip(&format!("PyPI cannot be reached: {error}"));
    }
    let wheel = environment.wheel(&folder.path().join("wheels"))?;
    environment.install(&[&format!("{}[test]", wheel.display())])?;
    // The command's results are what the package's are compared with.
    succeed(&mut cargo(&BUILD))?;
    let command = target_directory()?.join("release").join(format!("dermx{EXE_SUFFIX}"));
    let tests = root().join("crates/python");
    let pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider"];
    succeed(environment.python().args(pytest).current_dir(tests).env("DERMX_COMMAND", &command))?;
    book::run_python(|| {
        let mut python = environment.python();
        python.env("DERMX_COMMAND", &command);
        python
    })?;
    if is_full { environment.notebook() } else { Ok(()) }
}

fn skip(why: &str) -> Result<()> {
    tell(format!("SKIPPED: the Python package is neither built nor tested: {why}"));
    Ok(())
}

/// The first Python that is new enough.
fn python() -> Option<String> {
    let named = std::env::var("DERMX_PYTHON").ok();
    let usual = ["python3", "python"].map(str::to_string);
    named
        .into_iter()
        .chain(usual)
        .find(|name| version(name).is_ok_and(|found| found >= MIN_VERSION))
}

/// Major and minor version of a Python.
fn version(python: &str) -> Result<(u32, u32)> {
    let code = "import sys; print(*sys.version_info[:2])";
    let printed = output(Command::new(python).args(["-c", code]))?;
    let mut numbers = printed.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => bail!("{python} printed `{printed}` for its version"),
    }
}

/// A virtual environment.
struct Environment {
    made: PathBuf,
}

impl Environment {
    fn program(&self, name: &str) -> PathBuf {
        let folder = if cfg!(windows) { "Scripts" } else { "bin" };
        self.made.join(folder).join(format!("{name}{EXE_SUFFIX}"))
    }

    fn python(&self) -> Command {
        Command::new(self.program("python"))
    }

    fn install(&self, packages: &[&str]) -> Result<()> {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        output(self.python().args(pip).args(packages)).map(|_| ())
    }

    /// Builds the wheel in the folder `out`; its path.
    fn wheel(&self, out: &Path) -> Result<PathBuf> {
        let args =
            ["build", "--release", "--locked", "--manifest-path", "crates/python/Cargo.toml"];
        let mut maturin = Command::new(self.program("maturin"));
        maturin.args(args).arg("--out").arg(out).current_dir(root());
        succeed(&mut maturin)?;
        let built = std::fs::read_dir(out)?.next().context("maturin wrote no wheel")??;
        let num_bytes = built.metadata()?.len();
        tell(format!("{}: {:.1} MB", built.file_name().display(), num_bytes as f64 / 1e6));
        Ok(built.path())
    }

    /// Runs the notebook from top to bottom.
    fn notebook(&self) -> Result<()> {
        self.install(&NOTEBOOK)?;
        let code = "import sys, nbformat, nbclient\n\
                    notebook = nbformat.read(sys.argv[1], as_version=4)\n\
                    nbclient.NotebookClient(notebook, timeout=1800, kernel_name='python3').execute()\n";
        succeed(self.python().args(["-c", code, EXAMPLE]).current_dir(root()))
    }
}
