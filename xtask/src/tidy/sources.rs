//! What source files must not contain.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What a library must not use: surroundings are the command's business.
const SURROUNDINGS: [&str; 9] = [
    "std::env",
    "env::var",
    "SystemTime",
    "Instant::now",
    "current_dir",
    "toml::",
    "println!(",
    "print!(",
    "dbg!(",
];

/// What no program part may contain: errors are values. A comment above that says why it
/// cannot fail lets one pass.
const PANICS: [&str; 6] =
    [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "unreachable!("];

const EXCUSE: &str = "// Cannot fail: ";

/// What is wrong with the Rust files among `files`.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in files.iter().filter(|path| is_program_part(path)) {
        let text = fs::read_to_string(root.join(path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        problems.extend(problems_of(path, &text));
    }
    Ok(problems)
}

/// Rust files below `src/`, so neither tests nor benchmarks nor examples.
fn is_program_part(path: &Path) -> bool {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    is_rust && path.components().any(|part| part.as_os_str() == "src")
}

fn problems_of(path: &Path, text: &str) -> Vec<String> {
    let is_library = path.starts_with("crates") && !path.starts_with("crates/cli");
    let mut problems = Vec::new();
    for (idx, line) in program_lines(text) {
        let mut report = |what: &str, why: &str| {
            problems.push(format!("{}:{}: `{what}` {why}", path.display(), idx + 1));
        };
        for what in SURROUNDINGS.iter().filter(|what| is_library && line.contains(**what)) {
            report(what, "in a library; only `cli` knows its surroundings");
        }
        let is_excused =
            idx > 0 && text.lines().nth(idx - 1).is_some_and(|above| above.contains(EXCUSE));
        for what in PANICS.iter().filter(|what| !is_excused && line.contains(**what)) {
            report(what, "in program code; errors are values");
        }
    }
    problems
}

/// Lines without comments and strings, before the test module.
fn program_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"))
        .map(|(idx, line)| (idx, without_strings(line.split("//").next().unwrap_or_default())))
}

fn without_strings(line: &str) -> String {
    let mut code = String::new();
    let mut is_string = false;
    let mut is_escaped = false;
    for character in line.chars() {
        match character {
            '"' if !is_escaped => is_string = !is_string,
            _ if !is_string => code.push(character),
            _ => {}
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::{is_program_part, problems_of};
    use std::path::Path;

    fn found(path: &str, text: &str) -> usize {
        problems_of(Path::new(path), text).len()
    }

    #[test]
    fn a_library_that_reads_the_clock_is_found_with_its_line() {
        let problems =
            problems_of(Path::new("crates/data/src/a.rs"), "\nlet t = Instant::now();\n");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("crates/data/src/a.rs:2: `Instant::now`"));
        assert_eq!(found("crates/cli/src/a.rs", "let t = Instant::now();"), 0);
    }

    #[test]
    fn panics_are_found_in_program_code_only() {
        assert_eq!(found("crates/cli/src/a.rs", "a.unwrap();\nb.expect(\"c\");"), 2);
        assert_eq!(found("crates/cli/src/a.rs", "// a.unwrap()\nlet b = \".unwrap()\";"), 0);
        assert_eq!(found("crates/cli/src/a.rs", "#[cfg(test)]\nmod tests { a.unwrap(); }"), 0);
        let excused = "// Cannot fail: b is 1.\na.unwrap();\nb.unwrap();";
        assert_eq!(found("crates/cli/src/a.rs", excused), 1);
        assert!(!is_program_part(Path::new("crates/cli/tests/a.rs")));
        assert!(is_program_part(Path::new("xtask/src/main.rs")));
    }
}
