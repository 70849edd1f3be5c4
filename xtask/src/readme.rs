//! The README's commands, exactly as printed, where nobody has been before.

use crate::cargo::{BUILD, cargo, root, succeed, target_directory};
use crate::tidy::tracked_files;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use wait4::Wait4;

const BEGIN: &str = "<!-- checked commands -->";
const END: &str = "<!-- end of checked commands -->";

/// What the quick start may take. Its time is printed only: on a shared machine it proves nothing.
const MAX_MEMORY_GIB: f64 = 4.0;
/// What the quick start has to reach.
const MIN_MACRO_F1: f64 = 0.80;

/// Copies the project to a temporary folder, runs the README's commands there, and looks at what
/// the quick start made. Compiled crates are shared with this checkout.
pub fn run() -> Result<()> {
    let commands = commands(&fs::read_to_string(root().join("README.md"))?)?;
    let folder = tempfile::tempdir()?;
    copy_project(folder.path())?;
    // Cargo takes crates of the copy and of this checkout for the same, though paths are compiled
    // into them: what one built must not be left to the other.
    forget_workspace_crates()?;
    let end = run_all(&commands, folder.path());
    forget_workspace_crates()?;
    end?;
    check_quick_start(&folder.path().join("experiments/runs/quickstart-001"))
}

/// Removes what was built of the workspace; Burn and all other dependencies stay.
fn forget_workspace_crates() -> Result<()> {
    succeed(&mut cargo(&["clean", "--release", "--workspace", "--quiet"]))
}

fn run_all(commands: &[String], folder: &Path) -> Result<()> {
    let target = target_directory()?;
    let prepared = |mut command: Command| {
        command.current_dir(folder).env("CARGO_TARGET_DIR", &target).env_remove("DERMX_DATA");
        command
    };
    // Compiled ahead, so that time and memory below are those of the commands.
    succeed(&mut prepared(cargo(&BUILD)))?;
    succeed(prepared(cargo(&["xtask", "--help"])).stdout(Stdio::null()))?;
    for command in commands {
        eprintln!("$ {command}");
        let mut shell = Command::new("sh");
        shell.args(["-c", command]);
        let peak_gib = measure(&mut prepared(shell))?;
        // The tests' compilers may take what they need.
        let is_limited = command.contains("xtask train");
        ensure!(!is_limited || peak_gib <= MAX_MEMORY_GIB, "more than {MAX_MEMORY_GIB} GiB");
    }
    Ok(())
}

/// Runs `command`, and prints its time and memory; the peak memory in GiB of the largest of its
/// processes, or 0 where the system does not tell.
fn measure(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let end = child.wait4().with_context(|| format!("cannot wait for {command:?}"))?;
    ensure!(end.status.success(), "{command:?} ended with {}", end.status);
    let peak_gib = end.rusage.maxrss as f64 / f64::from(1 << 30);
    eprintln!("took {:.0} s, peak memory {peak_gib:.2} GiB", start.elapsed().as_secs_f64());
    Ok(peak_gib)
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
    for name in tracked_files()? {
        let (from, to) = (root().join(&name), to.join(&name));
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
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
        let readme = "```sh\nrm -rf /\n```\n<!-- checked commands -->\nText.\n```sh\ncargo a\n\n\
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
