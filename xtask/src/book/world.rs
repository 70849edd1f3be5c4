//! The folder in which commands of README and book run.

use crate::cargo::{output, target_directory};
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What makes it.
const SCRIPT: &str = include_str!("world.sh");

/// A folder with data sets, photos, heat maps and a finished run, of which every document gets a copy.
pub struct World {
    made: TempDir,
    root: PathBuf,
    path: OsString,
}

impl World {
    /// Makes it with the `dermx` that was built.
    pub fn make(root: &Path) -> Result<Self> {
        let built = target_directory()?.join("release");
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(built).chain(std::env::split_paths(&old)))?;
        let world = Self { made: tempfile::tempdir()?, root: root.to_path_buf(), path };
        let base = world.made.path().join("base");
        std::fs::create_dir(&base)?;
        output(&mut world.shell(SCRIPT, &base)).context("the folder for commands")?;
        Ok(world)
    }

    /// A fresh copy, of the name `name`.
    pub fn copy(&self, name: &str) -> Result<PathBuf> {
        let copy = self.made.path().join(name.replace('/', "-"));
        let mut copying = Command::new("cp");
        copying.arg("-R").arg(self.made.path().join("base")).arg(&copy);
        output(&mut copying)?;
        Ok(copy)
    }

    /// A shell that runs `script` in `folder`, and stops at the first command that fails.
    pub fn shell(&self, script: &str, folder: &Path) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", script]).current_dir(folder);
        shell.env("PATH", &self.path).env("ROOT", &self.root);
        shell
    }
}

/// Runs `command`, and shows what it printed where it fails.
pub fn quietly(command: &mut Command) -> Result<()> {
    let end = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let printed =
        [end.stdout, end.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(end.status.success(), "{}\n{}", end.status, printed.concat());
    Ok(())
}
