//! Photos that change while a run is at work on them, or between its parts.

use crate::dermx::{
    FAULT, QUICK, TestResult, Workplace, assert_same_results, command, fail, stderr,
};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Long enough that a photo changes in the middle.
const LONG: [&str; 2] = ["--set", "run.epochs=12"];
const RESUME: [&str; 4] = ["train", "--resume", "--run", "run"];

/// All training photos, sorted.
fn photos(workplace: &Workplace) -> std::io::Result<Vec<PathBuf>> {
    let mut photos = Vec::new();
    for class in fs::read_dir(workplace.join("data/train"))? {
        for photo in fs::read_dir(class?.path())? {
            photos.push(photo?.path());
        }
    }
    photos.sort();
    Ok(photos)
}

/// Puts another photo in the place of `photo`, in one piece; returns what it was.
fn change(workplace: &Workplace, photo: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let before = fs::read(photo)?;
    let other = workplace.join("data/dermx/images");
    let other = fs::read_dir(other)?.next().ok_or("no photo")??.path();
    put(workplace, photo, &fs::read(other)?)?;
    Ok(before)
}

fn put(workplace: &Workplace, photo: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let made = workplace.join("made.jpg");
    fs::write(&made, bytes)?;
    fs::rename(&made, photo)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[test]
fn a_photo_that_changes_during_training_ends_the_run_which_then_goes_on_with_what_it_was()
-> TestResult {
    let workplace = Workplace::new()?;
    for (idx, cache) in ["data.cache=false", "data.cache=true"].into_iter().enumerate() {
        let more = [&QUICK[..], &["--set", cache, "--no-eval"], &LONG].concat();
        let run = format!("changed-{idx}/run");
        let mut child =
            workplace.train(&run, &more).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let metrics = workplace.join(&run).join("seed-0/metrics.jsonl");
        let start = Instant::now();
        while !metrics.exists() {
            assert!(child.try_wait()?.is_none(), "ended before its first epoch");
            assert!(start.elapsed() < Duration::from_secs(300), "no epoch after five minutes");
            std::thread::sleep(Duration::from_millis(1));
        }
        let photo = &photos(&workplace)?[5];
        let before = change(&workplace, photo)?;
        let output = child.wait_with_output()?;
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(65), "{cache}: {message}");
        for part in [&name(photo), "changed while"] {
            assert!(message.contains(part), "{cache}: no `{part}` in {message}");
        }
        let seed = workplace.join(&run).join("seed-0");
        assert!(!seed.join("run.json").exists(), "{cache}: certified");
        // Photos that are read every epoch are found out in the next one.
        let num_epochs = fs::read_to_string(&metrics)?.lines().count();
        assert_eq!(num_epochs == 12, cache == "data.cache=true", "{num_epochs} epochs");
        put(&workplace, photo, &before)?;
        let resumed = workplace.train(&run, &more).args(["--resume", "--quiet"]).output()?;
        assert!(resumed.status.success(), "{cache}: {}", stderr(&resumed));
    }
    let weights = |idx: usize| {
        fs::read(workplace.join(&format!("changed-{idx}/run/seed-0/weights.safetensors")))
    };
    assert!(weights(0)? == weights(1)?, "the changed photo was learned from");
    Ok(())
}

/// What may happen to the photos between two parts of a run.
#[derive(Debug, Clone, Copy)]
enum Drift {
    Changed,
    Removed,
    Added,
    Renamed,
}

impl Drift {
    /// Does it; the names that are told of.
    fn happen(self, workplace: &Workplace) -> Result<Vec<String>, Box<dyn Error>> {
        let photos = photos(workplace)?;
        let photo = &photos[5];
        let other = photo.with_file_name("another.jpg");
        let mut names = vec![name(photo)];
        match self {
            Self::Changed => drop(change(workplace, photo)?),
            Self::Removed => fs::remove_file(photo)?,
            Self::Added => {
                let test = workplace.join("data/dermx/images");
                fs::copy(fs::read_dir(test)?.next().ok_or("no photo")??.path(), &other)?;
                names = vec![name(&other)];
            }
            Self::Renamed => {
                fs::rename(photo, &other)?;
                names.push(name(&other));
            }
        }
        Ok(names)
    }
}

#[test]
fn a_run_goes_on_with_other_photos_only_where_that_is_allowed_and_its_certificate_says_so()
-> TestResult {
    for drift in [Drift::Changed, Drift::Removed, Drift::Added, Drift::Renamed] {
        let workplace = Workplace::new()?;
        // Ends in its fourth save, in the middle of the second epoch.
        let more = [&QUICK[..], &["--no-eval", "--set", "data.leaks=ignore"]].concat();
        let stopped = workplace.train_faulty("run", &more).env(FAULT, "ENOSPC@40").output()?;
        assert_eq!(stopped.status.code(), Some(74), "{}", stderr(&stopped));
        let names = drift.happen(&workplace)?;
        let parts: Vec<&str> = names.iter().map(String::as_str).chain(["--allow-drift"]).collect();
        fail(workplace.path(), &RESUME, 65, &parts)?;
        let allowed = [&RESUME[..], &["--no-eval", "--allow-drift"]].concat();
        let resumed = command(workplace.path(), &allowed).output()?;
        let message = stderr(&resumed);
        assert!(resumed.status.success(), "{drift:?}: {message}");
        let certificate = fs::read_to_string(workplace.join("run/seed-0/run.json"))?;
        let verified = command(workplace.path(), &["verify", "run"]).output()?;
        assert_eq!(verified.status.code(), Some(65), "{drift:?}: {}", stderr(&verified));
        let table = String::from_utf8_lossy(&verified.stdout);
        assert!(table.contains("drift"), "{drift:?}: {table}");
        for name in &names {
            assert!(message.contains(name), "{drift:?}: {message}");
            assert!(certificate.contains(name), "{drift:?}: {certificate}");
            assert!(table.contains(name), "{drift:?}: {table}");
        }
    }
    Ok(())
}

#[test]
fn a_run_whose_photos_stayed_has_no_word_of_drift_in_its_certificate() -> TestResult {
    let workplace = Workplace::new()?;
    let more = [&QUICK[..], &["--no-eval"]].concat();
    for (run, more) in [("one/run", &more[..]), ("other/run", &more)] {
        assert!(workplace.train(run, more).output()?.status.success());
    }
    // Allowed, and nothing drifted.
    let args = ["train", "--resume", "--run", "other/run", "--no-eval", "--allow-drift"];
    crate::dermx::succeed(workplace.path(), &args)?;
    assert_same_results(&workplace.join("one/run"), &workplace.join("other/run"))?;
    let certificate = fs::read_to_string(workplace.join("other/run/seed-0/run.json"))?;
    assert!(!certificate.contains("drift"), "{certificate}");
    fail(
        workplace.path(),
        &["train", "--config", "quickstart.toml", "--allow-drift"],
        2,
        &["--resume"],
    )
}
