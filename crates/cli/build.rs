//! Finds out which commit is built, for the certificate of a run.

#![allow(clippy::disallowed_methods, reason = "a build script is told by its environment")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=DERMX_COMMIT");
    // What the commit says is true of the sources as they are compiled, so it is asked for again
    // when they change.
    println!("cargo:rerun-if-changed=../../Cargo.lock");
    for entry in std::fs::read_dir("..").into_iter().flatten().flatten() {
        println!("cargo:rerun-if-changed={}", entry.path().join("src").display());
    }
    let given = std::env::var("DERMX_COMMIT").ok();
    let commit = given.or_else(commit).unwrap_or_else(|| "unknown".to_string());
    println!("cargo:rustc-env=DERMX_COMMIT={commit}");
}

/// The commit of this checkout, with `-dirty` where files differ from it; nothing where the sources
/// are no checkout of their own.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        let text = output.status.success().then(|| String::from_utf8(output.stdout).ok());
        text.flatten().map(|text| text.trim().to_string())
    };
    let root = Path::new(&git(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()?;
    let is_own = root == Path::new("../..").canonicalize().ok()?;
    let describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"];
    if is_own { git(&describe) } else { None }
}
