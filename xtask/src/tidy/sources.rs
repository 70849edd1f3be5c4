//! What source files must not contain.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What a library must not use: surroundings are the command's business.
const SURROUNDINGS: [&str; 11] = [
    "std::env",
    "env::",
    "SystemTime",
    "Instant",
    "current_dir",
    "toml::",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "dbg!",
];

/// Reads `DERMX_SIMD`, which every use of the kernels has to see.
const READER_OF_ENVIRONMENT: &str = "crates/kernels/src/cpu/simd.rs";

/// What no program part may contain: errors are values. A comment above that says why it
/// cannot fail lets one pass.
const PANICS: [&str; 6] =
    [".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!", "unreachable!"];

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
    let is_library = path.starts_with("crates")
        && !path.starts_with("crates/cli")
        && path != Path::new(READER_OF_ENVIRONMENT);
    let code = code_only(text);
    let mut problems = Vec::new();
    let mut above = "";
    for ((idx, line), raw) in program_lines(&code).enumerate().zip(text.lines()) {
        let mut report = |what: &str, why: &str| {
            problems.push(format!("{}:{}: `{what}` {why}", path.display(), idx + 1));
        };
        if let Some(what) = SURROUNDINGS.iter().find(|what| is_library && has_word(line, what)) {
            report(what, "in a library; only `cli` knows its surroundings");
        }
        let is_excused = above.contains(EXCUSE);
        if let Some(what) = PANICS.iter().find(|what| !is_excused && has_word(line, what)) {
            report(what, "in program code; errors are values");
        }
        above = raw;
    }
    problems
}

/// Lines before the test module.
fn program_lines(code: &str) -> impl Iterator<Item = &str> {
    let is_test = |line: &str| line.starts_with("#[cfg(") && line.contains("test");
    let is_module = |line: &str| line.starts_with("mod ") && line.ends_with('{');
    let next = code.lines().skip(1).chain([""]);
    let lines = code.lines().zip(next);
    lines.take_while(move |(line, next)| !(is_test(line) && is_module(next))).map(|(line, _)| line)
}

/// Whether `line` has `word`, and not as a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        let continues = word.ends_with(is_name) && after.starts_with(is_name);
        let is_continued = word.starts_with(is_name) && before.ends_with(is_name);
        !continues && !is_continued
    })
}

/// Rust without what its comments and strings hold; every line stays where it is.
fn code_only(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = silent_length(rest);
        let (passage, after) = rest.split_at(length.max(first.len_utf8()));
        match length {
            0 => code.push_str(passage),
            _ => code.extend(passage.chars().filter(|character| *character == '\n')),
        }
        rest = after;
    }
    code
}

/// Bytes of the comment, string or character at the start of `text`; 0 if there is none.
fn silent_length(text: &str) -> usize {
    let until = |from: usize, end: &str| {
        let found = text.get(from..).and_then(|rest| rest.find(end));
        found.map_or(text.len(), |found| from + found + end.len())
    };
    let hashes = text.strip_prefix('r').map_or("", |raw| {
        let name = raw.trim_start_matches('#');
        if name.starts_with('"') { &raw[..raw.len() - name.len()] } else { "" }
    });
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        until(2, "*/")
    } else if text.starts_with("r\"") || !hashes.is_empty() {
        until(hashes.len() + 2, &format!("\"{hashes}"))
    } else if text.starts_with('"') {
        string_length(text)
    } else if text.starts_with("'\\") {
        until(3, "'")
    } else if let Some(rest) = text.strip_prefix('\'') {
        // One character between quotes; a lifetime has no second quote.
        let length = rest.chars().next().map_or(0, char::len_utf8);
        if rest[length..].starts_with('\'') { length + 2 } else { 0 }
    } else {
        0
    }
}

fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (idx, character) in text.char_indices().skip(1) {
        if character == '"' && !is_escaped {
            return idx + 1;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{code_only, is_program_part, problems_of};
    use std::path::Path;

    fn found(path: &str, text: &str) -> usize {
        problems_of(Path::new(path), text).len()
    }

    #[test]
    fn a_library_that_reads_the_clock_is_found_with_its_line() {
        let problems =
            problems_of(Path::new("crates/data/src/a.rs"), "\nlet t = Instant::now();\n");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("crates/data/src/a.rs:2: `Instant`"));
        assert_eq!(found("crates/cli/src/a.rs", "let t = Instant::now();"), 0);
        assert_eq!(found("crates/kernels/src/cpu/simd.rs", "let a = std::env::var(b);"), 0);
        assert_eq!(found("crates/kernels/src/cpu/conv.rs", "let a = std::env::var(b);"), 1);
    }

    #[test]
    fn every_look_at_the_surroundings_is_found() {
        for line in [
            "use std::env;",
            "use std::{env::var, fs};",
            "let a = env::args();",
            "use std::time::SystemTime;",
            "let a = current_dir();",
            "let a = toml::from_str(b);",
            "println!(\"a\");",
            "eprintln!();",
            "dbg!(a);",
        ] {
            assert_eq!(found("crates/data/src/a.rs", line), 1, "{line}");
        }
        assert_eq!(found("crates/data/src/a.rs", "env!(\"CARGO_PKG_VERSION\") + Instantiated"), 0);
    }

    #[test]
    fn panics_are_found_in_program_code_only() {
        assert_eq!(found("crates/cli/src/a.rs", "a.unwrap();\nb.expect(\"c\");"), 2);
        assert_eq!(found("crates/cli/src/a.rs", "// a.unwrap()\nlet b = \".unwrap()\";"), 0);
        assert_eq!(found("crates/cli/src/a.rs", "#[cfg(test)]\nmod tests {\na.unwrap();\n}"), 0);
        assert_eq!(found("crates/cli/src/a.rs", "#[cfg(test)]\nuse b;\na.unwrap();"), 1);
        for line in ["panic!()", "todo!()", "unimplemented!()", "unreachable!()"] {
            assert_eq!(found("xtask/src/a.rs", line), 1, "{line}");
        }
        let excused = "// Cannot fail: b is 1.\na.unwrap();\nb.unwrap();";
        assert_eq!(found("crates/cli/src/a.rs", excused), 1);
        assert!(!is_program_part(Path::new("crates/cli/tests/a.rs")));
        assert!(is_program_part(Path::new("xtask/src/main.rs")));
    }

    #[test]
    fn comments_strings_and_characters_are_no_code() {
        assert_eq!(code_only("a(\"b\\\"c\", d) // e\nf"), "a(, d) \nf");
        assert_eq!(code_only("a /* b\nc */ d"), "a \n d");
        assert_eq!(code_only("a('\"', '\\'', b)"), "a(, , b)");
        assert_eq!(code_only("a(r#\"b\"c\"#, r\"d\\\", e)"), "a(, , e)");
        assert_eq!(code_only("fn a<'b>(c: &'b d)"), "fn a<'b>(c: &'b d)");
        assert_eq!(code_only("a(\"b\nc\");\nd"), "a(\n);\nd");
        assert_eq!(found("crates/cli/src/a.rs", "let a = \"https://b\"; c.unwrap();"), 1);
    }
}
