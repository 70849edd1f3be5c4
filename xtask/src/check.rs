//! `cargo xtask check`: the cheapest check first.

use crate::cargo::{cargo, succeed};
use crate::{readme, tidy};
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use std::ffi::OsString;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// A part of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// Formatting.
    Fmt,
    /// The rules of the house.
    Tidy,
    /// Lints, as errors.
    Clippy,
    /// Documentation, with warnings as errors.
    Doc,
    /// All tests.
    Test,
    /// The tests on WGPU; without a device they say so and pass, unless DERMX_WGPU=required.
    Wgpu,
    /// Types and lints with CUDA, which is not linked.
    Cuda,
    /// The README's commands as printed, in a copy of the project elsewhere.
    Readme,
}

impl Step {
    fn run(self) -> Result<()> {
        let deny = ["--", "-D", "warnings"];
        match self {
            Self::Fmt => succeed(&mut cargo(&["fmt", "--all", "--check"])),
            Self::Tidy => tidy::run(),
            Self::Clippy => {
                succeed(cargo(&["clippy", "--release", "--workspace", "--all-targets"]).args(deny))
            }
            Self::Doc => succeed(
                cargo(&["doc", "--release", "--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            ),
            Self::Test => {
                let status = test(&[])?;
                ensure!(status.success(), "cargo test ended with {status}");
                Ok(())
            }
            Self::Wgpu => {
                let status = test_wgpu(&[])?;
                ensure!(status.success(), "the tests on WGPU ended with {status}");
                Ok(())
            }
            Self::Cuda => {
                // With DOCS_RS Burn's build scripts want no LLVM.
                let args = [&["clippy", "--features", "cuda"][..], &BACKENDS].concat();
                succeed(cargo(&args).args(deny).env("DOCS_RS", "1"))
            }
            Self::Readme => readme::run(),
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
    }
}

/// Runs every step but those in `skip`; stops at the first that fails.
pub fn run(skip: &[Step]) -> Result<()> {
    let mut times: Vec<(String, Duration)> = Vec::new();
    for step in Step::value_variants().iter().filter(|step| !skip.contains(step)) {
        eprintln!("== {}", step.name());
        let start = Instant::now();
        let end = step.run();
        times.push((step.name(), start.elapsed()));
        if end.is_err() {
            print_times(&times);
        }
        end.with_context(|| format!("check `{}` failed", step.name()))?;
    }
    print_times(&times);
    eprintln!("every step passed");
    Ok(())
}

fn print_times(times: &[(String, Duration)]) {
    for (name, time) in times {
        eprintln!("{name:>8} {:7.1} s", time.as_secs_f64());
    }
}

/// The binary alone, in a profile and folder of its own, so that what takes minutes there is built once
/// and nothing here is built anew.
const BACKENDS: [&str; 6] =
    ["--profile", "backends", "--package", "dermx-cli", "--target-dir", "target/backends"];

/// Runs the tests on WGPU with further arguments for `cargo test`; how it ended.
pub fn test_wgpu(args: &[OsString]) -> Result<ExitStatus> {
    let test = [&["test", "--features", "wgpu", "--test", "backends"][..], &BACKENDS].concat();
    let mut command = cargo(&test);
    // Cargo shows what a test prints only when it fails; the tables are worth reading.
    command.args(args).args(["--", "--nocapture", "--test-threads=1"]);
    command.status().context("cannot start cargo test")
}

/// Runs the tests of the workspace with further arguments for `cargo test`; how it ended.
pub fn test(args: &[OsString]) -> Result<ExitStatus> {
    if std::env::var_os("DERMX_DATA").is_none() {
        eprintln!("DERMX_DATA is not set: the tests on the real DermX annotations will be SKIPPED");
    }
    let mut command = cargo(&["test", "--release", "--workspace"]);
    command.args(args).status().context("cannot start cargo test")
}
