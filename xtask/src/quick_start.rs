//! The README's first command, exactly as printed, and what comes out of it: the scores that README and book
//! print (`experiments/quickstart.json`), and the files that the book lists.

mod record;

use crate::book::unlisted_files;
use crate::cargo::{build, root, succeed};
use crate::pages;
use crate::terminal::tell;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use wait4::Wait4;

const BEGIN: &str = "<!-- checked commands -->";
const END: &str = "<!-- end of checked commands -->";

/// What the quick start has to reach.
const MIN_MACRO_F1: f64 = 0.80;

/// Runs the README's first command in the root of the project, looks at the run that it made, and
/// removes the run if all is well.
pub fn run() -> Result<()> {
    let commands = commands(&fs::read_to_string(root().join("README.md"))?)?;
    let command = commands.first().context("README.md has no command")?;
    // Compiled ahead, so that time and memory below are those of the command.
    succeed(&mut build())?;
    let before = run_folders()?;
    tell(format!("$ {command}"));
    let mut shell = Command::new("sh");
    let (time, peak_gib) = measure(shell.args(["-c", command]).current_dir(root()))?;
    let after = run_folders()?;
    let made: Vec<&PathBuf> = after.difference(&before).collect();
    let [run] = made[..] else { bail!("`{command}` made {made:?}, expected one run folder") };
    check_run(run)?;
    // The browser's step looks at it.
    let kept = pages::quick_start();
    fs::create_dir_all(kept.parent().unwrap_or(&kept))?;
    fs::copy(run.join("report/index.html"), &kept)?;
    record::compare(run, time, peak_gib)?;
    let unlisted = unlisted_files(&root(), run)?;
    ensure!(unlisted.is_empty(), "docs/files.md does not list {}", unlisted.join(", "));
    fs::remove_dir_all(run).with_context(|| format!("cannot remove {}", run.display()))
}

fn run_folders() -> Result<BTreeSet<PathBuf>> {
    let runs = root().join("experiments/runs");
    if !runs.exists() {
        return Ok(BTreeSet::new());
    }
    fs::read_dir(runs)?.map(|entry| Ok(entry?.path())).collect()
}

/// Runs `command`; its time, and the peak memory in GiB of the largest of its processes, or 0 where the
/// system does not tell.
fn measure(command: &mut Command) -> Result<(Duration, f64)> {
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let end = child.wait4().with_context(|| format!("cannot wait for {command:?}"))?;
    ensure!(end.status.success(), "{command:?} ended with {}", end.status);
    let peak_gib = end.rusage.maxrss as f64 / f64::from(1 << 30);
    let time = start.elapsed();
    tell(format!("took {:.0} s, peak memory {peak_gib:.2} GiB", time.as_secs_f64()));
    Ok((time, peak_gib))
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
            "```" => is_shell = false,
            fence if fence.starts_with("```sh") => is_shell = true,
            "" => {}
            command if is_shell => commands.push(command.to_string()),
            _ => {}
        }
    }
    ensure!(!commands.is_empty(), "README.md has no commands between {BEGIN} and {END}");
    Ok(commands)
}

fn check_run(run: &Path) -> Result<()> {
    let page = run.join("report/index.html");
    let text =
        fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    ensure!(is_self_contained(&text), "{} loads something from elsewhere", page.display());
    let seeds = seed_folders(run)?;
    ensure!(seeds.len() == 2, "{} has {} seeds, expected 2", run.display(), seeds.len());
    for seed in &seeds {
        judge_folder(seed, &["random"])?;
    }
    // Of one seed a Gaussian in the middle may hold as much: lesions lie near it.
    judge_folder(run, &["random", "centre_gaussian"])
}

fn judge_folder(folder: &Path, baselines: &[&str]) -> Result<()> {
    let path = folder.join("eval.json");
    let record: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
    let summary = judge(&record, baselines).with_context(|| path.display().to_string())?;
    tell(format!("{}: {summary}", folder.display()));
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

/// Expects a network that learned its task, and looks where the experts look rather than where `baselines` do.
fn judge(record: &Value, baselines: &[&str]) -> Result<String> {
    let mean = |score: &Value| score["mean"].as_f64().context("there is no mean");
    let macro_f1 = mean(&record["diagnosis"]["macro_f1"])?;
    ensure!(macro_f1 >= MIN_MACRO_F1, "macro-F1 is {macro_f1:.3}, expected {MIN_MACRO_F1}");
    let mass = mean(&record["explanation"]["Union"]["mass"])?;
    for baseline in baselines {
        let other = mean(&record["baselines"][*baseline]["Union"]["mass"])?;
        if mass <= other {
            bail!("{mass:.3} of the heat maps' mass is on lesions, of {baseline} {other:.3}");
        }
    }
    Ok(format!("macro-F1 {macro_f1:.3}, mass on lesions {mass:.3}"))
}

/// Whether nothing that loads something names another place. Links to click on may.
fn is_self_contained(page: &str) -> bool {
    let links = page.split("<link ").skip(1).filter_map(|rest| rest.split('>').next());
    let mut parts = links.map(|tag| ("href=", tag)).collect::<Vec<_>>();
    parts.extend(["src=", "srcset=", "@import", "url("].map(|load| (load, page)));
    parts.iter().all(|(load, text)| text.split(load).skip(1).all(is_inside))
}

fn is_inside(target: &str) -> bool {
    let target = target.trim_start_matches(['"', '\'']);
    target.starts_with("data:") || target.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::{commands, is_self_contained, judge};
    use serde_json::json;

    #[test]
    fn only_shell_lines_between_the_marks_are_commands() {
        let readme = "```sh\nrm -rf /\n```\n<!-- checked commands -->\nText.\n```sh,step\ncargo a\n\n\
                      cargo b\n```\n```toml\nc = 1\n```\n<!-- end of checked commands -->\n";
        assert_eq!(commands(readme).unwrap(), ["cargo a", "cargo b"]);
        assert!(commands("```sh\ncargo a\n```").is_err());
        assert!(commands("<!-- checked commands --><!-- end of checked commands -->").is_err());
    }

    #[test]
    fn a_page_that_loads_from_elsewhere_is_found() {
        assert!(is_self_contained("<img src=\"data:image/jpeg;base64,AA\"><a href=\"https://a\">"));
        assert!(is_self_contained("<link rel=\"icon\" href=\"data:,\"><a href=\"b.html\">"));
        assert!(!is_self_contained("<img src=\"https://elsewhere/a.jpg\">"));
        assert!(!is_self_contained("<img src='a.jpg'>"));
        assert!(!is_self_contained("<style>a { background: url(https://a/b.png) }</style>"));
        assert!(!is_self_contained("<link rel=\"stylesheet\" href=\"a.css\">"));
    }

    #[test]
    fn a_network_that_looks_anywhere_is_refused() {
        let record = |macro_f1: f64, mass: f64| {
            json!({
                "diagnosis": {"macro_f1": {"mean": macro_f1}},
                "explanation": {"Union": {"mass": {"mean": mass}}},
                "baselines": {
                    "random": {"Union": {"mass": {"mean": 0.2}}},
                    "centre_gaussian": {"Union": {"mass": {"mean": 0.3}}},
                },
            })
        };
        let both = ["random", "centre_gaussian"];
        assert!(judge(&record(0.9, 0.31), &both).is_ok());
        assert!(judge(&record(0.79, 0.31), &both).is_err());
        assert!(judge(&record(0.9, 0.29), &both).is_err());
        assert!(judge(&record(0.9, 0.29), &both[..1]).is_ok());
        assert!(judge(&record(0.9, 0.19), &both[..1]).is_err());
        assert!(judge(&json!({}), &both).is_err());
    }
}
