//! What a release offers for this machine: an archive with the command, a wheel with it, the wheel of the scores, and
//! their hashes.

use crate::cargo::{build, metadata, output, root, succeed, target_directory};
use crate::terminal::tell;
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What lies in the archive beside the command.
const DOCUMENTS: [&str; 4] = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Shells with the names of the files that they load completions from.
const COMPLETIONS: [(&str, &str); 4] = [
    ("bash", "dermx.bash"),
    ("zsh", "_dermx"),
    ("fish", "dermx.fish"),
    ("powershell", "_dermx.ps1"),
];

/// Builds the command and writes into `out` its archive, its wheel and that of the scores, each with a file of its
/// SHA-256 beside it. `python` has maturin.
pub fn run(out: &Path, python: &str) -> Result<()> {
    let maturin = ["-m", "maturin", "--version"];
    output(Command::new(python).args(maturin))
        .with_context(|| format!("{python} needs maturin: {python} -m pip install maturin"))?;
    let command = built()?;
    fs::create_dir_all(out)?;
    let files = [
        archive(&command, out)?,
        command_wheel(&command, out, python)?,
        scores_wheel(out, python, RELEASE)?,
    ];
    for file in files {
        let bytes = fs::read(&file)?;
        let name = file.file_name().unwrap_or_default().display().to_string();
        let digest: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        // As `sha256sum --check` reads it.
        fs::write(out.join(format!("{name}.sha256")), format!("{digest}  {name}\n"))?;
        tell(format!("{name}: {:.1} MB, SHA-256 {digest}", bytes.len() as f64 / 1e6));
    }
    Ok(())
}

/// Builds the workspace; the path of the command.
pub fn built() -> Result<PathBuf> {
    succeed(&mut build())?;
    Ok(target_directory()?.join("release").join(format!("dermx{EXE_SUFFIX}")))
}

/// The version of the command.
pub fn version() -> Result<String> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let command = packages.into_iter().find(|package| package["name"] == "dermx-cli");
    let version = command.and_then(|command| command["version"].as_str());
    version.map(str::to_string).context("Cargo knows no package dermx-cli")
}

/// The profile of what is passed on.
pub const RELEASE: &str = "release";

/// Builds the wheel of the scores, `dermx`, in a profile and in the folder `out`; its path.
pub fn scores_wheel(out: &Path, python: impl AsRef<OsStr>, profile: &str) -> Result<PathBuf> {
    let mut maturin = Command::new(python);
    maturin.args(["-m", "maturin", "build", "--profile", profile, "--locked", "--out"]).arg(out);
    maturin.args(["--manifest-path"]).arg(root().join("crates/python/Cargo.toml"));
    succeed(maturin.current_dir(root()))?;
    // It names the platform.
    let start = format!("dermx-{}-", version()?);
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name().display().to_string();
        if name.starts_with(&start) && name.ends_with(".whl") {
            return Ok(entry.path());
        }
    }
    bail!("maturin wrote no {start}....whl into {}", out.display())
}

/// Packs the wheel of `command` in the folder `out`; its path.
pub fn command_wheel(command: &Path, out: &Path, python: impl AsRef<OsStr>) -> Result<PathBuf> {
    let mut pack = Command::new(python);
    pack.arg(root().join("crates/python/command/pack.py")).arg(command);
    pack.args(["--version", &version()?, "--licenses"]).arg(root()).arg("--out").arg(out);
    Ok(PathBuf::from(output(&mut pack)?.trim()))
}

/// The archive of `command` in the folder `out`: one folder with the command, documents, completions and manual pages.
fn archive(command: &Path, out: &Path) -> Result<PathBuf> {
    let printed = output(Command::new(command).arg("--version"))?;
    let version = version()?;
    if printed.trim() != format!("dermx {version}") {
        bail!("{} is `{}`, expected version {version}", command.display(), printed.trim());
    }
    let name = format!("dermx-{version}-{}", host()?);
    let work = tempfile::tempdir()?;
    let folder = work.path().join(&name);
    fs::create_dir(&folder)?;
    fs::copy(command, folder.join(command.file_name().unwrap_or_default()))?;
    for document in DOCUMENTS {
        fs::copy(root().join(document), folder.join(document)).context(document)?;
    }
    let completions = folder.join("completions");
    fs::create_dir(&completions)?;
    for (shell, file) in COMPLETIONS {
        let text = output(Command::new(command).args(["completions", shell]))?;
        fs::write(completions.join(file), text)?;
    }
    output(Command::new(command).args(["man", "--out"]).arg(folder.join("man")))?;
    // Also where Windows is: its tar writes zips, too.
    let file = out.join(format!("{name}.{}", if cfg!(windows) { "zip" } else { "tar.gz" }));
    let flags = if cfg!(windows) { "-acf" } else { "-czf" };
    succeed(Command::new("tar").arg(flags).arg(&file).arg("-C").arg(work.path()).arg(&name))?;
    Ok(file)
}

/// The target that Rust builds for here, such as x86_64-unknown-linux-gnu.
fn host() -> Result<String> {
    let printed = output(Command::new("rustc").arg("-vV"))?;
    let host = printed.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_string).context("rustc does not say what it builds for")
}
