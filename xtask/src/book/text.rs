//! What has to be true of the texts of README and book.

use crate::markdown::{Document, num_words};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Words of the README, outside of code.
const MAX_README_WORDS: usize = 700;

/// Languages of blocks of code. What is typed into a shell is `sh`, and is run.
const LANGUAGES: [&str; 8] = ["sh", "python", "rust", "toml", "json", "csv", "text", "bibtex"];

/// What is wrong with the document `name`; `read` gives a file of the project.
pub fn problems(name: &str, text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let document = Document::parse(text);
    let mut problems = Vec::new();
    let words = num_words(text);
    if name == "README.md" && words > MAX_README_WORDS {
        problems.push(format!("{name}: {words} words of at most {MAX_README_WORDS}"));
    }
    for code in &document.code {
        let place = format!("{name}:{}", code.line);
        let language = code.language();
        if !LANGUAGES.contains(&language) {
            let known = LANGUAGES.join(", ");
            problems.push(format!("{place}: a block of `{language}`; a fence says one of {known}"));
        }
        let is_command = |line: &str| line.starts_with("dermx ") || line.starts_with("cargo ");
        if language != "sh" && code.text.lines().any(is_command) {
            problems.push(format!("{place}: commands in a block of `{language}` are not run"));
        }
        if let Some(file) = code.value("from")
            && !read(file).is_some_and(|whole| whole.contains(&code.text))
        {
            problems.push(format!("{place}: this is not in {file}, letter by letter"));
        }
        if language == "rust" && code.value("from").is_none() {
            problems.push(format!("{place}: say `rust,from=examples/...`, which is compiled"));
        }
    }
    if name.starts_with("docs/") {
        let leaves = document.links.iter().filter(|(link, _)| link.starts_with(".."));
        let message = "leads out of the book, which has no such page; name the file instead";
        problems.extend(leaves.map(|(link, line)| format!("{name}:{line}: `{link}` {message}")));
    }
    problems
}

/// Chapters that the table of contents does not list.
pub fn unlisted(root: &Path, listed: &[String]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for entry in fs::read_dir(root.join("docs")).context("docs")? {
        let name = format!("docs/{}", entry?.file_name().to_string_lossy());
        if name.ends_with(".md") && name != super::SUMMARY && !listed.contains(&name) {
            problems.push(format!("{}: does not list {name}", super::SUMMARY));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::problems;

    fn of(name: &str, text: &str) -> Vec<String> {
        problems(name, text, |file| (file == "a.rs").then(|| "fn a() {}\nfn b() {}\n".to_string()))
    }

    #[test]
    fn a_long_readme_is_found() {
        assert!(of("README.md", &"word ".repeat(700)).is_empty());
        assert_eq!(of("README.md", &"word ".repeat(701)), ["README.md: 701 words of at most 700"]);
        assert!(of("docs/a.md", &"word ".repeat(701)).is_empty());
    }

    #[test]
    fn every_block_says_what_it_is_and_commands_are_run() {
        assert!(of("docs/a.md", "```sh\ndermx a\n```\n\n```text\nUsage: dermx\n```\n").is_empty());
        assert_eq!(of("docs/a.md", "```\nx\n```\n").len(), 1);
        assert_eq!(of("docs/a.md", "a\n\n    dermx train\n").len(), 2);
        assert_eq!(of("docs/a.md", "```text\ndermx a\n```\n").len(), 1);
    }

    #[test]
    fn rust_is_from_a_file() {
        assert!(of("docs/a.md", "```rust,from=a.rs\nfn b() {}\n```\n").is_empty());
        assert_eq!(of("docs/a.md", "```rust,from=a.rs\nfn c() {}\n```\n").len(), 1);
        assert_eq!(of("docs/a.md", "```rust,from=b.rs\nfn b() {}\n```\n").len(), 1);
        assert_eq!(of("docs/a.md", "```rust\nfn b() {}\n```\n").len(), 1);
    }

    #[test]
    fn chapters_do_not_link_out_of_the_book() {
        assert_eq!(of("docs/a.md", "[a](../b.md)").len(), 1);
        assert!(of("docs/a.md", "[a](b.md) [c](https://d)").is_empty());
        assert!(of("README.md", "[a](../b.md)").is_empty());
    }
}
