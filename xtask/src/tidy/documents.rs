//! Documents that name things name things that exist.

use crate::markdown::Document;
use crate::quick_start::commands;
use std::fs;
use std::path::{Path, PathBuf};

/// Documents that have rules of their own, or that people look for.
const REQUIRED: [&str; 3] = ["README.md", "ARCHITECTURE.md", "SECURITY.md"];

/// The README's two commands: the main job, and the tests.
const COMMANDS: [&str; 2] = ["cargo xtask train --config quickstart.toml", "cargo xtask test"];

/// What is wrong with the documents among `files`.
pub fn check(root: &Path, files: &[PathBuf]) -> Vec<String> {
    let missing = REQUIRED.iter().filter(|name| !files.iter().any(|path| path == Path::new(name)));
    let mut problems: Vec<String> =
        missing.map(|name| format!("{name}: there is no such document")).collect();
    let read = |path: &Path| fs::read_to_string(root.join(path)).ok();
    for path in files.iter().filter(|path| is_document(path)) {
        let name = path.display().to_string();
        match read(path) {
            Some(text) => problems.extend(problems_of(&name, &text, |path| match read(path) {
                Some(text) => Target::Document(Document::parse(&text)),
                None if root.join(path).exists() => Target::Other,
                None => Target::Nothing,
            })),
            None => problems.push(format!("{name}: cannot be read")),
        }
    }
    problems
}

/// What stands where a link leads.
enum Target {
    Nothing,
    Document(Document),
    /// A folder, a picture.
    Other,
}

/// Whether somebody reads the file as it is: Markdown, but for templates and what tests compare with.
fn is_document(path: &Path) -> bool {
    let mut folders = path.components().map(|part| part.as_os_str());
    let is_markdown = path.extension().is_some_and(|kind| kind == "md");
    is_markdown && !folders.any(|folder| folder == "templates" || folder == "tests")
}

/// What is wrong with the document `name`; `find` says what stands at a path.
fn problems_of(name: &str, text: &str, find: impl Fn(&Path) -> Target) -> Vec<String> {
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    let document = Document::parse(text);
    let mut problems = Vec::new();
    for (link, line) in &document.links {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = match file {
            "" => Target::Document(Document::parse(text)),
            file => find(&folder.join(file)),
        };
        let is_there = match target {
            Target::Nothing => false,
            Target::Document(target) => anchor.is_empty() || target.anchors.contains(anchor),
            Target::Other => anchor.is_empty() || !file.ends_with(".md"),
        };
        if !is_there {
            problems.push(format!("{name}:{line}: link to `{link}`, which does not exist"));
        }
    }
    match name {
        "README.md" => problems.extend(wrong_commands(text)),
        "ARCHITECTURE.md" => problems.extend(unchecked_invariants(text)),
        _ => {}
    }
    problems
}

fn wrong_commands(readme: &str) -> Option<String> {
    match commands(readme) {
        Ok(found) if found == COMMANDS => None,
        Ok(found) => {
            Some(format!("README.md: the checked commands are {found:?}, not {COMMANDS:?}"))
        }
        Err(error) => Some(error.to_string()),
    }
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
    use super::{Document, Target, check, is_document, problems_of, unchecked_invariants};
    use std::path::{Path, PathBuf};

    #[test]
    fn a_link_to_nowhere_is_found_from_its_folder() {
        let find = |path: &Path| match path.to_str() {
            Some("datasets/a.md") => Target::Document(Document::parse("# A b\n")),
            Some("datasets/c.jpg") => Target::Other,
            _ => Target::Nothing,
        };
        let problems = |name: &str, text: &str| problems_of(name, text, find);
        let good = "# D\n[a](a.md) [b](a.md#a-b) ![c](c.jpg) [d](#d) [e](https://e/f.md)";
        assert!(problems("datasets/README.md", good).is_empty());
        let message = "CHANGELOG.md:1: link to `a.md`, which does not exist";
        assert_eq!(problems("CHANGELOG.md", "[a](a.md)"), [message]);
        assert_eq!(problems("datasets/README.md", "[a](a.md#b)").len(), 1);
        assert_eq!(problems("datasets/README.md", "# D\n[a](#a)").len(), 1);
    }

    #[test]
    fn a_readme_with_other_commands_is_found() {
        let readme = |command: &str| {
            format!(
                "<!-- checked commands -->\n```sh\n{command}\n```\n```sh\ncargo xtask test\n```\n\
                 <!-- end of checked commands -->"
            )
        };
        let problems = |text: &str| problems_of("README.md", text, |_| Target::Other).len();
        assert_eq!(problems(&readme("cargo xtask train --config quickstart.toml")), 0);
        assert_eq!(problems(&readme("cargo xtask train --config other.toml")), 1);
        assert_eq!(problems("cargo xtask train --config quickstart.toml"), 1);
    }

    #[test]
    fn missing_documents_are_found() {
        assert_eq!(check(Path::new("nowhere"), &[]).len(), super::REQUIRED.len());
        let files = ["README.md", "docs/new.md"].map(PathBuf::from);
        let problems = check(Path::new("nowhere"), &files);
        assert!(problems.iter().any(|problem| problem.starts_with("docs/new.md: cannot be read")));
    }

    #[test]
    fn templates_and_goldens_are_no_documents() {
        assert!(is_document(Path::new("docs/new.md")));
        for name in ["crates/a/templates/page.md", "crates/a/tests/b/golden.md", "docs/a.rs"] {
            assert!(!is_document(Path::new(name)), "{name}");
        }
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
