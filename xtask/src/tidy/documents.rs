//! Documents that name things name things that exist.

use crate::readme::commands;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

const DOCUMENTS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "datasets/README.md",
    "docs/published-results.md",
    "experiments/README.md",
];

/// The README's two commands: the main job, and the tests.
const COMMANDS: [&str; 2] = ["cargo xtask train --config quickstart.toml", "cargo xtask test"];

/// What is wrong with the documents in `root`.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let read = |name: &str| {
        fs::read_to_string(root.join(name)).with_context(|| format!("cannot read {name}"))
    };
    let mut problems = Vec::new();
    for name in DOCUMENTS {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        for target in links(&read(name)?) {
            if !root.join(folder).join(&target).exists() {
                problems.push(format!("{name}: link to `{target}`, which does not exist"));
            }
        }
    }
    let found = commands(&read("README.md")?)?;
    if found != COMMANDS {
        problems.push(format!("README.md: the checked commands are {found:?}, not {COMMANDS:?}"));
    }
    problems.extend(unchecked_invariants(&read("ARCHITECTURE.md")?));
    Ok(problems)
}

/// Targets of links to files of the project, without their anchors.
fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default().to_string())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

/// Numbered points of the section "Invariants" that do not say how they are checked.
fn unchecked_invariants(architecture: &str) -> Vec<String> {
    let section = architecture.split("\n## Invariants").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let is_point = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
    let points: Vec<&str> = section.split("\n\n").flat_map(|part| part.split("\n")).collect();
    let mut invariants: Vec<String> = Vec::new();
    for line in points {
        match invariants.last_mut() {
            _ if is_point(&line) => invariants.push(line.to_string()),
            Some(last) => *last += line,
            None => {}
        }
    }
    if invariants.is_empty() {
        return vec!["ARCHITECTURE.md: there are no invariants".to_string()];
    }
    let unchecked = invariants.iter().filter(|text| !text.contains("Checked by"));
    unchecked.map(|text| format!("ARCHITECTURE.md: no `Checked by` in invariant {text}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{links, unchecked_invariants};

    #[test]
    fn links_to_files_are_found() {
        let text = "[a](b.md#c) [d](https://e) ![f](g/h.jpg) [i](#j)";
        assert_eq!(links(text), ["b.md", "g/h.jpg"]);
    }

    #[test]
    fn an_invariant_that_nobody_checks_is_found() {
        let text = "\n## Invariants\n\n1. A.\n   Checked by b.\n2. C.\n\n## Next\n3. D.\n";
        let problems = unchecked_invariants(text);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("2. C."));
        assert_eq!(unchecked_invariants("nothing").len(), 1);
    }
}
