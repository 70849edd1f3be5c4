//! Running the tests: of the workspace, and those of other backends, which are built for them alone.

use crate::cargo::{cargo, output};
use crate::terminal::tell;
use anyhow::{Context, Result};
use std::ffi::{OsStr, OsString};
use std::process::ExitStatus;

/// What some tests need; without it they are skipped.
const NEEDS: [(&str, &str); 2] =
    [("DERMX_DATA", "the real DermX annotations"), ("SLURM_CONF", "a real Slurm")];

/// Runs the tests of the workspace with further arguments for the runner; how it ended.
///
/// The runner is cargo-nextest where it is installed: each test has a process and a time limit of its
/// own. Otherwise it is `cargo test`.
pub fn run(args: &[OsString]) -> Result<ExitStatus> {
    for (variable, what) in NEEDS {
        if std::env::var_os(variable).is_none() {
            tell(format!("{variable} is not set: the tests on {what} will be SKIPPED"));
        }
    }
    let runner = if has_nextest() { &["nextest", "run"][..] } else { &["test"] };
    let mut command = cargo(&[runner, &["--release", "--workspace"]].concat());
    command.args(args).status().context("cannot start the tests")
}

fn has_nextest() -> bool {
    output(&mut cargo(&["nextest", "--version"])).is_ok()
}

/// The binary alone, in a profile and folder of its own, so that what takes minutes there is built once
/// and nothing here is built anew.
pub const BACKENDS: [&str; 6] =
    ["--profile", "backends", "--package", "dermx-cli", "--target-dir", "target/backends"];

/// Runs the tests on WGPU: those of which a filter is a part of the name, or all; how it ended.
pub fn run_wgpu(filters: &[impl AsRef<OsStr>]) -> Result<ExitStatus> {
    let test = [&["test", "--features", "wgpu", "--test", "backends"][..], &BACKENDS].concat();
    let mut command = cargo(&test);
    // Cargo shows what a test prints only when it fails; the tables are worth reading.
    command.args(["--", "--nocapture", "--test-threads=1"]).args(filters);
    command.status().context("cannot start cargo test")
}
