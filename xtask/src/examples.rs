//! The library's examples, one after the other, on synthetic data.

use crate::cargo::{build, output, succeed, target_directory};
use crate::terminal::tell;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of the longest example: each is to be read at a glance.
const MAX_LINES: usize = 60;

/// Builds and runs every example, and looks at what it prints.
pub fn run() -> Result<()> {
    succeed(build().arg("--examples"))?;
    let built = target_directory()?.join("release/examples");
    let folder = tempfile::tempdir()?;
    let out = folder.path();
    expect(&built, "train_and_score", &[out], &["fuzzy F1", "centre_gaussian", "report: "])?;
    let (run, data) = (out.join("run"), out.join("data/dermx"));
    let photo = first_photo(&data.join("images"))?;
    let overlay = out.join("overlay.png");
    expect(&built, "explain_photo", &[&run, &photo, &overlay], &["Psoriasis: 0.", "on a map of"])?;
    ensure!(overlay.exists(), "explain_photo wrote no {}", overlay.display());
    let maps = run.join("seed-0/heatmaps");
    expect(&built, "score_maps", &[&data, &maps], &["skill", "centre_gaussian"])?;
    check_lengths()
}

fn expect(built: &Path, name: &str, args: &[&Path], parts: &[&str]) -> Result<()> {
    let printed = output(Command::new(built.join(name)).args(args))?;
    for part in parts {
        ensure!(printed.contains(part), "{name}: no `{part}` in what it printed:\n{printed}");
    }
    tell(format!("{name}: ok"));
    Ok(())
}

fn first_photo(folder: &Path) -> Result<PathBuf> {
    let mut photos: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    photos.sort();
    photos.into_iter().next().with_context(|| format!("no photo in {}", folder.display()))
}

fn check_lengths() -> Result<()> {
    for entry in fs::read_dir(crate::cargo::root().join("examples"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let num_lines = fs::read_to_string(&path)?.lines().count();
            ensure!(num_lines < MAX_LINES, "{}: {num_lines} lines", path.display());
        }
    }
    Ok(())
}
