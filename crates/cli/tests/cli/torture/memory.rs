//! Commands that get less memory than they need: they say what to do, or they had enough.

use super::{Cases, ensure, part};
use crate::dermx::{Files, QUICK, TestResult, Workplace, results, stderr};
use dermx_train::{CheckpointStore, read_checkpoint};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Megabytes of address space: from what hardly holds the program to what is enough for the work.
const LIMITS: [u64; 10] = [100, 140, 180, 220, 260, 310, 370, 430, 500, 1500];

/// What no user is to read.
const INTERNALS: [&str; 4] = ["backtrace", "panicked", "internal fault", "memory allocation of"];

/// The command with `args` in `folder` with `megabytes` of address space.
fn limited(folder: &Path, megabytes: u64, args: &[String]) -> Command {
    let mut command = Command::new("sh");
    let script = "ulimit -v $1; shift; exec \"$@\"";
    command.args(["-c", script, "sh", &(megabytes * 1024).to_string()]);
    command.arg(env!("CARGO_BIN_EXE_dermx")).args(args);
    // Every thread takes address space of its own.
    command.current_dir(folder).env("RAYON_NUM_THREADS", "2").env("MALLOC_ARENA_MAX", "2");
    command
}

/// Runs it: success, or advice and 70.
fn says_what_to_do(folder: &Path, megabytes: u64, args: &[String]) -> TestResult {
    let output = limited(folder, megabytes, args).output()?;
    let message = stderr(&output);
    for part in INTERNALS {
        ensure(!message.contains(part), || format!("`{part}` in: {message}"))?;
    }
    if output.status.success() {
        return Ok(());
    }
    ensure(output.status.code() == Some(70), || format!("{}: {message}", output.status))?;
    for part in ["error: ", "memory", "batch"] {
        ensure(message.contains(part), || format!("no `{part}` in: {message}"))?;
    }
    Ok(())
}

/// An error that names a result in `run` that is not the one of the undisturbed run, or a checkpoint that
/// is not whole.
fn ensure_no_torn_file(run: &Path, undisturbed: &Files) -> TestResult {
    if !run.exists() {
        return Ok(());
    }
    let store = CheckpointStore::new(run.join("seed-0/checkpoints"));
    store.list()?.iter().try_for_each(|folder| read_checkpoint(folder).map(drop))?;
    for (name, bytes) in results(run)? {
        let is_growing = name.contains("/metrics.") || name.contains("tensorboard");
        let is_other = name.contains("/checkpoints/") || name.contains(".partial");
        let whole = undisturbed.iter().find(|(other, _)| *other == name);
        let is_same = whole.is_some_and(|(_, whole)| match is_growing {
            true => whole.starts_with(&bytes),
            false => *whole == bytes,
        });
        ensure(is_other || is_same, || format!("{name} is torn"))?;
    }
    Ok(())
}

#[test]
fn a_command_without_memory_says_what_to_do_and_tears_no_file() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(workplace.train("undisturbed/run", &QUICK).output()?.status.success());
    let undisturbed = results(&workplace.join("undisturbed/run"))?;
    let predict = "predict --run undisturbed/run --images data/dermx/images --out p.csv --overwrite --batch 12";
    let predict: Vec<String> = predict.split(' ').map(str::to_string).collect();
    let mut cases = Cases::default();
    for megabytes in part(LIMITS.to_vec(), 3) {
        let run = format!("{megabytes}/run");
        let mut train = Workplace::train_args(&run);
        train.extend(QUICK.map(str::to_string));
        let case = || -> Result<(), Box<dyn Error>> {
            says_what_to_do(workplace.path(), megabytes, &train)?;
            ensure_no_torn_file(&workplace.join(&run), &undisturbed)
        };
        cases.add(&format!("train in {megabytes} MB"), case());
        let _ = fs::remove_dir_all(workplace.join(&megabytes.to_string()));
    }
    for megabytes in part(LIMITS.to_vec(), 2) {
        cases.add(
            &format!("predict in {megabytes} MB"),
            says_what_to_do(workplace.path(), megabytes, &predict),
        );
    }
    cases.end()
}
