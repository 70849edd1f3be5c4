//! The hour, the language and the folders of a machine change no result.

#![cfg(unix)]

use crate::dermx::{TestResult, command, fail, stderr};
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

fn foreign(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/foreign_heatmaps").join(name)
}

fn copy(from: &Path, to: &Path) -> TestResult {
    Ok(crate::dermx::copy(from, to)?)
}

/// The scores of foreign maps, in `folder`, into its `scores`: bytes of all that is written.
fn scores(
    folder: &Path,
    change: impl FnOnce(&mut Command),
) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut evaluate = command(folder, &["evaluate"]);
    for (option, name) in
        [("--data", "data"), ("--heatmaps", "maps"), ("--predictions", "predictions.csv")]
    {
        evaluate.arg(option).arg(folder.join(name));
    }
    evaluate.arg("--out").arg(folder.join("scores"));
    change(&mut evaluate);
    let output = evaluate.output()?;
    assert!(output.status.success(), "{}: {}", folder.display(), stderr(&output));
    let names = ["eval.json", "per_image.csv", "diagnoses.csv"];
    Ok(names
        .map(|name| fs::read(folder.join("scores").join(name)))
        .into_iter()
        .collect::<Result<_, _>>()?)
}

/// A folder with the maps of another program.
fn prepared(folder: &Path) -> TestResult {
    for name in ["data", "maps"] {
        copy(&foreign(name), &folder.join(name))?;
    }
    fs::copy(foreign("predictions.csv"), folder.join("predictions.csv"))?;
    Ok(())
}

#[test]
fn results_do_not_depend_on_hour_language_or_folder() -> TestResult {
    let root = tempfile::tempdir()?;
    let here = root.path().join("data-here");
    prepared(&here)?;
    let expected = scores(&here, |_| {})?;
    for (name, value) in [
        ("TZ", "Pacific/Kiritimati"),
        ("TZ", "nonsense/../zone"),
        ("LC_ALL", "de_DE.UTF-8"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LANG", "C"),
        ("LC_NUMERIC", "fr_FR"),
    ] {
        assert_eq!(
            scores(&here, |command| {
                command.env(name, value);
            })?,
            expected,
            "{name}={value}"
        );
    }
    // A folder that cannot be written to, as the current one.
    let closed = root.path().join("closed");
    fs::create_dir(&closed)?;
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o555))?;
    assert_eq!(
        scores(&here, |command| {
            command.current_dir(&closed);
        })?,
        expected
    );
    // Files from the future, as after a clock was put back.
    for name in ["predictions.csv", "maps/plain.npy", "scores/eval.json"] {
        let future = SystemTime::now() + Duration::from_secs(400 * 24 * 3600);
        fs::File::options().append(true).open(here.join(name))?.set_modified(future)?;
    }
    assert_eq!(scores(&here, |_| {})?, expected);
    let odd = [
        OsString::from("with spaces, and 'quotes'"),
        OsString::from("größe 皮膚"),
        OsString::from_vec(b"not-utf8-\xff\xfe".to_vec()),
        // 260 letters and more in all.
        OsString::from(["x".repeat(130), "y".repeat(130)].join("/")),
    ];
    for name in odd {
        let parent = root.path().join(name);
        let folder = parent.join("data-here");
        fs::create_dir_all(&folder)?;
        prepared(&folder)?;
        assert_eq!(scores(&folder, |_| {})?, expected, "{}", folder.display());
    }
    Ok(())
}

#[test]
fn a_clock_that_jumps_takes_no_unit_from_whoever_works_on_it() -> TestResult {
    let workplace = crate::dermx::Workplace::new()?;
    let args = crate::sweep::plan_args("sweep", &["--dry-run", "--lease", "1"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    crate::dermx::succeed(workplace.path(), &args)?;
    let unit = crate::sweep::units(&workplace, "sweep")?.remove(0);
    // Claims of machines whose clocks are years behind and ahead: neither says who is alive.
    for unix_s in [0_u64, 1 << 40] {
        let claim = serde_json::json!({
            "owner": "another machine", "state": "working", "beat": 3, "unix_s": unix_s, "since_unix_s": unix_s
        });
        fs::write(workplace.join("sweep/claims").join(format!("{unit}.1")), claim.to_string())?;
        let status = |more: &[&str]| -> Result<serde_json::Value, Box<dyn Error>> {
            let args = [&["sweep", "status", "sweep", "--json"], more].concat();
            let output = crate::dermx::succeed(workplace.path(), &args)?;
            Ok(serde_json::from_slice(&output.stdout)?)
        };
        let now = status(&["--now"])?;
        assert_eq!(
            (&now["is_watched"], now["running"].as_array().map(Vec::len)),
            (&false.into(), Some(1))
        );
        // No sign of life while this process watched, by its own clock.
        let watched = status(&[])?;
        assert_eq!(
            (&watched["is_watched"], &watched["lost"][0]["unit"]),
            (&true.into(), &unit.clone().into())
        );
    }
    fail(workplace.path(), &["sweep", "collect", "sweep"], 66, &["have no result"])
}
