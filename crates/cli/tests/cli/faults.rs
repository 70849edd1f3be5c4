//! Checkpoints that cannot be written, or are not what was written.

use crate::dermx::{
    FAULT, QUICK, TestResult, Workplace, assert_same_results, fail, stderr, stdout,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Arguments that train, or go on with, the [`QUICK`] network.
fn args(run: &str, more: &[&str]) -> Vec<String> {
    let args = Workplace::train_args(run).into_iter();
    args.chain(QUICK.iter().chain(more).map(ToString::to_string)).collect()
}

fn resume(workplace: &Workplace, run: &str) -> std::io::Result<Output> {
    workplace.train(run, &QUICK).args(["--resume", "--quiet"]).output()
}

fn expect_io_error(output: &Output, what: &str) {
    let message = stderr(output);
    assert_eq!(output.status.code(), Some(74), "{what}: {message}");
    assert!(message.contains("checkpoint could not be saved"), "{what}: {message}");
    assert!(message.contains("checkpoints"), "{what}: {message}");
    assert_eq!(stdout(output), "", "{what}");
    assert!(!message.contains("trained in"), "{what}: {message}");
}

#[test]
fn a_failed_save_exits_74_and_the_run_goes_on_from_the_checkpoint_before() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &QUICK).output()?.status.success());
    // Making the first folder, half a weights file, the rename of the second checkpoint, a later one.
    for (idx, fault) in ["EACCES@1", "ENOSPC@4", "ENOSPC@24", "EACCES@37"].into_iter().enumerate() {
        let run = format!("failed-{idx}/run");
        let output = workplace.train_faulty(&run, &QUICK).env(FAULT, fault).output()?;
        expect_io_error(&output, fault);
        let resumed = resume(&workplace, &run)?;
        assert!(resumed.status.success(), "{fault}: {}", stderr(&resumed));
        assert_same_results(&workplace.join("undisturbed/run"), &workplace.join(&run))?;
    }
    let output = workplace.train_faulty("wrong/run", &QUICK).env(FAULT, "ENOSPC").output()?;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    Ok(())
}

/// `dermx` is what is released; `dermx-faulty` is for tests.
#[test]
fn the_command_that_is_released_knows_no_faults_on_request() -> TestResult {
    let knows_faults = |program: &str| -> std::io::Result<bool> {
        let bytes = fs::read(program)?;
        Ok(bytes.windows(FAULT.len()).any(|window| window == FAULT.as_bytes()))
    };
    assert!(!knows_faults(env!("CARGO_BIN_EXE_dermx"))?);
    assert!(knows_faults(env!("CARGO_BIN_EXE_dermx-faulty"))?);
    let workplace = Workplace::new()?;
    let output = workplace.train("run", &QUICK).arg("--no-eval").env(FAULT, "abort@1").output()?;
    assert!(output.status.success(), "{}", stderr(&output));
    Ok(())
}

/// The system itself refuses: files may not grow over a few megabytes, weights have 16.
#[cfg(unix)]
#[test]
fn a_save_that_the_system_refuses_exits_74() -> TestResult {
    let workplace = Workplace::new()?;
    let script = "trap '' XFSZ; ulimit -f 8000; exec \"$@\"";
    let mut limited = Command::new("sh");
    limited.current_dir(workplace.path()).args(["-c", script, "sh", env!("CARGO_BIN_EXE_dermx")]);
    let output = limited.args(args("run", &[])).output()?;
    expect_io_error(&output, "limited");
    let resumed = resume(&workplace, "run")?;
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    Ok(())
}

/// Checkpoint folders of seed 0, from oldest to newest.
fn checkpoints(run: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(run.join("seed-0/checkpoints"))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn flip(file: &Path) -> TestResult {
    let mut bytes = fs::read(file)?;
    let place = bytes.len() * 2 / 3;
    bytes[place] ^= 4;
    Ok(fs::write(file, bytes)?)
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_message_and_without_any_left_it_exits_65()
-> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &QUICK).output()?.status.success());
    // The run ends in its fourth save: the third checkpoint and the second are there.
    let output = workplace.train_faulty("run", &QUICK).env(FAULT, "ENOSPC@40").output()?;
    expect_io_error(&output, "fourth save");
    let run = workplace.join("run");
    let [before, newest] = <[PathBuf; 2]>::try_from(
        checkpoints(&run)?
            .into_iter()
            .filter(|path| !path.ends_with(".saving"))
            .collect::<Vec<_>>(),
    )
    .map_err(|paths| format!("{paths:?}"))?;
    flip(&newest.join("weights.safetensors"))?;
    let copy = workplace.join("copy");
    assert!(
        Command::new("cp")
            .args(["-r", "run", "copy"])
            .current_dir(workplace.path())
            .status()?
            .success()
    );
    let resumed = resume(&workplace, "run")?;
    let message = stderr(&resumed);
    assert!(resumed.status.success(), "{message}");
    let name = newest.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for part in ["damaged", &name, "weights.safetensors", "checkpoint before"] {
        assert!(message.contains(part), "{part} not in {message}");
    }
    assert_same_results(&workplace.join("undisturbed/run"), &run)?;
    // Set aside, for whoever wants to know what happened.
    assert!(run.join(format!("seed-0/checkpoints/{name}.damaged")).is_dir());

    let before = copy.join("seed-0/checkpoints").join(before.file_name().unwrap_or_default());
    fs::write(before.join("state.json"), "{")?;
    let args = args("copy", &["--resume"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let parts = ["no checkpoint is whole", "weights.safetensors", "state.json"];
    fail(workplace.path(), &args, 65, &parts)
}

#[test]
fn checkpoints_of_another_configuration_are_refused_key_by_key() -> TestResult {
    let workplace = Workplace::new()?;
    let output = workplace.train_faulty("run", &QUICK).env(FAULT, "ENOSPC@30").output()?;
    expect_io_error(&output, "third save");
    let config = workplace.join("run/config.toml");
    let text = fs::read_to_string(&config)?;
    let resume = ["train", "--resume", "--run", "run"];
    for (before, now, part) in [
        (
            "learning_rate = 0.0005",
            "learning_rate = 0.25",
            "train.learning_rate: before 0.0005, now 0.25",
        ),
        (
            "architecture = \"mobilenet_v2\"",
            "architecture = \"efficientnet_b0\"",
            "model.architecture: before \"mobilenet_v2\", now \"efficientnet_b0\"",
        ),
        ("brightness = \"none\"", "brightness = [0.5, 1.5]", "augment.brightness: before \"none\""),
        ("beta_1 = ", "beta_1 = 0.5 # ", "train.optimizer.beta_1"),
    ] {
        assert!(text.contains(before), "{before} not in {text}");
        fs::write(&config, text.replace(before, now))?;
        fail(workplace.path(), &resume, 65, &["belongs to another run", part])?;
    }
    Ok(())
}

#[test]
fn a_photo_that_changed_since_the_run_began_is_named() -> TestResult {
    let workplace = Workplace::new()?;
    let output = workplace.train_faulty("run", &QUICK).env(FAULT, "ENOSPC@30").output()?;
    expect_io_error(&output, "third save");
    let mut photos: Vec<PathBuf> = Vec::new();
    for class in fs::read_dir(workplace.join("data/train"))? {
        for photo in fs::read_dir(class?.path())? {
            photos.push(photo?.path());
        }
    }
    photos.sort();
    flip(&photos[3])?;
    let name = photos[3].file_name().unwrap_or_default().to_string_lossy().into_owned();
    fail(workplace.path(), &["train", "--resume", "--run", "run"], 65, &[&name, "other content"])
}

/// A link that leads to itself cannot be read, whoever asks: no damage, but a fault of the moment.
#[cfg(unix)]
#[test]
fn a_checkpoint_that_cannot_be_read_just_now_exits_74_and_is_used_once_it_can() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &QUICK).output()?.status.success());
    let output = workplace.train_faulty("run", &QUICK).env(FAULT, "ENOSPC@40").output()?;
    expect_io_error(&output, "fourth save");
    let run = workplace.join("run");
    let newest = checkpoints(&run)?.pop().ok_or("no checkpoint")?;
    let (file, away) = (newest.join("optimizer.safetensors"), workplace.join("away"));
    fs::rename(&file, &away)?;
    std::os::unix::fs::symlink(&file, &file)?;
    let before = checkpoints(&run)?;
    let args = args("run", &["--resume"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let parts = ["optimizer.safetensors", "could not be read", "nothing was changed"];
    fail(workplace.path(), &args, 74, &parts)?;
    assert_eq!(checkpoints(&run)?, before);
    fs::remove_file(&file)?;
    fs::rename(&away, &file)?;
    let resumed = resume(&workplace, "run")?;
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(!stderr(&resumed).contains("damaged"), "{}", stderr(&resumed));
    assert_same_results(&workplace.join("undisturbed/run"), &run)
}
