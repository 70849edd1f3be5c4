//! A stage of dermx: build the command and become it.

use crate::cargo;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// Builds `dermx` with the backends that `args` name and runs it with `args` in the current folder; its
/// exit code.
pub fn run(args: &[OsString], tune: bool) -> Result<ExitCode> {
    let name = format!("dermx{}", std::env::consts::EXE_SUFFIX);
    let program = cargo::target_directory()?.join("release").join(name);
    let mut build = cargo::build();
    let features = features(args, tune);
    if !features.is_empty() {
        build.args(["--features", &features.join(",")]);
    }
    // The first build compiles Burn, for minutes: then Cargo's progress is worth its lines.
    if program.exists() {
        build.arg("--quiet");
    }
    cargo::succeed(&mut build)?;
    let mut command = Command::new(&program);
    command.args(args);
    become_process(command).with_context(|| format!("cannot start {}", program.display()))
}

/// The features of the binary that the options `--backend` among `args` need.
///
/// CUDA comes with tuned kernels. WGPU does not unless `tune` says so: a driver in software, which it
/// has to work with, too, takes minutes for what a GPU tunes in seconds.
fn features(args: &[OsString], tune: bool) -> Vec<&'static str> {
    let args: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let separate = args.windows(2).filter(|pair| pair[0] == "--backend").map(|pair| &*pair[1]);
    let joined = args.iter().filter_map(|arg| arg.strip_prefix("--backend="));
    let names: Vec<&str> = separate.chain(joined).collect();
    let is_named = |name: &str| names.iter().any(|found| found.split(':').next() == Some(name));
    let mut features = Vec::new();
    for (backend, feature) in [("wgpu", "dermx-cli/wgpu"), ("cuda", "dermx-cli/cuda")] {
        if is_named(backend) {
            features.push(feature);
        }
    }
    if is_named("cuda") || (tune && !features.is_empty()) {
        features.push("dermx-cli/tune");
    }
    features
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

#[cfg(test)]
mod tests {
    use super::features;
    use std::ffi::OsString;

    fn features_of(args: &[&str], tune: bool) -> Vec<&'static str> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        features(&args, tune)
    }

    #[test]
    fn backends_that_are_named_are_built() {
        let none: [&str; 0] = [];
        assert_eq!(features_of(&["train", "--config", "quickstart.toml"], true), none);
        assert_eq!(features_of(&["train", "--backend", "cpu"], false), none);
        assert_eq!(features_of(&["predict", "--backend", "wgpu:1"], false), ["dermx-cli/wgpu"]);
        assert_eq!(
            features_of(&["predict", "--backend=wgpu"], true),
            ["dermx-cli/wgpu", "dermx-cli/tune"]
        );
        assert_eq!(
            features_of(&["bench", "--backend", "cpu", "--backend", "cuda:0"], false),
            ["dermx-cli/cuda", "dermx-cli/tune"]
        );
    }
}
