//! The README and the book in `docs/`: what is in them is true, and every command in them runs.

mod commands;
mod files;
mod generated;
mod mdbook;
mod numbers;
mod speed;
mod text;
mod world;

pub use commands::run_python;
pub use files::unlisted_files;
pub use generated::write;

use crate::cargo::root;
use crate::markdown::Document;
use crate::terminal::tell;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// The book's table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// README and chapters, in the order of the table of contents, as paths from the root.
fn documents(root: &Path) -> Result<Vec<String>> {
    let summary = fs::read_to_string(root.join(SUMMARY)).context(SUMMARY)?;
    let chapters =
        Document::parse(&summary).links.into_iter().map(|(link, _)| format!("docs/{link}"));
    Ok(std::iter::once("README.md".to_string()).chain(chapters).collect())
}

/// What is wrong with the texts, without running anything.
pub fn problems(root: &Path) -> Result<Vec<String>> {
    let documents = documents(root)?;
    let mut problems = generated::problems(root);
    let read = |file: &str| fs::read_to_string(root.join(file)).ok();
    for name in &documents {
        match read(name) {
            Some(text) => {
                problems.extend(text::problems(name, &text, read));
                problems.extend(numbers::problems(name, &text, read));
            }
            None => problems.push(format!("{SUMMARY}: there is no {name}")),
        }
    }
    problems.extend(text::unlisted(root, &documents)?);
    Ok(problems)
}

/// Builds the book where mdBook can be had, and runs every command of README and book; with `is_full` also
/// the slow ones.
pub fn run(is_full: bool) -> Result<()> {
    let root = root();
    mdbook::build(&root)?;
    let num_skipped = commands::run(&root, &documents(&root)?, is_full)?;
    tell(format!("every command of README and book ran, but for {num_skipped}"));
    Ok(())
}
