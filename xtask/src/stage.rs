//! A stage of dermx: build the command, run it, pass on its exit code.

use crate::cargo;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

/// Builds `dermx` and runs it with `args` in the current folder; its exit code.
pub fn run(args: &[OsString]) -> Result<ExitCode> {
    announce_first_build()?;
    cargo::build()?;
    let program = program()?;
    // Ctrl-C reaches dermx by itself; this process waits for it to save its work.
    ctrlc::set_handler(|| {}).context("cannot listen for Ctrl-C")?;
    let status = Command::new(&program)
        .args(args)
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Ok(ExitCode::from(code(status)))
}

/// The built command.
fn program() -> Result<PathBuf> {
    let name = format!("dermx{}", std::env::consts::EXE_SUFFIX);
    Ok(cargo::target_directory()?.join("release").join(name))
}

fn announce_first_build() -> Result<()> {
    if !program()?.exists() {
        eprintln!("compiling dermx for the first time; this takes some minutes");
    }
    Ok(())
}

/// A shell's number for how a process ended.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::code;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    #[test]
    fn exit_codes_and_signals_are_passed_on() {
        assert_eq!(code(ExitStatus::from_raw(0)), 0);
        assert_eq!(code(ExitStatus::from_raw(75 << 8)), 75);
        assert_eq!(code(ExitStatus::from_raw(9)), 137);
    }
}
