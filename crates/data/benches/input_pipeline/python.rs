//! The other side of the benchmark, in a process of its own.

use std::error::Error;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What `pipelines.py` knows.
pub const PIPELINES: [&str; 3] = ["keras", "torchvision", "torchvision_tensors"];

/// A running `pipelines.py`.
pub struct Python {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts it for the photo `path`.
    pub fn start(python: &OsStr, path: &Path) -> Result<Self, Box<dyn Error>> {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/input_pipeline/pipelines.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(path)
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let requests = child.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        Ok(Self { child, requests, answers })
    }

    /// Seconds that `num_images` images of a pipeline take.
    pub fn seconds(&mut self, name: &str, num_images: usize) -> Result<f64, Box<dyn Error>> {
        writeln!(self.requests, "{name} {num_images}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(answer.trim().parse()?)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Its input ends with this value, but it may hang.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
