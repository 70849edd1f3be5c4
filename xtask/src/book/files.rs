//! The files of a run that the book lists.

use crate::markdown::code_spans;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The chapter that lists them, in the first column of its tables.
const CHAPTER: &str = "docs/files.md";

/// The files below `run` that no row of the chapter names, `*` being anything.
pub fn unlisted_files(root: &Path, run: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(root.join(CHAPTER)).context(CHAPTER)?;
    let first_cells = text.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    let patterns: Vec<String> = first_cells.flat_map(code_spans).collect();
    let mut unlisted = Vec::new();
    for path in files(run)? {
        let name = path.strip_prefix(run)?.to_string_lossy().replace('\\', "/");
        if !patterns.iter().any(|pattern| fits(pattern, &name)) {
            unlisted.push(name);
        }
    }
    Ok(unlisted)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether `name` is `pattern`, where each `*` stands for any text, `/` included.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|end| {
            end.char_indices().map(|(at, _)| at).chain([end.len()]).any(|at| fits(rest, &end[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{fits, unlisted_files};
    use std::fs;

    #[test]
    fn stars_are_any_text() {
        assert!(fits("seed-*/heatmaps/*.npy", "seed-0/heatmaps/a/b.npy"));
        assert!(fits("a*", "a") && fits("*", "") && fits("a", "a"));
        assert!(!fits("seed-*/a.json", "seed-0/a.jsonl") && !fits("a", "ab"));
    }

    #[test]
    fn a_file_that_no_row_names_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        fs::create_dir_all(run.join("seed-0")).unwrap();
        fs::create_dir(folder.path().join("docs")).unwrap();
        fs::write(run.join("seed-0/a.json"), "").unwrap();
        fs::write(run.join("b.csv"), "").unwrap();
        let rows =
            "text `b.csv`\n| file | content |\n|---|---|\n| `seed-*/a.json` | like `b.csv` |\n";
        fs::write(folder.path().join("docs/files.md"), rows).unwrap();
        assert_eq!(unlisted_files(folder.path(), &run).unwrap(), ["b.csv"]);
    }
}
