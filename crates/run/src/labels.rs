//! Names for folders that may be called the same.

use crate::error::{RunError, RunResult};
use crate::run_folder::is_same_folder;
use std::collections::BTreeSet;
use std::path::{Component, Path};

/// A name for each of `folders`, no two the same even where case does not count: that of the folder,
/// with those of as many folders above it as it takes to tell it from the others.
///
/// # Errors
/// A folder that does not exist.
pub fn labels(folders: &[&Path]) -> RunResult<Vec<String>> {
    let parts: Vec<Vec<String>> =
        folders.iter().map(|folder| parts_of(folder)).collect::<RunResult<_>>()?;
    let label =
        |parts: &Vec<String>, depth: usize| parts[parts.len().saturating_sub(depth)..].join("/");
    let mut depths = vec![1; parts.len()];
    loop {
        let found: Vec<String> =
            parts.iter().zip(&depths).map(|(parts, &depth)| label(parts, depth)).collect();
        let is_ambiguous = |idx: usize| {
            let mut others = parts.iter().zip(&found);
            let is_another = |(other, name): (&Vec<String>, &String)| {
                *other != parts[idx] && folded(name) == folded(&found[idx])
            };
            depths[idx] < parts[idx].len() && others.any(is_another)
        };
        let ambiguous: Vec<usize> = (0..found.len()).filter(|&idx| is_ambiguous(idx)).collect();
        if ambiguous.is_empty() {
            // Left are one folder twice, names that cannot be shown, and those that differ in case.
            return Ok(distinct(found, &[]));
        }
        ambiguous.into_iter().for_each(|idx| depths[idx] += 1);
    }
}

/// The names from the root to `folder`.
fn parts_of(folder: &Path) -> RunResult<Vec<String>> {
    let whole = folder.canonicalize().map_err(|error| RunError::io(folder, &error))?;
    let names = whole.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    Ok(names.collect())
}

/// Refuses a folder that is named twice.
///
/// # Errors
/// There is one.
pub fn check_distinct(folders: &[&Path]) -> RunResult<()> {
    for (idx, folder) in folders.iter().enumerate() {
        let same = folders[..idx].iter().find(|other| is_same_folder(other, folder));
        if let Some(other) = same {
            let message = format!(
                "{} and {} are one run folder; name different ones to compare them",
                other.display(),
                folder.display()
            );
            return Err(RunError::usage(message));
        }
    }
    Ok(())
}

/// A name of a folder for each of `labels`, no two the same, and none of `taken`.
pub fn folder_names(labels: &[String], taken: &[String]) -> Vec<String> {
    let single = |label: &String| match label.replace(['/', '\\'], "-") {
        name if name.is_empty() => "root".to_string(),
        name => name,
    };
    distinct(labels.iter().map(single).collect(), taken)
}

/// `names`, with a number behind those that came before or are `taken`.
fn distinct(names: Vec<String>, taken: &[String]) -> Vec<String> {
    let mut used: BTreeSet<String> = taken.iter().map(|name| folded(name)).collect();
    // A name that is one of the others' with a number keeps it.
    let whole: BTreeSet<String> = names.iter().map(|name| folded(name)).collect();
    let free = |name: String, used: &mut BTreeSet<String>| {
        if used.insert(folded(&name)) {
            return name;
        }
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let is_free = |name: &String| !whole.contains(&folded(name)) && used.insert(folded(name));
        numbered.into_iter().find(is_free).unwrap_or(name)
    };
    names.into_iter().map(|name| free(name, &mut used)).collect()
}

fn folded(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{check_distinct, folder_names, labels};
    use dermx_work::Failure;
    use std::path::{Path, PathBuf};

    fn made(names: &[&str]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let root = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = names.iter().map(|name| root.path().join(name)).collect();
        paths.iter().for_each(|path| std::fs::create_dir_all(path).unwrap());
        (root, paths)
    }

    fn labelled(names: &[&str]) -> Vec<String> {
        let (_root, paths) = made(names);
        labels(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_folder_has_its_name_and_as_many_above_as_tell_it_apart() {
        assert_eq!(labelled(&["a/x", "b/y"]), ["x", "y"]);
        assert_eq!(labelled(&["a/x", "b/x", "b/z"]), ["a/x", "b/x", "z"]);
        assert_eq!(labelled(&["1/a/x", "2/a/x", "2/b/x"]), ["1/a/x", "2/a/x", "b/x"]);
        assert_eq!(labelled(&["a/./x", "b/../b/x/"]), ["a/x", "b/x"]);
    }

    #[test]
    fn a_folder_that_is_named_twice_is_found() {
        let (root, paths) = made(&["a/x"]);
        let again = root.path().join("a/../a/x");
        let error = check_distinct(&[&paths[0], &again]).unwrap_err();
        assert!(error.failure() == Failure::Usage && error.to_string().contains("one run folder"));
        assert_eq!(labels(&[&paths[0], &again]).unwrap(), ["x", "x-2"]);
        assert_eq!(labels(&[Path::new("no/such")]).unwrap_err().failure(), Failure::MissingInput);
    }

    #[test]
    fn names_of_folders_differ_whatever_the_labels() {
        let of = |labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
            folder_names(&labels, &["comparison.md".to_string()])
        };
        assert_eq!(of(&["a/x", "b/x"]), ["a-x", "b-x"]);
        assert_eq!(of(&["a-x", "a/x", "a-x-2"]), ["a-x", "a-x-3", "a-x-2"]);
        assert_eq!(
            of(&["Run", "run", "comparison.md", ""]),
            ["Run", "run-2", "comparison.md-2", "root"]
        );
    }
}
