//! Every call that writes a checkpoint fails once with every error: the run says so, and the checkpoint
//! before is whole. `crates/train/tests/checkpoint_faults.rs` does the same without processes.

use super::{Cases, ensure, ensure_same, part};
use crate::dermx::{FAULT, Files, QUICK, TestResult, Workplace, results, stderr, stdout};
use dermx_train::{CheckpointStore, read_checkpoint};
use std::error::Error;
use std::fs;
use std::process::Command;

/// By their names and Linux's numbers.
const ERRORS: [(&str, i32); 4] = [("EIO", 5), ("ENOSPC", 28), ("EACCES", 13), ("EDQUOT", 122)];

/// A checkpoint every other step, and the calls that write them.
const SETTINGS: [&str; 2] = ["--set", "run.checkpoint_every=2"];
const NUM_CALLS: usize = 78;

/// When this call fails the first checkpoint has its name.
const FIRST_SAVED: usize = 14;

fn train(workplace: &Workplace, run: &str) -> Command {
    let mut command = workplace.train_faulty(run, &QUICK);
    command.args(SETTINGS);
    command
}

/// Lets the call `number` fail, and then the run go on.
fn failed_at(workplace: &Workplace, number: usize, (name, code): (&str, i32)) -> TestResult {
    let run = format!("{name}-{number}/run");
    let fault = format!("{name}@{number}");
    let output = train(workplace, &run).env(FAULT, fault).output()?;
    let message = stderr(&output);
    ensure(output.status.code() == Some(74), || format!("{}: {message}", output.status))?;
    let reason = std::io::Error::from_raw_os_error(code).to_string();
    for part in ["error: ", "checkpoint could not be saved", "seed-0", &reason] {
        ensure(message.contains(part), || format!("no `{part}` in: {message}"))?;
    }
    let is_silent = stdout(&output).is_empty() && !message.contains("trained in");
    ensure(is_silent, || format!("a success is told: {}{message}", stdout(&output)))?;

    let store = CheckpointStore::new(workplace.join(&run).join("seed-0/checkpoints"));
    let saved = store.list()?;
    ensure(number < FIRST_SAVED || !saved.is_empty(), || "no checkpoint".to_string())?;
    saved.iter().try_for_each(|folder| read_checkpoint(folder).map(drop))?;
    Ok(())
}

/// Goes on with the run, which then ends as the undisturbed one.
fn goes_on(workplace: &Workplace, run: &str, undisturbed: &Files) -> TestResult {
    let output = train(workplace, run).args(["--resume", "--quiet"]).output()?;
    ensure(output.status.success(), || stderr(&output))?;
    ensure_same(undisturbed, &results(&workplace.join(run))?)
}

#[test]
fn whatever_call_fails_with_whatever_error_the_run_exits_74_and_goes_on() -> TestResult {
    let workplace = Workplace::new()?;
    assert!(train(&workplace, "undisturbed/run").output()?.status.success());
    let undisturbed = results(&workplace.join("undisturbed/run"))?;
    let mut cases = Cases::default();
    let faults: Vec<(usize, (&str, i32))> =
        (1..=NUM_CALLS).flat_map(|number| ERRORS.map(|error| (number, error))).collect();
    for (idx, (number, error)) in part(faults, 12).into_iter().enumerate() {
        let case = || -> Result<(), Box<dyn Error>> {
            failed_at(&workplace, number, error)?;
            let folder = format!("{}-{number}", error.0);
            // Going on takes as long as a run.
            if idx % 6 == 5 {
                goes_on(&workplace, &format!("{folder}/run"), &undisturbed)?;
            }
            Ok(fs::remove_dir_all(workplace.join(&folder))?)
        };
        cases.add(&format!("{} at call {number}", error.0), case());
    }
    cases.end()
}
