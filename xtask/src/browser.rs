//! Report pages in a real browser: `xtask/browser/check.mjs` says what it looks at.

use crate::cargo::{output, root, succeed};
use crate::pages::{self, Workplace};
use crate::release;
use crate::terminal::tell;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Chromium under the names that systems have for it.
const CHROMIUM: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What looks at pages, and the packages of npm that it needs, to the version.
const HARNESS: [&str; 3] = ["check.mjs", "package.json", "package-lock.json"];

/// Makes a report page of each kind with the command and opens them in Chromium; pictures of them are left in
/// `target/screenshots`. Without Chromium, Node or npm it says so and passes.
pub fn run() -> Result<()> {
    let named = std::env::var("DERMX_CHROMIUM").ok();
    let known = named.iter().map(String::as_str).chain(CHROMIUM);
    let Some(chromium) = known.into_iter().find_map(path_of) else {
        return skip("no Chromium (Debian: chromium; or name it in DERMX_CHROMIUM)");
    };
    let (Some(node), Some(npm)) = (path_of("node"), path_of("npm")) else {
        return skip("no Node (Debian: nodejs, npm)");
    };
    let harness = root().join("target/browser");
    fs::create_dir_all(&harness)?;
    for file in HARNESS {
        fs::copy(root().join("xtask/browser").join(file), harness.join(file)).context(file)?;
    }
    let mut install = Command::new(npm);
    install.args(["ci", "--prefer-offline", "--no-audit", "--no-fund"]).current_dir(&harness);
    if let Err(error) = output(&mut install) {
        return skip(&format!("npm cannot be reached: {error}"));
    }
    let mut pages = Workplace::new(&release::built()?, "browser")?.pages()?;
    if pages::quick_start().exists() {
        pages.push(("quick-start", pages::quick_start()));
    } else {
        tell("SKIPPED: the page of the quick start, whose step leaves it in target/pages");
    }
    let screenshots = root().join("target/screenshots");
    fs::create_dir_all(&screenshots)?;
    let mut look = Command::new(node);
    look.arg(harness.join("check.mjs")).arg(chromium).arg(&screenshots);
    look.args(pages.iter().map(|(name, file)| format!("{name}={}", file.display())));
    succeed(&mut look)
}

fn skip(why: &str) -> Result<()> {
    tell(format!("SKIPPED: no page is looked at in a browser: {why}"));
    Ok(())
}

/// The path of a program in `PATH`, or of one that is named by its path.
fn path_of(program: &str) -> Option<std::path::PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let files = std::env::split_paths(&folders).map(|folder| folder.join(program));
    let suffixes = if cfg!(windows) { &["", ".exe", ".cmd"][..] } else { &[""] };
    files
        .chain([Path::new(program).to_path_buf()])
        .flat_map(|file| suffixes.iter().map(move |suffix| format!("{}{suffix}", file.display())))
        .map(std::path::PathBuf::from)
        .find(|file| file.is_file())
}
