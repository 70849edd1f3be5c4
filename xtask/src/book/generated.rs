//! Parts of the book that are written from the code: between `<!-- generated: NAME -->` and
//! `<!-- end of generated -->`.
//!
//! Their sources are files that tests compare with the program: snapshots of every help text, the golden report.

use super::speed;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

const END: &str = "<!-- end of generated -->";
const HELP: &str = "crates/cli/tests/cli/snapshots/help";

/// A part: where it stands, what it is called, and who writes it.
struct Part {
    document: &'static str,
    name: &'static str,
    write: fn(&Path) -> Result<String>,
}

const PARTS: [Part; 4] = [
    Part { document: "docs/commands.md", name: "commands", write: commands },
    Part { document: "docs/exit-codes.md", name: "exit codes", write: exit_codes },
    Part { document: "docs/scores.md", name: "scores", write: scores },
    Part { document: "docs/speed.md", name: "networks", write: speed::table },
];

/// The parts that are not what the code says.
pub fn problems(root: &Path) -> Vec<String> {
    let problem = |part: &Part| match updated(root, part) {
        Ok((old, new)) if old == new => None,
        Ok(_) => Some(format!(
            "{}: `{}` is not what the code says; `cargo xtask book --write` writes it anew",
            part.document, part.name
        )),
        Err(error) => Some(format!("{}: {error:#}", part.document)),
    };
    PARTS.iter().filter_map(problem).collect()
}

/// Writes every part anew.
pub fn write(root: &Path) -> Result<()> {
    for part in &PARTS {
        let (old, new) = updated(root, part).context(part.document)?;
        if old != new {
            fs::write(root.join(part.document), new).context(part.document)?;
        }
    }
    Ok(())
}

/// The document as it is, and as it has to be.
fn updated(root: &Path, part: &Part) -> Result<(String, String)> {
    let old = read(root, part.document)?;
    let new = replaced(&old, part.name, &(part.write)(root)?)?;
    Ok((old, new))
}

/// `text` with `part` between the marks of `name`.
fn replaced(text: &str, name: &str, part: &str) -> Result<String> {
    let begin = format!("<!-- generated: {name} -->");
    let (before, rest) = text.split_once(&begin).with_context(|| format!("has no {begin}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("has no {END}"))?;
    Ok(format!("{before}{begin}\n\n{}\n\n{END}{after}", part.trim()))
}

pub(super) fn read(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}

/// Every command with its help.
fn commands(root: &Path) -> Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(root.join(HELP))
        .with_context(|| format!("cannot read {HELP}"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|kind| kind == "snap"));
    files.sort_by_key(|path| path.file_stem().map(|name| name.to_os_string()));
    let command =
        |path: &PathBuf| help(&fs::read_to_string(path)?).context(path.display().to_string());
    Ok(files.iter().map(command).collect::<Result<Vec<_>>>()?.join("\n"))
}

/// A snapshot of a help text as a section.
fn help(snapshot: &str) -> Result<String> {
    let (head, text) = snapshot
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .context("this is no snapshot")?;
    let command = head.lines().find_map(|line| line.strip_prefix("description: "));
    let command = command.and_then(|line| line.strip_suffix(" --help")).context("of no help")?;
    Ok(format!("## `{command}`\n\n```text\n{}\n```\n", text.trim_end()))
}

/// The exit codes, from the function that chooses them and the words at its kinds of failure.
fn exit_codes(root: &Path) -> Result<String> {
    let codes = read(root, "crates/cli/src/error.rs")?;
    let words = read(root, "crates/work/src/failure.rs")?;
    let mut rows = vec!["| code | what it says |\n|---|---|\n| 0 | Done. |".to_string()];
    for line in codes.lines().filter_map(|line| line.trim().strip_prefix("Failure::")) {
        if let Some((kind, code)) = line.strip_suffix(',').and_then(|line| line.split_once(" => "))
        {
            let said = said_of(&words, kind).with_context(|| format!("no words at {kind}"))?;
            rows.push(format!("| {code} | {said} |"));
        }
    }
    Ok(rows.join("\n"))
}

/// The comment of the variant `kind` in the source `text`.
fn said_of(text: &str, kind: &str) -> Option<String> {
    let (before, _) = text.split_once(&format!("\n    {kind},"))?;
    let comment = before.lines().rev().map_while(|line| line.trim().strip_prefix("/// "));
    let mut lines: Vec<&str> = comment.collect();
    lines.reverse();
    Some(lines.join(" "))
}

/// The table of definitions, as the report has it.
fn scores(root: &Path) -> Result<String> {
    let report = read(root, "crates/report/tests/report/golden.md")?;
    let (_, rest) = report.split_once("Definitions of the scores.").context("no definitions")?;
    let (table, _) = rest.split_once("\n## ").context("nothing behind the definitions")?;
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).collect();
    Ok(rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{help, replaced, said_of};

    #[test]
    fn a_part_is_replaced_between_its_marks() {
        let text = "a\n<!-- generated: x -->\nold\n<!-- end of generated -->\nb\n";
        let new = replaced(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- generated: x -->\n\nnew\n\n<!-- end of generated -->\nb\n");
        assert!(replaced(text, "y", "new").is_err());
    }

    #[test]
    fn a_snapshot_becomes_a_section() {
        let snapshot = "---\nsource: a.rs\ndescription: dermx a b --help\n---\nDoes b.\n\n";
        assert_eq!(help(snapshot).unwrap(), "## `dermx a b`\n\n```text\nDoes b.\n```\n");
        assert!(help("Does b.").is_err());
    }

    #[test]
    fn comments_of_variants_are_found() {
        let text = "enum A {\n    /// One\n    /// two.\n    B,\n    /// Three.\n    C,\n}\n";
        assert_eq!(said_of(text, "B").as_deref(), Some("One two."));
        assert_eq!(said_of(text, "C").as_deref(), Some("Three."));
        assert_eq!(said_of(text, "D"), None);
    }
}
