//! The README's commands, exactly as printed, where nobody has been before.

use crate::cargo::{self, output, root, succeed};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const BEGIN: &str = "<!-- checked commands -->";
const END: &str = "<!-- end of checked commands -->";

/// What the quick start may take.
const MAX_MEMORY_GIB: f64 = 4.0;
const MIN_MACRO_F1: f64 = 0.80;

/// Copies the project to a temporary folder, runs the README's commands there, and looks at what
/// the quick start made. Compiled crates are shared with this checkout.
pub fn run() -> Result<()> {
    let commands = commands(&fs::read_to_string(root().join("README.md"))?)?;
    // Compiled ahead, so that the time below is that of the run.
    cargo::build()?;
    let folder = tempfile::tempdir()?;
    copy_project(folder.path())?;
    for command in &commands {
        eprintln!("$ {command}");
        let start = Instant::now();
        succeed(
            Command::new("sh")
                .args(["-c", command])
                .current_dir(folder.path())
                .env("CARGO_TARGET_DIR", cargo::target_directory()?)
                .env_remove("DERMX_DATA"),
        )?;
        eprintln!("$ {command}: {:.0} s, compiling included", start.elapsed().as_secs_f64());
        if command.contains("quickstart") {
            check_memory()?;
        }
    }
    check_quick_start(&folder.path().join("experiments/runs/quickstart-001"))
}

/// The command lines of the README's `sh` blocks between the two marks.
pub fn commands(readme: &str) -> Result<Vec<String>> {
    let (_, rest) =
        readme.split_once(BEGIN).with_context(|| format!("README.md has no {BEGIN}"))?;
    let (part, _) = rest.split_once(END).with_context(|| format!("README.md has no {END}"))?;
    let mut commands = Vec::new();
    let mut is_shell = false;
    for line in part.lines().map(str::trim) {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            "" => {}
            command if is_shell => commands.push(command.to_string()),
            _ => {}
        }
    }
    ensure!(!commands.is_empty(), "README.md has no commands between {BEGIN} and {END}");
    Ok(commands)
}

/// Copies what is, or would be, in version control.
fn copy_project(to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["ls-files", "-z", "-co", "--exclude-standard"]);
    for name in output(&mut git)?.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root().join(name), to.join(name));
        // Removed here but not yet in version control.
        if !from.exists() {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

#[cfg(unix)]
fn check_memory() -> Result<()> {
    use nix::sys::resource::{UsageWho, getrusage};
    // Of the largest descendant so far: the quick start itself, or a compiler that needed more.
    let max_rss_kib = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    let gib = max_rss_kib as f64 / 1024.0 / 1024.0;
    eprintln!("peak memory: {gib:.2} GiB");
    ensure!(gib <= MAX_MEMORY_GIB, "more than {MAX_MEMORY_GIB} GiB");
    Ok(())
}

#[cfg(not(unix))]
fn check_memory() -> Result<()> {
    Ok(())
}

fn check_quick_start(run: &Path) -> Result<()> {
    let page = run.join("report/index.html");
    let text =
        fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    ensure!(is_self_contained(&text), "{} loads something from elsewhere", page.display());
    let seeds = seed_folders(run)?;
    ensure!(seeds.len() == 2, "{} has {} seeds, expected 2", run.display(), seeds.len());
    for seed in seeds {
        let path = seed.join("eval.json");
        let record: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        let summary = judge(&record).with_context(|| path.display().to_string())?;
        eprintln!("{}: {summary}", seed.display());
    }
    Ok(())
}

fn seed_folders(run: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(run)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seed-")) {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Expects a network that learned its task and looks where the experts look rather than anywhere.
fn judge(record: &Value) -> Result<String> {
    let mean = |score: &Value| score["mean"].as_f64().context("there is no mean");
    let macro_f1 = mean(&record["macro_f1"])?;
    ensure!(macro_f1 >= MIN_MACRO_F1, "macro-F1 is {macro_f1:.3}, expected {MIN_MACRO_F1}");
    let mass = mean(&record["table_6"]["Union"]["mass"])?;
    for baseline in ["random", "centre_gaussian"] {
        let other = mean(&record["baselines"][baseline]["Union"]["mass"])?;
        if mass <= other {
            bail!("{mass:.3} of the heat maps' mass is on lesions, of {baseline} {other:.3}");
        }
    }
    Ok(format!("macro-F1 {macro_f1:.3}, mass on lesions {mass:.3}"))
}

/// Whether no attribute that loads something names another place.
fn is_self_contained(page: &str) -> bool {
    let loads = ["src=\"", "<link ", "@import", "url("];
    loads.iter().all(|load| {
        page.split(load).skip(1).all(|rest| rest.starts_with("data:") || rest.starts_with('#'))
    })
}

#[cfg(test)]
mod tests {
    use super::{commands, is_self_contained, judge};
    use serde_json::json;

    #[test]
    fn only_shell_lines_between_the_marks_are_commands() {
        let readme = "```sh\nrm -rf /\n```\n<!-- checked commands -->\nText.\n```sh\ncargo a\n\n\
                      cargo b\n```\n```toml\nc = 1\n```\n<!-- end of checked commands -->\n";
        assert_eq!(commands(readme).unwrap(), ["cargo a", "cargo b"]);
        assert!(commands("```sh\ncargo a\n```").is_err());
        assert!(commands("<!-- checked commands --><!-- end of checked commands -->").is_err());
    }

    #[test]
    fn a_page_that_loads_from_elsewhere_is_found() {
        assert!(is_self_contained("<img src=\"data:image/jpeg;base64,AA\"><a href=\"https://a\">"));
        assert!(!is_self_contained("<img src=\"https://elsewhere/a.jpg\">"));
        assert!(!is_self_contained("<link rel=\"stylesheet\" href=\"a.css\">"));
    }

    #[test]
    fn a_network_that_looks_anywhere_is_refused() {
        let record = |macro_f1: f64, mass: f64| {
            json!({
                "macro_f1": {"mean": macro_f1},
                "table_6": {"Union": {"mass": {"mean": mass}}},
                "baselines": {
                    "random": {"Union": {"mass": {"mean": 0.2}}},
                    "centre_gaussian": {"Union": {"mass": {"mean": 0.3}}},
                },
            })
        };
        assert!(judge(&record(0.9, 0.31)).is_ok());
        assert!(judge(&record(0.79, 0.31)).is_err());
        assert!(judge(&record(0.9, 0.29)).is_err());
        assert!(judge(&json!({})).is_err());
    }
}
