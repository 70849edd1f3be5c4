//! The Python package and the command's: their wheels, installed where nothing else is, and their tests.

use crate::book;
use crate::cargo::{output, root, succeed};
use crate::release;
use crate::terminal::tell;
use anyhow::{Result, bail, ensure};
use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Python that the package is for.
const MIN_VERSION: (u32, u32) = (3, 10);

/// Packages of PyPI that build the wheel, and those that its tests need.
const TOOLS: [&str; 1] = ["maturin>=1.9.4,<2.0"];
/// The profile of a wheel that is tested only: with others' features than the workspace's all would be optimized
/// once more.
const QUICK: &str = "wheel";
/// Packages of PyPI that the notebook needs beside those.
const NOTEBOOK: [&str; 7] =
    ["torch", "timm", "grad-cam", "captum", "quantus", "nbclient", "ipykernel"];

/// The notebook that is run in the full check.
const EXAMPLE: &str = "examples/score_maps_in_python.ipynb";

/// What makes the quick start one of seconds; with --full it is run as it is.
const SMALL: [&str; 10] = [
    "--set",
    "synthetic.num_images=12",
    "--set",
    "synthetic.num_train_images=24",
    "--set",
    "input.size=[32, 40]",
    "--set",
    "run.epochs=1",
    "--set",
    "run.seeds=[0]",
];

/// Builds the wheel, installs it, runs its tests, and installs it with the command's; with `is_full` also the notebook
/// and the whole quick start. Without a Python that is new enough, or without PyPI, it says so and passes.
pub fn run(is_full: bool) -> Result<()> {
    let Some(python) = python() else {
        return skip(&format!("no python3 of {}.{} or newer", MIN_VERSION.0, MIN_VERSION.1));
    };
    let folder = tempfile::tempdir()?;
    let environment = match Environment::new(&python, folder.path().join("environment")) {
        Ok(environment) => environment,
        Err(error) => {
            return skip(&format!("{python} makes no environment (Debian: python3-venv): {error}"));
        }
    };
    if let Err(error) = environment.install(&TOOLS) {
        return skip(&format!("PyPI cannot be reached: {error}"));
    }
    let wheels = folder.path().join("wheels");
    let profile = if is_full { release::RELEASE } else { QUICK };
    let wheel = release::scores_wheel(&wheels, environment.program("python"), profile)?;
    tell_size(&wheel)?;
    environment.install(&[&format!("{}[test]", wheel.display())])?;
    // The command's results are what the package's are compared with.
    let command = release::built()?;
    let tests = root().join("crates/python");
    let pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider"];
    succeed(environment.python().args(pytest).current_dir(tests).env("DERMX_COMMAND", &command))?;
    book::run_python(|| {
        let mut python = environment.python();
        python.env("DERMX_COMMAND", &command);
        python
    })?;
    tell_size(&release::command_wheel(&command, &wheels, &python)?)?;
    let fresh = Environment::new(&python, folder.path().join("fresh"))?;
    fresh.install(&[
        "--find-links",
        &wheels.display().to_string(),
        &format!("{}[command]", wheel.display()),
    ])?;
    fresh.quick_start(&folder.path().join("empty"), is_full)?;
    if is_full { environment.notebook() } else { Ok(()) }
}

fn tell_size(wheel: &Path) -> Result<()> {
    let name = wheel.file_name().unwrap_or_default().display();
    tell(format!("{name}: {:.1} MB", fs::metadata(wheel)?.len() as f64 / 1e6));
    Ok(())
}

fn skip(why: &str) -> Result<()> {
    tell(format!("SKIPPED: the Python package is neither built nor tested: {why}"));
    Ok(())
}

/// The first Python that is new enough.
pub fn python() -> Option<String> {
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
pub struct Environment {
    made: PathBuf,
}

impl Environment {
    /// Makes it in the folder `made`.
    pub fn new(python: &str, made: PathBuf) -> Result<Self> {
        output(Command::new(python).args(["-m", "venv"]).arg(&made))?;
        Ok(Self { made })
    }

    fn program(&self, name: &str) -> PathBuf {
        let folder = if cfg!(windows) { "Scripts" } else { "bin" };
        self.made.join(folder).join(format!("{name}{EXE_SUFFIX}"))
    }

    /// Its Python.
    pub fn python(&self) -> Command {
        Command::new(self.program("python"))
    }

    /// Installs packages of PyPI, or wheels.
    pub fn install(&self, packages: &[&str]) -> Result<()> {
        output(self.pip("install").args(packages)).map(|_| ())
    }

    /// Puts the wheel of `package` into `folder`, without those that it needs.
    pub fn download(&self, package: &str, folder: &Path) -> Result<()> {
        let only = ["--no-deps", "--only-binary", ":all:", "--dest"];
        output(self.pip("download").args(only).arg(folder).arg(package)).map(|_| ())
    }

    fn pip(&self, task: &str) -> Command {
        let mut python = self.python();
        python.args(["-m", "pip", task, "--quiet", "--disable-pip-version-check"]);
        python
    }

    /// The command as `dermx` and as `python -m dermx`, and the quick start, in a new folder and with nothing but this
    /// environment in `PATH`: somebody without Rust.
    fn quick_start(&self, folder: &Path, is_full: bool) -> Result<()> {
        fs::create_dir(folder)?;
        let programs = self.program("python").parent().map(Path::to_path_buf).unwrap_or_default();
        let expected = format!("dermx {}", release::version()?);
        let module = ["-m", "dermx", "--version"];
        for (name, args) in [("dermx", &module[2..]), ("python", &module)] {
            let mut command = Command::new(self.program(name));
            command.args(args).current_dir(folder).env("PATH", &programs);
            let printed = output(command.env_remove("DERMX_COMMAND").env_remove("CARGO_HOME"))?;
            ensure!(printed.trim() == expected, "{name} {args:?} printed `{printed}`");
        }
        let mut train = Command::new(self.program("dermx"));
        train.args(["train", "--config", "quickstart.toml"]).current_dir(folder);
        if !is_full {
            train.args(SMALL);
        }
        output(train.env("PATH", &programs))?;
        let page = folder.join("experiments/runs/quickstart-001/report/index.html");
        ensure!(page.exists(), "the quick start wrote no {}", page.display());
        tell(format!("pip install, then {expected} and the quick start: ok"));
        Ok(())
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
