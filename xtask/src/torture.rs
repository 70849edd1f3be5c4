//! `cargo xtask torture`: runs that are killed, and have to end as if they had not been.

use crate::cargo::{cargo, exit_code};
use anyhow::{Context, Result};
use std::process::ExitCode;

/// Runs the test that kills runs, at `num_kills` moments drawn from `seed` and at every call that
/// writes a checkpoint.
pub fn run(num_kills: u32, seed: u64) -> Result<ExitCode> {
    let args =
        ["test", "--release", "--workspace", "--test", "cli", "--", "torture", "--nocapture"];
    let mut command = cargo(&args);
    command.env("DERMX_TORTURE", num_kills.to_string());
    command.env("DERMX_TORTURE_SEED", seed.to_string());
    let status = command.status().context("cannot start cargo test")?;
    Ok(ExitCode::from(exit_code(status)))
}
