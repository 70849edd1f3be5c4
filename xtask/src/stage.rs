//! A stage of dermx: build the command and become it.

use crate::cargo;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// Builds `dermx` and runs it with `args` in the current folder; its exit code.
pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let name = format!("dermx{}", std::env::consts::EXE_SUFFIX);
    let program = cargo::target_directory()?.join("release").join(name);
    let mut build = cargo::cargo(&cargo::BUILD);
    // The first build compiles Burn, for minutes: then Cargo's progress is worth its lines.
    if program.exists() {
        build.arg("--quiet");
    }
    cargo::succeed(&mut build)?;
    let mut command = Command::new(&program);
    command.args(args);
    become_process(command).with_context(|| format!("cannot start {}", program.display()))
}

/// Replaces this process, so that signals reach dermx and its exit code is this process's.
#[cfg(unix)]
fn become_process(mut command: Command) -> std::io::Result<ExitCode> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

#[cfg(not(unix))]
fn become_process(mut command: Command) -> std::io::Result<ExitCode> {
    command.status().map(|status| ExitCode::from(cargo::exit_code(status)))
}
