//! Running the tests: of the workspace, and those of other backends, which are built for them alone.

use crate::cargo::{WORKSPACE, cargo, output};
use crate::terminal::tell;
use anyhow::{Context, Result};
use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitStatus};
use tempfile::TempDir;

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
    let mut command = cargo(&[runner, &["--release"], &WORKSPACE].concat());
    let in_memory = folder_in_memory();
    if let Some(folder) = &in_memory {
        command.env("TMPDIR", folder.path());
    }
    // Many tests wait for files, signals and other processes.
    if std::env::var_os(TEST_THREADS).is_none() {
        let num_cores = std::thread::available_parallelism().map_or(1, usize::from);
        command.env(TEST_THREADS, (num_cores + 1).to_string());
    }
    command.args(args).status().context("cannot start the tests")
}

/// What tells nextest how many tests run at once.
const TEST_THREADS: &str = "NEXTEST_TEST_THREADS";

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

/// What has to be free there, in bytes; tests side by side have taken less than 2 GB.
const MIN_FREE: u64 = 8_000_000_000;

/// A folder for files of tests, where syncing them costs nothing: on a disk a test waits for that longer than it
/// computes. `None` without room for it, or where `TMPDIR` says another place.
pub fn folder_in_memory() -> Option<TempDir> {
    if std::env::var_os("TMPDIR").is_some() {
        return None;
    }
    let told = output(Command::new("df").args(["--output=avail", "-B1", MEMORY])).ok()?;
    let free: u64 = told.lines().nth(1)?.trim().parse().ok()?;
    let free = free.min(available_memory()?);
    let folder = || tempfile::Builder::new().prefix("dermx-tests-").tempdir_in(MEMORY).ok();
    (free >= MIN_FREE).then(folder).flatten()
}

/// Memory that programs can still have, in bytes.
fn available_memory() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(1024 * kib.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
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
