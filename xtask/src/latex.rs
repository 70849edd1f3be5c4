//! The tables that `dermx report` writes, set by LaTeX.

use crate::cargo::output;
use crate::pages::Workplace;
use crate::release;
use crate::terminal::tell;
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sets every table of a run and of a comparison, in one document each. Without pdflatex it says so and passes.
pub fn run() -> Result<()> {
    if output(Command::new("pdflatex").arg("--version")).is_err() {
        tell(
            "SKIPPED: the LaTeX tables are not set: no pdflatex (Debian: texlive-latex-recommended)",
        );
        return Ok(());
    }
    let workplace = Workplace::new(&release::built()?, "latex")?;
    workplace.two_runs()?;
    workplace.run(&["report", "seeds", "--out", "one"])?;
    workplace.run(&["report", "seeds", "other", "--out", "both"])?;
    for folder in ["one", "both"] {
        let folder = workplace.join(folder);
        let mut tables = Vec::new();
        find(&folder, &mut tables)?;
        ensure!(tables.len() > 5, "{}: {} tables", folder.display(), tables.len());
        tables.sort();
        set(&folder, &tables)?;
        tell(format!("{}: {} tables are set", folder.display(), tables.len()));
    }
    Ok(())
}

/// Adds the `.tex` files below `folder` to `tables`.
fn find(folder: &Path, tables: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, tables)?;
        } else if path.extension().is_some_and(|kind| kind == "tex") {
            tables.push(path);
        }
    }
    Ok(())
}

/// Sets the tables, a page each, in `folder`.
fn set(folder: &Path, tables: &[PathBuf]) -> Result<()> {
    let file = folder.join("all-tables.tex");
    fs::write(&file, document(folder, tables)?)?;
    let mut latex = Command::new("pdflatex");
    latex.args(["-interaction=nonstopmode", "-halt-on-error"]).arg(&file).current_dir(folder);
    let printed = latex.output().context("cannot start pdflatex")?;
    if !printed.status.success() {
        let text = String::from_utf8_lossy(&printed.stdout).into_owned();
        // What is wrong begins with an exclamation mark, the line with `l.`.
        let lines = text.lines().filter(|line| line.starts_with('!') || line.starts_with("l."));
        bail!("{}: {}", file.display(), lines.collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

/// A document of the tables as somebody's paper would take them, on paper wide enough for any.
fn document(folder: &Path, tables: &[PathBuf]) -> Result<String> {
    let mut text = String::from(
        "\\documentclass{article}\n\\usepackage[paperwidth=200cm,paperheight=100cm,margin=1cm]{geometry}\n\
         \\usepackage{booktabs}\n\\begin{document}\n",
    );
    for table in tables {
        let name = table.strip_prefix(folder).unwrap_or(table).display().to_string();
        writeln!(text, "\\input{{{}}}\\newpage", name.replace('\\', "/"))?;
    }
    text.push_str("\\end{document}\n");
    Ok(text)
}
