//! Running the command, and a tiny data set to run it on.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::UNIX_EPOCH;
use tempfile::TempDir;

pub type TestResult = Result<(), Box<dyn Error>>;

/// Number of training images of [`Workplace::train`].
const NUM_TRAIN: usize = 24;

/// The command with `args`, run in `folder`.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dermx"));
    command.current_dir(folder).args(args);
    command
}

/// The variable by which `dermx-faulty` is told what goes wrong, and when: see CONTRIBUTING.md.
pub const FAULT: &str = "DERMX_TEST_FAULT";

/// What the command printed to standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What the command printed to standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs the command and expects success.
pub fn succeed(folder: &Path, args: &[&str]) -> Result<Output, Box<dyn Error>> {
    let output = command(folder, args).output()?;
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    Ok(output)
}

/// Runs the command and expects `exit_code` and a message with every one of `parts`, no panic.
pub fn fail(folder: &Path, args: &[&str], exit_code: i32, parts: &[&str]) -> TestResult {
    let output = command(folder, args).output()?;
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(exit_code), "{args:?}: {message}");
    assert!(message.contains("error: "), "{args:?}: {message}");
    for part in parts {
        assert!(message.contains(part), "{args:?}: no `{part}` in: {message}");
    }
    for part in ["panicked", "internal fault", "RUST_BACKTRACE"] {
        assert!(!message.contains(part), "{args:?}: {message}");
    }
    Ok(())
}

/// Settings of one seed, with checkpoints inside the epochs of six steps: a run takes a second or two.
pub const QUICK: [&str; 4] = ["--set", "run.seeds=[0]", "--set", "run.checkpoint_every=4"];

/// A synthetic set of 12 test and 24 training images, made once for all processes that test one binary.
fn synthetic() -> Result<PathBuf, Box<dyn Error>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let built =
        fs::metadata(env!("CARGO_BIN_EXE_dermx"))?.modified()?.duration_since(UNIX_EPOCH)?;
    let shared = target.join(format!("synthetic-{}", built.as_nanos()));
    if !shared.exists() {
        let folder = TempDir::new_in(target)?;
        let num_train = NUM_TRAIN.to_string();
        let args = ["synth", "--out", "data", "--images", "12", "--train-images", &num_train];
        succeed(folder.path(), &args)?;
        // Another process may have been faster; then its folder is there, and cannot be replaced.
        let moved = fs::rename(folder.path().join("data"), &shared);
        if !shared.exists() {
            moved?;
        }
    }
    Ok(shared)
}

/// A temporary folder with a tiny data set of its own.
pub struct Workplace {
    folder: TempDir,
}

impl Workplace {
    /// A copy of a synthetic set of 12 test and 24 training images.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let folder = TempDir::new()?;
        copy(&synthetic()?, &folder.path().join("data"))?;
        Ok(Self { folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Arguments that train a small network for two seeds into the folder `run`.
    pub fn train_args(run: &str) -> Vec<String> {
        let settings = [
            "data.train=data/train",
            "data.test=data/dermx",
            "data.test_images=data/dermx/images",
            "synthetic.root=data",
            "synthetic.num_images=12",
            &format!("synthetic.num_train_images={NUM_TRAIN}"),
            // A fifth of the weights of the quick start's network, so of the bytes of its checkpoints.
            "model.architecture=mobilenet_v2",
            "model.last_stride=2",
            "input.size=[32, 40]",
            "evaluate.size=[60, 80]",
            "run.epochs=2",
            "train.batch_size=4",
            "report.num_gallery_images=3",
            // Takes as long as all else, and has tests of its own.
            "explain.sanity=[]",
        ];
        let mut args: Vec<String> = ["train", "--config", "quickstart.toml", "--run", run]
            .iter()
            .map(ToString::to_string)
            .collect();
        for setting in settings {
            args.extend(["--set".to_string(), setting.to_string()]);
        }
        args
    }

    /// [`Self::train_args`] with `more`.
    pub fn train(&self, run: &str, more: &[&str]) -> Command {
        self.train_with(env!("CARGO_BIN_EXE_dermx"), run, more)
    }

    /// The same with the binary that has faults on request ([`FAULT`]).
    pub fn train_faulty(&self, run: &str, more: &[&str]) -> Command {
        self.train_with(env!("CARGO_BIN_EXE_dermx-faulty"), run, more)
    }

    fn train_with(&self, program: &str, run: &str, more: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).args(Self::train_args(run)).args(more);
        command
    }
}

/// Relative names of files and their bytes.
pub type Files = Vec<(String, Vec<u8>)>;

/// All files below `folder` by relative name: of the checkpoints only the newest, of certificates only
/// what equal results share, and nothing that tells of the machine and the hour.
pub fn results(folder: &Path) -> Result<Files, Box<dyn Error>> {
    const INCIDENTAL: [&str; 3] = ["environment.json", "timings.jsonl", ".lock"];
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&current)? {
            paths.push(entry?.path());
        }
        paths.sort();
        if current.ends_with("checkpoints") {
            paths = paths.pop().into_iter().collect();
        }
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if !INCIDENTAL.contains(&name) {
                let relative = path.strip_prefix(folder)?.display().to_string();
                let bytes = if name == "run.json" { certified(&path)? } else { fs::read(&path)? };
                files.push((relative, bytes));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The part of a certificate that is the same for equal results.
fn certified(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let certificate: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    assert!(certificate["made_with"]["binary_hash"].is_string(), "{certificate}");
    Ok(serde_json::to_vec(&certificate["result"])?)
}

/// Expects the same files with the same bytes.
pub fn assert_same_results(one: &Path, other: &Path) -> TestResult {
    let (one, other) = (results(one)?, results(other)?);
    let names =
        |files: &Files| -> Vec<String> { files.iter().map(|(name, _)| name.clone()).collect() };
    assert_eq!(names(&one), names(&other));
    for ((name, one), (_, other)) in one.iter().zip(&other) {
        assert!(one == other, "{name} differs");
    }
    Ok(())
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        match path.is_dir() {
            true => copy(&path, &target)?,
            false => fs::copy(&path, &target).map(drop)?,
        }
    }
    Ok(())
}
