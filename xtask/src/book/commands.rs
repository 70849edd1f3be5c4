//! Running what README and book say: every block of `sh` in a shell, every block of `python` in Python.
//!
//! Marks behind the language say where a block does not run: see [`SKIPPED`].

use super::world::{World, quietly};
use crate::cargo::{build, root, succeed};
use crate::markdown::{Code, Document};
use crate::terminal::tell;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Marks of blocks that do not run here, and why.
const SKIPPED: [(&str, &str); 6] = [
    ("cluster", "needs a cluster"),
    ("gpu", "needs a GPU, or compiles for one"),
    ("install", "installs something; the step `python` and the release do that"),
    ("network", "downloads something"),
    ("photos", "needs photos that may not be passed on"),
    ("step", "is another step of the check"),
];
/// The mark of blocks that need the real annotations.
const ANNOTATIONS: &str = "annotations";
/// The mark of blocks that take longer.
const SLOW: &str = "slow";

/// Runs the commands of every document, in the order of `documents`, each document in a folder of its own;
/// how many blocks were skipped.
pub fn run(root: &Path, documents: &[String], is_full: bool) -> Result<usize> {
    succeed(&mut build())?;
    let world = World::make(root)?;
    let mut num_skipped = 0;
    for name in documents {
        let blocks = Document::parse(&fs::read_to_string(root.join(name))?).code;
        let folder = world.copy(name)?;
        for code in &blocks {
            if let Some(file) = code.value("file") {
                fs::write(folder.join(file), &code.text)?;
            }
            if code.language() != "sh" {
                continue;
            }
            let place = format!("{name}:{}", code.line);
            match reason_to_skip(code, is_full)? {
                Some(reason) => {
                    num_skipped += 1;
                    tell(format!("SKIPPED {place}: {reason}"));
                }
                None => run_block(&world, code, &folder).with_context(|| place)?,
            }
        }
    }
    Ok(num_skipped)
}

fn run_block(world: &World, code: &Code, folder: &Path) -> Result<()> {
    let start = Instant::now();
    quietly(&mut world.shell(&code.text, folder)).with_context(|| code.text.clone())?;
    let first = code.text.lines().next().unwrap_or_default();
    tell(format!("{:6.1} s  {first}", start.elapsed().as_secs_f64()));
    Ok(())
}

/// Why a block does not run, if it does not.
fn reason_to_skip(code: &Code, is_full: bool) -> Result<Option<&'static str>> {
    for mark in &code.info[1..] {
        if mark == ANNOTATIONS {
            if std::env::var_os("DERMX_DATA").is_none() {
                return Ok(Some("needs the real annotations: DERMX_DATA is not set"));
            }
        } else if mark == SLOW {
            if !is_full {
                return Ok(Some("takes long: with --full"));
            }
        } else if let Some((_, reason)) = SKIPPED.iter().find(|(name, _)| name == mark) {
            return Ok(Some(reason));
        } else {
            bail!("line {}: `{mark}` is no mark of a block", code.line);
        }
    }
    Ok(None)
}

/// Runs the blocks of Python of every chapter with `python`, in which the package is installed: those of a
/// chapter one after the other, as one program.
pub fn run_python(python: impl Fn() -> Command) -> Result<()> {
    let root = root();
    let world = World::make(&root)?;
    for name in super::documents(&root)? {
        let blocks = Document::parse(&fs::read_to_string(root.join(&name))?).code;
        let is_run = |code: &&Code| code.language() == "python" && code.info.len() == 1;
        let program: String = blocks.iter().filter(is_run).map(|code| code.text.as_str()).collect();
        if !program.is_empty() {
            let folder = world.copy(&name)?;
            quietly(python().args(["-c", &program]).current_dir(&folder))
                .with_context(|| name.clone())?;
            tell(format!("{name}: its Python runs"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::reason_to_skip;
    use crate::markdown::Code;

    fn reason(marks: &[&str], is_full: bool) -> Option<String> {
        let info = [&["sh"], marks].concat().iter().map(ToString::to_string).collect();
        let code = Code { info, text: String::new(), line: 1 };
        reason_to_skip(&code, is_full).unwrap_or(Some("unknown")).map(str::to_string)
    }

    #[test]
    fn marks_say_what_does_not_run() {
        assert_eq!(reason(&[], false), None);
        assert_eq!(reason(&["slow"], true), None);
        assert!(reason(&["slow"], false).is_some_and(|why| why.contains("--full")));
        assert!(reason(&["slow", "gpu"], true).is_some_and(|why| why.contains("GPU")));
        assert_eq!(reason(&["sloow"], true).as_deref(), Some("unknown"));
    }
}
