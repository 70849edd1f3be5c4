//! Names that others chose: in plans, folders, labels and links. Nothing is written outside the folder that was
//! asked for, and no terminal obeys them.

#![cfg(unix)]

use crate::dermx::{QUICK, TestResult, Workplace, command, fail, stderr, stdout, succeed};
use crate::sweep::{plan_args, units};
use std::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Every path below `folder`.
fn paths(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(paths(&path)?);
        }
        found.push(path);
    }
    found.sort();
    Ok(found)
}

#[test]
fn a_plan_names_nothing_outside_of_its_folder() -> TestResult {
    let workplace = Workplace::new()?;
    succeed(workplace.path(), &borrowed(&plan_args("sweep", &["--dry-run"])))?;
    let file = workplace.join("sweep/plan.json");
    let plan: serde_json::Value = serde_json::from_slice(&fs::read(&file)?)?;
    let before = paths(workplace.path())?;
    let long = "x".repeat(300);
    let names = [
        "../../evil",
        "/tmp/evil",
        "a/evil",
        "..\\evil",
        "C:\\evil",
        "C:evil",
        "evil\0",
        "evil\nevil",
        "..",
        "",
        ".evil",
        "\u{1b}[31mevil",
        &long,
    ];
    for key in ["name", "group", "config"] {
        for name in names {
            let mut changed = plan.clone();
            changed["units"][0][key] = name.into();
            fs::write(&file, changed.to_string())?;
            let parts = ["plan.json", key, "of a unit"];
            fail(workplace.path(), &["sweep", "run", "sweep", "--quiet"], 65, &parts)?;
            fail(workplace.path(), &["sweep", "status", "sweep", "--now"], 65, &parts)?;
        }
    }
    // Two units of one name would be one.
    let mut changed = plan.clone();
    changed["units"] = serde_json::json!([plan["units"][0], plan["units"][0]]);
    fs::write(&file, changed.to_string())?;
    fail(workplace.path(), &["sweep", "run", "sweep"], 65, &["two units are called"])?;
    // Letters that only look like a way out are letters; the unit is not the one that was planned.
    let mut changed = plan.clone();
    changed["units"][0]["name"] = "\u{2024}\u{2024}\u{2215}evil".into();
    fs::write(&file, changed.to_string())?;
    fail(workplace.path(), &["sweep", "run", "sweep", "--quiet"], 65, &["plan a new sweep"])?;
    let new: Vec<_> =
        paths(workplace.path())?.into_iter().filter(|path| !before.contains(path)).collect();
    let sweep = workplace.join("sweep");
    assert!(new.iter().all(|path| path.starts_with(&sweep)), "{new:?}");
    assert!(!Path::new("/tmp/evil").exists());
    Ok(())
}

#[test]
fn nothing_is_written_through_a_link_in_a_run() -> TestResult {
    let workplace = Workplace::new()?;
    let outside = workplace.join("outside");
    fs::create_dir(&outside)?;
    fs::write(outside.join("file"), "before")?;
    let short = [&QUICK[..], &["--set", "run.epochs=1", "--no-eval"]].concat();
    let output = workplace.train("run", &short).output()?;
    assert!(output.status.success(), "{}", stderr(&output));
    let resume = |code: i32, part: &str| -> TestResult {
        let output = workplace.train("run", &[&short[..], &["--resume"]].concat()).output()?;
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(part), "no `{part}` in {message}");
        Ok(())
    };
    // Files that are written whole take the links' places.
    for name in ["seed-0/metrics.csv", "seed-0/run.json", "split.csv"] {
        fs::remove_file(workplace.join("run").join(name))?;
        symlink(outside.join("file"), workplace.join("run").join(name))?;
    }
    resume(0, "")?;
    assert!(!workplace.join("run/split.csv").is_symlink());
    // What is appended to, and folders, are refused.
    for (name, is_folder) in [
        (".lock", false),
        ("seed-0/checkpoints", true),
        ("seed-0/tensorboard", true),
        ("seed-0", true),
    ] {
        let path = workplace.join("run").join(name);
        let kept = workplace.join("kept");
        fs::rename(&path, &kept)?;
        symlink(if is_folder { outside.clone() } else { outside.join("file") }, &path)?;
        resume(74, "is a symbolic link")?;
        fs::remove_file(&path)?;
        fs::rename(&kept, &path)?;
    }
    resume(0, "")?;
    assert_eq!(fs::read_dir(&outside)?.count(), 1);
    assert_eq!(fs::read_to_string(outside.join("file"))?, "before");
    // Of a sweep likewise: its run folders, its logs, the folders of all of them.
    succeed(workplace.path(), &borrowed(&plan_args("sweep", &["--dry-run"])))?;
    let unit = units(&workplace, "sweep")?.remove(0);
    symlink(outside.join("file"), workplace.join("sweep/logs").join(format!("{unit}.log")))?;
    fail(workplace.path(), &["sweep", "run", "sweep"], 74, &["is a symbolic link"])?;
    fs::remove_file(workplace.join("sweep/logs").join(format!("{unit}.log")))?;
    symlink(&outside, workplace.join("sweep/runs").join(&unit))?;
    fail(workplace.path(), &["sweep", "run", "sweep"], 74, &["is a symbolic link"])?;
    fs::remove_dir(workplace.join("sweep/accepted"))?;
    symlink(&outside, workplace.join("sweep/accepted"))?;
    fail(workplace.path(), &["sweep", "run", "sweep"], 74, &["accepted", "is a symbolic link"])?;
    assert_eq!(fs::read_dir(&outside)?.count(), 1);
    assert_eq!(fs::read_to_string(outside.join("file"))?, "before");
    Ok(())
}

#[test]
fn no_terminal_obeys_a_name() -> TestResult {
    let folder = tempfile::tempdir()?;
    // It clears the screen, names the window, and writes over the line before.
    let name = "\u{1b}[2J\u{1b}]0;x\u{7}\rgood\u{9b}31m\u{202e}";
    let photos = folder.path().join("photos");
    for class in [name, "plain"] {
        fs::create_dir_all(photos.join(class))?;
        for number in 0..2 {
            let photo = image::RgbImage::from_pixel(40, 30, image::Rgb([50 + number, 90, 20]));
            photo.save(photos.join(class).join(format!("{number}.png")))?;
        }
    }
    let absent = format!("absent-{name}");
    for args in [
        ["dataset", "describe", "--data", "photos"],
        ["dataset", "describe", "--data", &absent],
        ["sweep", "status", &absent, "--now"],
        ["dataset", "describe", "--data", "photos/plain"],
        ["report", &absent, "--out", "out"],
    ] {
        let output = command(folder.path(), &args).output()?;
        let printed = stdout(&output) + &stderr(&output);
        let obeyed = printed.chars().find(|&c| c.is_control() && !['\n', '\t'].contains(&c));
        assert_eq!(obeyed, None, "{args:?}: {printed:?}");
        if args.contains(&"photos") || args.contains(&&*absent) {
            assert!(printed.contains("\\u001b[2J"), "{args:?}: {printed}");
        }
    }
    // JSON says the same name.
    let output = succeed(folder.path(), &["dataset", "describe", "--data", "photos", "--json"])?;
    let found: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert!(
        found.to_string().contains(&serde_json::to_string(name)?.trim_matches('"').to_string()),
        "{found}"
    );
    Ok(())
}
